"""Motion that pages can save, the newest, and the files made of it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Final

from ..base.input_file import read_input
from ..motion.clip import Clip

SUFFIXES: Final = (".glb", ".vrma", ".bvh", ".npz")
_MOST_BYTES: Final = 64 << 20  # of all arrays; half an hour of motion
_LONGEST_NAME: Final = 60  # letters


class KeptClips:
    """The clips of the last turns, as many as fit."""

    def __init__(self) -> None:
        self._clips: dict[int, Clip] = {}

    def __contains__(self, turn: int) -> bool:
        return turn in self._clips

    def keep(self, turn: int, clip: Clip) -> list[int]:
        """Keep the clip of a turn; the turns whose clips had to go."""
        self._clips[turn] = clip
        gone = []
        while len(self._clips) > 1 and sum(map(_size, self._clips.values())) > _MOST_BYTES:
            gone.append(next(iter(self._clips)))
            del self._clips[gone[-1]]
        return gone

    def file(self, turn: int, suffix: str) -> tuple[bytes, str] | None:
        """A clip as the bytes of a file and its name; None for what is not kept, or not made.

        OutputError.
        """
        clip = self._clips.get(turn)
        if clip is None or suffix not in SUFFIXES:
            return None
        with tempfile.TemporaryDirectory(prefix="kinetoken-web-") as folder:
            path = Path(folder) / f"clip{suffix}"
            clip.save(path)
            return read_input(path), f"{_plain(clip.prompt) or 'motion'}-{turn}{suffix}"


def _size(clip: Clip) -> int:
    arrays = (clip.joints, clip.features, clip.codes)
    return sum(array.nbytes for array in arrays if array is not None)


def _plain(prompt: str) -> str:
    """The words of a prompt as a file's name: ASCII letters and digits, joined by hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", prompt.lower()))[:_LONGEST_NAME].rstrip("-")
