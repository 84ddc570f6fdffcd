"""Chunks of a motion in a file as they come, so that they survive the process that makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from ..base.json_text import parse_json
from ..base.npy_file import LARGEST_ARRAY, read_npy_header, read_npy_values
from ..motion.clip import Chunk, Clip, MotionChunk, TextChunk

_TEXT: Final = np.uint8
"""Type of an array that is text; those of motion come in threes."""


@dataclass(frozen=True)
class SpoolHead:
    """What is known before the first chunk."""

    out: str | None
    """File or folder that the user asked for."""
    fps: float = 0.0
    prompt: str = ""
    seed: int | None = None
    robot: str | None = None
    """A robot whose motion the file holds; None: the human's."""
    rate: float | None = None
    """Frames per second of the robot; None: the usual."""


class ChunkSpool:
    """Writes to a file that another process reads if this one ends in the middle."""

    def __init__(self, file: IO[bytes], head: SpoolHead) -> None:
        self._file = file
        self._text(json.dumps(asdict(head)))
        file.flush()

    def add(self, chunk: Chunk) -> None:
        """Write down a chunk."""
        if isinstance(chunk, TextChunk):
            self._text(chunk.text)
        else:
            for array in (chunk.joints, chunk.features, chunk.codes):
                np.save(self._file, array, allow_pickle=False)
        self._file.flush()

    def clear(self) -> None:
        """Forget everything: it has been saved where it belongs."""
        self._file.seek(0)
        self._file.truncate()

    def _text(self, text: str) -> None:
        data = np.frombuffer(text.encode("utf-8", "surrogatepass"), _TEXT)
        np.save(self._file, data, allow_pickle=False)


def read_spool(file: IO[bytes]) -> tuple[SpoolHead, Clip] | None:
    """The head, and a clip of every whole chunk; None if nothing was written, or it was cleared."""
    arrays = _arrays(file)
    first = next(arrays, None)
    if first is None:
        return None
    head = SpoolHead(**parse_json(_decoded(first)))
    clip = Clip.from_chunks(_chunks(arrays), prompt=head.prompt, seed=head.seed)
    return head, replace(clip, fps=head.fps) if head.fps else clip


def _chunks(arrays: Iterator[NDArray[Any]]) -> Iterator[Chunk]:
    """Yield the chunks; one that was being written is left out."""
    start = 0
    for joints in arrays:
        if joints.dtype == _TEXT:
            yield TextChunk(_decoded(joints))
            continue
        features, codes = next(arrays, None), next(arrays, None)
        if features is None or codes is None:
            return
        yield MotionChunk(start, joints, features, codes)
        start += len(joints)


def _arrays(file: IO[bytes]) -> Iterator[NDArray[Any]]:
    """Yield the arrays up to the end, or to one that is not whole."""
    while True:
        try:
            yield read_npy_values(file, read_npy_header(file), LARGEST_ARRAY)
        except (ValueError, OSError):
            return


def _decoded(array: NDArray[np.uint8]) -> str:
    return array.tobytes().decode("utf-8", "surrogatepass")
