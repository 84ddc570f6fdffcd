"""BVH files to global joint transforms. Format: Biovision hierarchical data; rotations in degrees, applied left to right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinetoken.errors import FormatError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BvhMotion:
    """One BVH file, solved: where each joint is and how it is turned, in the file's own units and axes."""

    names: tuple[str, ...]
    positions: Array
    """(T, J, 3) global positions."""
    rotations: Array
    """(T, J, 3, 3) global rotation matrices."""
    frame_time: float
    """Seconds between frames, as the header says."""

    def index(self, name: str) -> int:
        """Index of the joint called `name`; FormatError when the skeleton has none."""
        try:
            return self.names.index(name)
        except ValueError:
            raise FormatError(
                f"expected a joint called {name!r} (CMU motion in cgspeed's Daz-friendly BVH), got {', '.join(self.names[:6])}, ..."
            ) from None


@dataclass
class _Joint:
    name: str
    parent: int
    offset: Array
    channels: tuple[str, ...] = ()
    first: int = 0


def read_bvh(path: Path) -> BvhMotion:
    """Parse and solve a BVH file; FormatError when it is not one or is cut short."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
        header, _, motion = text.partition("MOTION")
        joints = _hierarchy(header.split())
        width = sum(len(j.channels) for j in joints)
        lines = motion.split("\n", 3)
        frames = int(lines[1].split(":")[1])
        frame_time = float(lines[2].split(":")[1])
        values = np.array(lines[3].split(), dtype=np.float64)[: frames * width].reshape(frames, width)
    except (IndexError, ValueError) as error:
        raise FormatError(f"{path.name}: expected a BVH file, got something unreadable ({error})") from error
    return _solve(joints, values, frame_time)


def _hierarchy(words: list[str]) -> list[_Joint]:
    joints: list[_Joint] = []
    stack: list[int] = []
    at = 0
    channel = 0
    while at < len(words):
        word = words[at]
        if word in ("ROOT", "JOINT"):
            joints.append(_Joint(words[at + 1], stack[-1] if stack else -1, np.zeros(3)))
            stack.append(len(joints) - 1)
        elif word == "End":  # an end site has an offset and no channels: skip its block
            at = words.index("}", at)
        elif word == "OFFSET":
            joints[stack[-1]].offset = np.array([float(w) for w in words[at + 1 : at + 4]])
        elif word == "CHANNELS":
            count = int(words[at + 1])
            joint = joints[stack[-1]]
            joint.channels, joint.first = tuple(words[at + 2 : at + 2 + count]), channel
            channel += count
        elif word == "}":
            stack.pop()
        at += 1
    if not joints:
        raise ValueError("no ROOT")
    return joints


def _solve(joints: list[_Joint], values: Array, frame_time: float) -> BvhMotion:
    frames = len(values)
    positions = np.zeros((frames, len(joints), 3))
    rotations = np.zeros((frames, len(joints), 3, 3))
    for i, joint in enumerate(joints):
        local = np.broadcast_to(np.eye(3), (frames, 3, 3))
        shift = np.broadcast_to(joint.offset, (frames, 3)).copy()
        for k, channel in enumerate(joint.channels):
            column = values[:, joint.first + k]
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                shift[:, axis] = column
            else:
                local = local @ _turn(axis, np.radians(column))
        if joint.parent < 0:
            positions[:, i], rotations[:, i] = shift, local
        else:
            above = rotations[:, joint.parent]
            positions[:, i] = positions[:, joint.parent] + np.einsum("tij,tj->ti", above, shift)
            rotations[:, i] = above @ local
    return BvhMotion(tuple(j.name for j in joints), positions, rotations, frame_time)


def _turn(axis: int, angle: Array) -> Array:
    out = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1.0
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -out[:, j, i]
    return out
