"""Clips from files, by suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..base.errors import FormatError, InputError
from ..motion.clip import Clip
from .read_arrays import read_npy, read_npz
from .read_bvh import read_bvh

Reader = Callable[[Path], Clip]
READERS: Final[dict[str, Reader]] = {".npz": read_npz, ".npy": read_npy, ".bvh": read_bvh}

WRITTEN: Final = (".glb", ".vrma")
"""Suffixes of motion that is written, not read."""
PICTURES: Final = (
    ".mp4",
    ".gif",
    ".webp",
    ".png",
    ".jpg",
    ".jpeg",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
)
FOREIGN: Final = (
    ".gltf", ".fbx", ".vrm", ".vmd", ".pmx", ".usd", ".usda", ".usdc", ".usdz", ".dae", ".abc", ".obj", ".blend",
    ".c3d", ".trc", ".asf", ".amc", ".pkl", ".pickle", ".pt", ".pth", ".mat", ".h5", ".hdf5", ".csv", ".json",
    ".jsonl", ".txt", ".zip",
)  # fmt: skip
"""Suffixes of other files that hold motion in this trade, or might."""


def names_a_file(words: str) -> bool:
    """Whether the words name a file, there or not, rather than say what to do."""
    if Path(words).suffix.lower() in READERS:
        return True
    try:
        if Path(words).is_file():
            return True
    except (OSError, ValueError):  # too long, or not a name at all: words
        return False
    known = (*WRITTEN, *PICTURES, *FOREIGN)
    return not any(map(str.isspace, words)) and (
        "/" in words or os.sep in words or words.lower().endswith(known)
    )


def load(path: str | os.PathLike[str]) -> Clip:
    """A clip from .npz, .npy or .bvh; InputError for another suffix, FormatError for wrong contents or no such file."""
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in READERS:
        raise _unreadable(place, suffix)
    return READERS[suffix](place)


def _unreadable(place: Path, suffix: str) -> InputError | FormatError:
    """Why a file of this suffix is not read, and what to give instead."""
    kind = suffix[1:].upper()
    if suffix in WRITTEN:
        return InputError(
            f"{place}: {kind} is written, not read; give the .npz or .bvh of the same motion"
        )
    if suffix in PICTURES:
        return InputError(
            f"{place}: {kind} holds pictures, not motion; give the .npz or .bvh of the same motion"
        )
    try:
        missing = not place.exists()
    except (OSError, ValueError):
        missing = True
    if missing:
        return FormatError(f"{place}: there is no such file; check the path")
    names = list(READERS)
    got = f"got {suffix!r}" if suffix else "got none"
    return InputError(
        f"{place}: expected a name that ends in {', '.join(names[:-1])} or {names[-1]}, {got}"
    )
