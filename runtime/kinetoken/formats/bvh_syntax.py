"""The syntax of BVH: a tree of joints and a table of channels.

Rotations are in degrees, applied in the order of the file. A position channel replaces the joint's
offset, as in Blender and MotionBuilder, unless most joints below the root show that it is added.
Liberties that other programs take are accepted: any case and line ends, comments, commas, End Sites
with names or channels, MOTION on the line of other words, its two headers in either order, a count
of frames that is one off, DOS's mark at the end.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..motion.skeleton import Array64

MOST_JOINTS: Final = 1000
_MOST_WORDS: Final = 20  # of a name
_MOST_LETTERS: Final = 10_000  # of a name
_SEVERAL: Final = 4  # joints with positions, from which on they show what these mean
_CHANNEL: Final = re.compile(
    r"([xyz])_?(rotation|rot|position|pos|translation|scale)", re.IGNORECASE
)
_KINDS: Final = {"rot": "rotation", "pos": "position", "translation": "position"}
_MOTION: Final = re.compile(r"(?<![^\s}])MOTION(?:[ \t]*:)?(?=\s+Frame)", re.IGNORECASE)
_COMMENT: Final = re.compile(r"^[ \t]*#.*|(?:^|(?<=\s))//.*", re.MULTILINE)
# What a lookahead took is not tried again in other ways, so each takes linear time.
_FRAMES: Final = re.compile(r"(?=(\s*Frames?\s*:?\s*))\1(?P<value>\S+)", re.IGNORECASE)
_FRAME_TIME: Final = re.compile(r"(?=(\s*Frame[ \t_]*Time\s*:?\s*))\1(?P<value>\S+)", re.IGNORECASE)
_AFTER_THE_END: Final = "\x00\x1a \t\r\n"  # DOS ends a text with Ctrl-Z


@dataclass(frozen=True)
class BvhFile:
    """What a file says, in its own unit."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each joint's parent, before the joint; -1 of the root."""
    offsets: Array64
    """(J, 3) from the parent."""
    channels: tuple[tuple[str, ...], ...]
    """Of each joint: "xposition", "zrotation"."""
    rows: Array64
    """(T, C) a frame each."""
    frame_time: float
    """Seconds."""
    announced: int
    """Frames that the header says."""
    ends: tuple[bool, ...]
    """Of each joint: whether it is an End Site."""

    def above(self, joint: int) -> set[int]:
        """All joints between this one and the root."""
        found: set[int] = set()
        while (joint := self.parents[joint]) >= 0:
            found.add(joint)
        return found


def parse_bvh(text: str, longest: int) -> BvhFile:
    """A file's text; ValueError says in a few words what it is instead."""
    text = _plain(text)
    motion = _MOTION.search(text)
    header = text[: motion.start()] if motion else text
    words = header.replace("{", " { ").replace("}", " } ").split()
    if not words or words[0].upper() != "HIERARCHY":
        raise ValueError("no HIERARCHY at its start")
    if motion is None:
        raise ValueError("a skeleton without MOTION")
    tree = _Tree(words[1:])
    announced, frame_time, numbers = _motion_header(text[motion.end() :])
    if not 0 <= announced <= longest:
        raise ValueError(f"{announced} frames where 1 to {longest} are read")
    width = sum(len(channels) for channels in tree.channels)
    if 2 * width * (announced - 1) > len(numbers) + 1:  # a number takes two characters
        raise ValueError(
            f"{len(numbers)} characters where {announced} frames of {width} channels were announced"
        )
    rows = _placed(tree, _rows(_numbers(numbers, announced * width), width, announced))
    if len(rows) > longest:
        raise ValueError(f"{len(rows)} frames where 1 to {longest} are read")
    scaled = [name.endswith("scale") for channels in tree.channels for name in channels]
    if np.abs(rows[:, scaled] - 1.0).max(initial=0.0) > 1e-3:
        raise ValueError("joints that change their scale")
    return BvhFile(
        tuple(tree.names),
        tuple(tree.parents),
        np.array(tree.offsets, np.float64),
        tuple(map(tuple, tree.channels)),
        rows,
        frame_time,
        announced,
        tuple(tree.ends),
    )


def _plain(text: str) -> str:
    """The text without marks at its ends and comments, its lines ended as everywhere."""
    text = text.lstrip("\ufeff").rstrip(_AFTER_THE_END)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _COMMENT.sub("", text) if "#" in text or "//" in text else text


