"""A second opinion on BVH files: a parser and forward kinematics that share no code with the writer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass
class Node:
    """A joint of the file."""

    name: str
    offset: list[float] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    ends: int = 0


@dataclass
class Bvh:
    """A parsed file; centimetres and degrees."""

    root: Node
    frame_time: float
    rows: NDArray[np.float64]

    def positions(self) -> dict[str, NDArray[np.float64]]:
        """World positions (T, 3) of every joint by name."""
        found: dict[str, list[NDArray[np.float64]]] = {}
        for row in self.rows:
            _place(self.root, list(row), np.eye(4), found)
        return {name: np.array(points) for name, points in found.items()}


def read_bvh(path: Path) -> Bvh:
    """Parse a file; AssertionError or ValueError where the syntax is off."""
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    assert lines.pop(0) == ["HIERARCHY"]
    root = _node(lines)
    assert lines.pop(0) == ["MOTION"]
    count = lines.pop(0)
    assert count[0] == "Frames:"
    time = lines.pop(0)
    assert time[:2] == ["Frame", "Time:"]
    rows = np.array([[float(v) for v in line] for line in lines])
    assert rows.shape == (int(count[1]), _channels(root))
    return Bvh(root, float(time[2]), rows)


def _node(lines: list[list[str]]) -> Node:
    kind, name = lines.pop(0)
    assert kind in ("ROOT", "JOINT")
    node = Node(name)
    assert lines.pop(0) == ["{"]
    while (line := lines.pop(0)) != ["}"]:
        if line[0] == "OFFSET":
            node.offset = [float(v) for v in line[1:]]
        elif line[0] == "CHANNELS":
            node.channels = line[2:]
            assert int(line[1]) == len(node.channels)
        elif line == ["End", "Site"]:
            assert lines.pop(0) == ["{"]
            assert len(lines.pop(0)) == 4
            assert lines.pop(0) == ["}"]
            node.ends += 1
        else:
            lines.insert(0, line)
            node.children.append(_node(lines))
    return node


def _channels(node: Node) -> int:
    return len(node.channels) + sum(_channels(child) for child in node.children)


def _place(node: Node, values: list[float], parent: Matrix, found: dict[str, list[Matrix]]) -> None:
    """Multiply the channels in the order of the file, as the format asks."""
    local = np.eye(4)
    local[:3, 3] = node.offset
    for channel in node.channels:
        local = local @ _channel(channel, values.pop(0))
    world = parent @ local
    found.setdefault(node.name, []).append(world[:3, 3])
    for child in node.children:
        _place(child, values, world, found)


def _channel(name: str, value: float) -> NDArray[np.float64]:
    matrix = np.eye(4)
    axis = "XYZ".index(name[0])
    if name.endswith("position"):
        matrix[axis, 3] = value
        return matrix
    sin, cos = math.sin(math.radians(value)), math.cos(math.radians(value))
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    matrix[a, a] = matrix[b, b] = cos
    matrix[a, b], matrix[b, a] = -sin, sin
    return matrix
