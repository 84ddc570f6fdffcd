"""Clips from files, by suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..errors import InputError
from ..motion.clip import Clip
from .arrays import read_npy, read_npz
from .bvh import read_bvh

Reader = Callable[[Path], Clip]
READERS: Final[dict[str, Reader]] = {".npz": read_npz, ".npy": read_npy, ".bvh": read_bvh}


def load(path: str | os.PathLike[str]) -> Clip:
    """A clip from .npz, .npy or .bvh; InputError for an unknown suffix, FormatError for wrong contents."""
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in READERS:
        names = list(READERS)
        got = f"got {suffix!r}" if suffix else "got none"
        raise InputError(f"{path}: expected a name that ends in {', '.join(names[:-1])} or {names[-1]}, {got}")
    return READERS[suffix](place)
