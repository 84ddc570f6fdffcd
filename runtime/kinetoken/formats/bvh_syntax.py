"""The syntax of BVH: a tree of joints and a table of channels.

Rotations are in degrees, applied in the order of the file. A position channel replaces the joint's
offset, as in Blender and MotionBuilder.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..motion.skeleton import Array64

MOST_JOINTS: Final = 1000
_CHANNELS: Final = {f"{axis}{kind}" for axis in "xyz" for kind in ("position", "rotation")}


@dataclass(frozen=True)
class BvhFile:
    """The content of a file, in its own unit."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each joint's parent, which comes before the joint; -1 for the root."""
    offsets: Array64
    """(J, 3) from the parent."""
    channels: tuple[tuple[str, ...], ...]
    """Of each joint, in lower case."""
    rows: Array64
    """(T, C), one row per frame."""
    frame_time: float
    """Seconds."""

    def above(self, joint: int) -> set[int]:
        """All joints between this one and the root."""
        found: set[int] = set()
        while (joint := self.parents[joint]) >= 0:
            found.add(joint)
        return found


def parse_bvh(text: str, longest: int) -> BvhFile:
    """Parse the text of a file; ValueError says in a few words what was found instead."""
    header, found, motion = text.lstrip("\ufeff").partition("MOTION")
    if not header.split()[:1] == ["HIERARCHY"]:
        raise ValueError("no HIERARCHY at its start")
    if not found:
        raise ValueError("a skeleton without MOTION")
    tree = _Tree(header.split()[1:])
    frames, frame_time, numbers = _motion_header(motion)
    if not 0 < frames <= longest:
        raise ValueError(f"{frames} frames where 1 to {longest} are read")
    width = sum(len(channels) for channels in tree.channels)
    rows = _numbers(numbers)
    if len(rows) != frames * width:
        raise ValueError(
            f"{len(rows)} numbers where {frames} frames of {width} channels were announced"
        )
    channels = tuple(tuple(names) for names in tree.channels)
    offsets = np.array(tree.offsets, np.float64)
    return BvhFile(
        tuple(tree.names),
        tuple(tree.parents),
        offsets,
        channels,
        rows.reshape(frames, width),
        frame_time,
    )


class _Tree:
    """The joints of the HIERARCHY section."""

    def __init__(self, words: list[str]) -> None:
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float]] = []
        self.channels: list[list[str]] = []
        self._open: list[int] = []  # joints whose braces are open; -1 for an end site
        self._words = iter(words)
        for word in self._words:
            self._take(word)
        if not self.names or self._open:
            raise ValueError("a HIERARCHY that is cut short")

    def _take(self, word: str) -> None:
        if word in ("ROOT", "JOINT"):
            self._joint(word)
        elif word == "End":
            self._words_of("Site", "{")
            self._open.append(-1)
        elif word == "OFFSET":
            offset = [float(self._next()) for _ in range(3)]
            if self._inside() >= 0:
                self.offsets[self._inside()] = offset
        elif word == "CHANNELS":
            self._channels()
        elif word == "}" and self._open:
            self._open.pop()
        else:
            raise ValueError(f"{word[:20]!r} in its HIERARCHY")

    def _joint(self, word: str) -> None:
        if (
            (word == "ROOT") == bool(self._open)
            or (word == "ROOT" and self.names)
            or len(self.names) >= MOST_JOINTS
        ):
            raise ValueError(f"a {word} where none can be")
        name = self._next()
        while (more := self._next()) != "{":  # a name with spaces
            name += f" {more}"
        self.parents.append(self._inside() if self._open else -1)
        self._open.append(len(self.names))
        self.names.append(name)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append([])

    def _channels(self) -> None:
        names = [self._next().lower() for _ in range(int(self._next()))]
        if self._inside() < 0 or not set(names) <= _CHANNELS:
            raise ValueError("channels that are none of BVH's")
        self.channels[self._inside()] = names

    def _inside(self) -> int:
        return self._open[-1] if self._open else -1

    def _words_of(self, *expected: str) -> None:
        for word in expected:
            if self._next() != word:
                raise ValueError(f"no {word!r} after an End")

    def _next(self) -> str:
        for word in self._words:
            return word
        raise ValueError("a HIERARCHY that is cut short")


def _motion_header(motion: str) -> tuple[int, float, str]:
    """Number of frames, seconds per frame, and the rest of the MOTION section."""
    _, found, rest = motion.partition("Frames:")
    count, timed, rest = rest.partition("Frame Time:")
    seconds, *numbers = rest.split(None, 1) or [""]
    if not found or not timed:
        raise ValueError("a MOTION section without Frames or Frame Time")
    frame_time = float(seconds)
    if not 1e-4 <= frame_time <= 1e4:
        raise ValueError(f"a Frame Time of {frame_time:g} s")
    return int(count), frame_time, "".join(numbers)


def _numbers(text: str) -> Array64:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.fromstring(text, np.float64, sep=" ")
        except (DeprecationWarning, ValueError):
            raise ValueError("frames that are not all numbers") from None


def solve_bvh(file: BvhFile, rows: Array64) -> tuple[Array64, Array64]:
    """Positions (T, J, 3), in the file's unit, and orientations (T, J, 3, 3) in rows (T, C)."""
    frames = len(rows)
    points = np.zeros((frames, len(file.names), 3))
    turned = np.zeros((frames, len(file.names), 3, 3))
    column = 0
    for joint, (parent, channels) in enumerate(zip(file.parents, file.channels, strict=True)):
        values = rows[:, column : column + len(channels)]
        column += len(channels)
        shift, local = _local(file.offsets[joint], channels, values)
        if parent < 0:
            points[:, joint], turned[:, joint] = shift, local
        else:
            above = turned[:, parent]
            points[:, joint] = points[:, parent] + (above @ shift[:, :, None])[..., 0]
            turned[:, joint] = above @ local
    return points, turned


def _local(offset: Array64, channels: tuple[str, ...], values: Array64) -> tuple[Array64, Array64]:
    """Translation (T, 3) and rotation (T, 3, 3) of a joint from its parent."""
    shift = np.repeat(offset[None], len(values), axis=0)
    local = np.repeat(np.eye(3)[None], len(values), axis=0)
    for index, channel in enumerate(channels):
        axis = "xyz".index(channel[0])
        if channel.endswith("position"):
            shift[:, axis] = values[:, index]
        else:
            local = local @ _turn(axis, np.radians(values[:, index]))
    return shift, local


def _turn(axis: int, angle: Array64) -> Array64:
    out = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1.0
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -out[:, j, i]
    return out
