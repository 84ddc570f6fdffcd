"""Clips to files, by suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..base.errors import InputError
from ..motion.clip import Clip
from .write_bvh import write_bvh
from .write_glb import write_glb
from .write_npz import write_npz
from .write_vrma import write_vrma

Writer = Callable[[Clip, str | os.PathLike[str]], None]
WRITERS: Final[dict[str, Writer]] = {
    ".npz": write_npz,
    ".bvh": write_bvh,
    ".glb": write_glb,
    ".vrma": write_vrma,
}

PICTURES: Final = (".mp4", ".gif", ".webp", ".png")
"""Suffixes of what the viewer writes."""


def writer_for(path: str | os.PathLike[str]) -> Writer:
    """The writer of the path's suffix; InputError names the known ones."""
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        names = list(WRITERS)
        got = f"got {suffix!r}" if suffix else "got none"
        film = f"; a film: kinetoken play ... --out {Path(path).name}" if suffix in PICTURES else ""
        raise InputError(
            f"{path}: expected a name that ends in {', '.join(names[:-1])} or {names[-1]}, {got}{film}"
        )
    return WRITERS[suffix]


def save(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write the clip whole or not at all. InputError for an unknown suffix or no motion, OutputError for the disk."""
    write = writer_for(path)
    if not len(clip):
        raise InputError(f"{path}: the clip has no frames; there is nothing to write")
    write(clip, path)
