"""States: a run's cache as bytes. A line says whose it is; the engine's own bytes follow."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..base.errors import EngineError

STATE_MAGIC: Final = b"kinetoken state 1\n"
FOREIGN_STATE: Final = "this state of a run is damaged or of another model or engine; make it again"


def pack_state(fingerprint: str, length: int, rest: bytes) -> bytes:
    """The state of a run of so many tokens."""
    return STATE_MAGIC + f"{fingerprint}\n{length}\n".encode() + rest


def unpack_state(fingerprint: str, state: bytes, context: int) -> tuple[int, bytes]:
    """Tokens and the engine's part of a state that `pack_state` made for the same engine.

    EngineError for any other.
    """
    head = STATE_MAGIC + f"{fingerprint}\n".encode()
    if not state.startswith(head):
        raise EngineError(FOREIGN_STATE)
    number, _, rest = state[len(head) :].partition(b"\n")
    if not number.isdigit() or len(number) > 9 or int(number) > context:
        raise EngineError(FOREIGN_STATE)
    return int(number), rest


def exactly_sized(rest: bytes, size: int) -> bytes:
    """The same bytes. EngineError if there are not exactly `size`."""
    if len(rest) != size:
        raise EngineError(FOREIGN_STATE)
    return rest


def state_array(
    rest: bytes, kind: type[np.floating[Any]], shape: tuple[int, ...]
) -> NDArray[np.floating[Any]]:
    """The bytes as an array. EngineError if there are more or fewer than it takes."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.frombuffer(exactly_sized(rest, size), kind).reshape(shape)
