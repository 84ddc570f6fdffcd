"""How many bytes of weights a token reads."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Final

from ..backends.gguf_header import read_header
from ..backends.llamacpp_head import HEADS, WORTH_BYTES
from ..budget import weight_bytes
from ..manifest import Manifest

MOTION_ROWS: Final = 1025
"""Of the head that are allowed inside a block at the most: a level, and the end of the block."""


def read_per_token(folder: Path, manifest: Manifest) -> int:
    """Bytes that a token inside a block reads at the most: all weights, less the rows of a GGUF's head that are not allowed."""
    whole, lm = weight_bytes(manifest), manifest.language_model
    if lm.backend != "llamacpp":
        return whole
    with contextlib.suppress(OSError, ValueError):
        return whole - _unread(folder / lm.file, whole)
    return whole


def file_bits(folder: Path, manifest: Manifest) -> float | None:
    """Bits of a weight in the bundle itself: bytes over numbers; None where its file does not tell numbers from bytes."""
    lm = manifest.language_model
    if lm.backend != "llamacpp":
        return None
    with contextlib.suppress(OSError, ValueError):
        numbers = sum(math.prod(place.dims) for place in read_header(folder / lm.file).tensors.values())
        return 8 * manifest.files[lm.file].bytes / numbers if numbers else None
    return None


def _unread(path: Path, size: int) -> int:
    """Bytes of the head that are left out; a small head is multiplied whole."""
    tensors = read_header(path).tensors
    place = next((tensors[name] for name in HEADS if name in tensors), None)
    if place is None or len(place.dims) != 2:
        return 0
    after = min((other.offset for other in tensors.values() if other.offset > place.offset), default=size)
    head = after - place.offset
    return 0 if head < WORTH_BYTES else round(head * max(0, place.dims[1] - MOTION_ROWS) / place.dims[1])
