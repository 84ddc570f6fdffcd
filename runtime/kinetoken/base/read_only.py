"""Arrays that are handed out, and stay what they were."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Number = TypeVar("_Number", bound=np.generic)


def read_only(array: NDArray[_Number]) -> NDArray[_Number]:
    """The same numbers, without a copy, in an array that cannot be written to."""
    view = array.view()
    view.setflags(write=False)
    return view


def freeze_arrays(owner: Any, *names: str) -> None:
    """Make arrays of a frozen dataclass read-only, for its `__post_init__`; None stays None."""
    for name in names:
        if (array := getattr(owner, name)) is not None:
            object.__setattr__(owner, name, read_only(array))