class _Tree:
    """The joints of the HIERARCHY section; End Sites are joints without channels, mostly."""

    def __init__(self, words: list[str]) -> None:
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float]] = []
        self.channels: list[list[str]] = []
        self.ends: list[bool] = []
        self._open: list[int] = []  # joints whose braces are open
        self._words = iter(words)
        for word in self._words:
            self._take(word)
        if not self.names or self._open:
            raise ValueError("a HIERARCHY that is cut short")

    def _take(self, word: str) -> None:
        keyword = word.upper()
        if keyword in ("ROOT", "JOINT"):
            self._joint(keyword)
        elif keyword in ("END", "ENDSITE"):
            self._end_site()
        elif keyword == "OFFSET" and self._open:
            self.offsets[self._open[-1]] = [_number(self._next()) for _ in range(3)]
        elif keyword == "CHANNELS" and self._open:
            self._channels()
        elif word == "}" and self._open:
            self._open.pop()
        else:
            raise ValueError(f"{word[:20]!r} in its HIERARCHY")

    def _joint(self, word: str) -> None:
        if word == "ROOT" and self.names:
            raise ValueError("a second ROOT; save the skeletons in files of their own")
        if (word == "ROOT") == bool(self._open):
            raise ValueError(f"a {word} where none can be")
        self._begin(self._name(), False)

    def _end_site(self) -> None:
        if not self._open:
            raise ValueError("an End Site where none can be")
        self._name()
        self._begin(f"{self.names[self._open[-1]]} End", True)

    def _name(self) -> str:
        words: list[str] = []
        while (word := self._next()) != "{":  # a name with spaces
            words.append(word)
            if len(words) > _MOST_WORDS:
                raise ValueError(f"no '{{' after {' '.join(words)[:20]!r}")
        if (letters := sum(map(len, words))) > _MOST_LETTERS:
            raise ValueError(f"a name of {letters} letters")
        return " ".join(words)

    def _begin(self, name: str, is_end: bool) -> None:
        if len(self.names) >= MOST_JOINTS:
            raise ValueError(f"more than {MOST_JOINTS} joints")
        self.parents.append(self._open[-1] if self._open else -1)
        self._open.append(len(self.names))
        self.names.append(name)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append([])
        self.ends.append(is_end)

    def _channels(self) -> None:
        count = int(self._next())
        if not 0 <= count <= 9:
            raise ValueError(f"{count} channels of one joint")
        found = [_CHANNEL.fullmatch(self._next().rstrip(",;")) for _ in range(count)]
        if None in found:
            raise ValueError("channels that are none of BVH's")
        named = [(match[1].lower(), match[2].lower()) for match in found if match]
        self.channels[self._open[-1]] = [axis + _KINDS.get(kind, kind) for axis, kind in named]

    def _next(self) -> str:
        for word in self._words:
            return word
        raise ValueError("a HIERARCHY that is cut short")


def _motion_header(motion: str) -> tuple[int, float, str]:
    """Frames, seconds a frame, and the rest of the MOTION section."""
    timed = _FRAME_TIME.match(motion)  # mostly behind Frames
    found = _FRAMES.match(motion, timed.end() if timed else 0)
    timed = timed or (_FRAME_TIME.match(motion, found.end()) if found else None)
    if not found or not timed:
        raise ValueError("a MOTION section without Frames or Frame Time")
    frame_time = _number(timed["value"].rstrip("s"))
    if not 1e-4 <= frame_time <= 1e4:
        raise ValueError(f"a Frame Time of {frame_time:g} s")
    return _whole(found["value"]), frame_time, motion[max(found.end(), timed.end()) :]


def _number(word: str) -> float:
    """A number with a point or a comma, and perhaps a comma behind it."""
    return float(word.rstrip(",;").replace(",", "."))


def _whole(word: str) -> int:
    """ "24" or "24.0"."""
    try:
        return int(word)
    except ValueError:
        if not (value := float(word)).is_integer():
            raise ValueError(f"{word[:20]} frames") from None
        return int(value)


def _placed(tree: _Tree, rows: Array64) -> Array64:
    """The rows with positions that stand for offsets.

    Some programs write what is added to the offset instead, mostly zeros. Where that is nearer to
    the truth for most joints below the root, the offsets are added here.
    """
    below: list[tuple[list[int], Array64]] = []
    column = 0
    for joint, channels in enumerate(tree.channels):
        moved = [(n, c[0]) for n, c in enumerate(channels, column) if c.endswith("position")]
        column += len(channels)
        if moved and tree.parents[joint] >= 0:
            offset = [tree.offsets[joint]["xyz".index(axis)] for _, axis in moved]
            below.append(([n for n, _ in moved], np.array(offset)))
    usual = [np.median(rows[:, columns], axis=0) for columns, _ in below]
    added = [
        bool(np.linalg.norm(value - offset) > np.linalg.norm(value))
        for value, (_, offset) in zip(usual, below, strict=True)
    ]
    if len(below) < _SEVERAL or sum(added) * 2 <= len(added):
        return rows
    rows = rows.copy()
    for (columns, more), is_added in zip(below, added, strict=True):
        rows[:, columns] += more * is_added
    return rows


def _rows(numbers: Array64, width: int, announced: int) -> Array64:
    """(T, C) whole rows: as many as announced, one less, or more than that."""
    count, rest = divmod(len(numbers), max(width, 1))
    if rest or count < max(announced - 1, 1):
        raise ValueError(
            f"{len(numbers)} numbers where {announced} frames of {width} channels were announced"
        )
    return numbers.reshape(count, width)


def _numbers(text: str, expected: int) -> Array64:
    if ";" in text:
        text = text.replace(";", " ")
    if "," in text:  # a decimal comma, or commas between the numbers
        decimal = _read_numbers(text.replace(",", "."))
        return (
            decimal
            if decimal is not None and len(decimal) == expected
            else _all(text.replace(",", " "))
        )
    return _all(text)


def _all(text: str) -> Array64:
    found = _read_numbers(text)
    if found is None:
        raise ValueError("frames that are not all numbers")
    return found


def _read_numbers(text: str) -> Array64 | None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.fromstring(text, np.float64, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def solve_bvh(
    file: BvhFile, rows: Array64, wanted: Sequence[int] | None = None
) -> tuple[Array64, Array64]:
    """Solve some rows (T, C): points (T, J, 3) in the file's unit, rotations (T, J, 3, 3).

    `wanted` leaves all others but those above them at 0.
    """
    frames = len(rows)
    points = np.zeros((frames, len(file.names), 3))
    turned = np.zeros((frames, len(file.names), 3, 3))
    needed = (
        set(range(len(file.names)))
        if wanted is None
        else set(wanted).union(*map(file.above, wanted))
    )
    column = 0
    for joint, (parent, channels) in enumerate(zip(file.parents, file.channels, strict=True)):
        values = rows[:, column : column + len(channels)]
        column += len(channels)
        if joint not in needed:
            continue
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
        elif channel.endswith("rotation"):
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
