"""A body of rounded cones around the T-pose, computed as one mesh with smooth weights.

Each part lies along a bone and moves with it. Near its ends it takes half of its motion from the
bone before or after, so that a bent joint stays round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..motion.skeleton import JOINT, Array64

_Vector = tuple[float, float, float]
_Float32 = NDArray[np.float32]

SEGMENTS: Final = 14  # around a part
CAP_RINGS: Final = 4  # of the half sphere at each end, without its pole
BODY_RINGS: Final = 7  # between them
_BLEND: Final = 0.09  # metres from a joint over which a part is carried by two bones
MATERIALS: Final[dict[str, _Vector]] = {  # linear colour
    "body": (0.68, 0.66, 0.62),
    "left": (0.08, 0.30, 0.75),
    "right": (0.75, 0.16, 0.12),
    "face": (0.04, 0.05, 0.07),
}
_HERE: Final[_Vector] = (0.0, 0.0, 0.0)
_STERNUM: Final[_Vector] = (0.0, 0.057, 0.0)
_COLLAR: Final[_Vector] = (0.0, 0.175, -0.03)


class _Part(NamedTuple):
    """A rounded cone between two points, each given by a joint and an offset; metres."""

    bone: str
    start: tuple[str, _Vector]
    end: tuple[str, _Vector]
    radii: tuple[float, float]
    material: str
    before: str = ""
    after: str = ""


def _side(side: str, sign: float) -> tuple[_Part, ...]:
    def part(
        bone: str, end: str, radii: tuple[float, float], before: str = "", after: str = ""
    ) -> _Part:
        names = [f"{side}_{name}" if name else "" for name in (bone, end, before, after)]
        before = "pelvis" if before == "pelvis" else names[2]
        return _Part(names[0], (names[0], _HERE), (names[1], _HERE), radii, side, before, names[3])

    ankle, foot, wrist = f"{side}_ankle", f"{side}_foot", f"{side}_wrist"
    heel, toe, hand = (0.0, -0.035, -0.03), (0.0, -0.004, 0.062), (sign * 0.1, 0.0, 0.0)
    shoulder, inward = f"{side}_shoulder", (-sign * 0.035, 0.0, 0.0)
    return (
        part("hip", "knee", (0.084, 0.056), "pelvis", "knee"),
        part("knee", "ankle", (0.057, 0.038), "hip", "ankle"),
        _Part(ankle, (ankle, heel), (foot, _HERE), (0.040, 0.037), side, "", foot),
        _Part(foot, (foot, _HERE), (foot, toe), (0.037, 0.027), side, ankle),
        part("shoulder", "elbow", (0.063, 0.042), "collar", "elbow"),
        part("elbow", "wrist", (0.043, 0.030), "shoulder", "wrist"),
        _Part(wrist, (wrist, _HERE), (wrist, hand), (0.034, 0.026), side, f"{side}_elbow"),
        _Part(
            "spine3",
            ("spine3", _STERNUM),
            (shoulder, inward),
            (0.098, 0.06),
            "body",
            "",
            f"{side}_collar",
        ),
        _Part(
            "spine3",
            ("spine3", _COLLAR),
            (shoulder, inward),
            (0.07, 0.058),
            "body",
            "",
            f"{side}_collar",
        ),
    )


_PARTS: Final[tuple[_Part, ...]] = (
    _Part(
        "pelvis",
        ("left_hip", (-0.03, 0.04, 0.0)),
        ("right_hip", (0.03, 0.04, 0.0)),
        (0.1, 0.1),
        "body",
    ),
    _Part("pelvis", ("pelvis", _HERE), ("spine1", _HERE), (0.102, 0.09), "body", "", "spine1"),
    _Part("spine1", ("spine1", _HERE), ("spine2", _HERE), (0.09, 0.1), "body", "pelvis", "spine2"),
    _Part(
        "spine2", ("spine2", _HERE), ("spine3", _STERNUM), (0.1, 0.122), "body", "spine1", "spine3"
    ),
    _Part("spine3", ("spine3", _STERNUM), ("spine3", _COLLAR), (0.122, 0.07), "body"),
    _Part(
        "neck",
        ("neck", _HERE),
        ("head", (0.0, 0.03, -0.02)),
        (0.052, 0.046),
        "body",
        "spine3",
        "head",
    ),
    _Part(
        "head", ("head", (0.0, 0.055, 0.01)), ("head", (0.0, 0.125, 0.0)), (0.078, 0.092), "body"
    ),
    _Part(
        "head",
        ("head", (0.04, 0.107, 0.06)),
        ("head", (-0.04, 0.107, 0.06)),
        (0.036, 0.036),
        "face",
    ),
    *_side("left", 1.0),
    *_side("right", -1.0),
)


@dataclass(frozen=True)
class SkinnedMesh:
    """Triangles, and the joints that move their corners."""

    positions: _Float32
    """(V, 3) metres, in T-pose."""
    normals: _Float32
    """(V, 3) unit."""
    joints: NDArray[np.uint8]
    """(V, 4) the joints that carry a vertex; 0 where the weight is 0."""
    weights: _Float32
    """(V, 4), with the sum 1."""
    triangles: dict[str, NDArray[np.uint16]]
    """Material to indices (3 n,), counter-clockwise seen from outside."""


def build_mannequin(rest: Array64) -> SkinnedMesh:
    """Build the mesh around a T-pose (22, 3) in metres."""
    rings, faces = _grid()
    shapes = [_cone(rest, part, rings) for part in _PARTS]
    carried = [_carried(rest, part, shape[0]) for part, shape in zip(_PARTS, shapes, strict=True)]
    triangles: dict[str, list[NDArray[np.int64]]] = {name: [] for name in MATERIALS}
    for index, part in enumerate(_PARTS):
        triangles[part.material].append(faces + index * len(shapes[0][0]))
    return SkinnedMesh(
        positions=np.concatenate([shape[0] for shape in shapes]).astype(np.float32),
        normals=np.concatenate([shape[1] for shape in shapes]).astype(np.float32),
        joints=np.concatenate([joints for joints, _ in carried]).astype(np.uint8),
        weights=np.concatenate([weights for _, weights in carried]).astype(np.float32),
        triangles={
            name: np.concatenate(parts).reshape(-1).astype(np.uint16)
            for name, parts in triangles.items()
        },
    )


def _grid() -> tuple[Array64, NDArray[np.int64]]:
    """The places of the rings, (R, 2) shares of a part's sphere and body, and triangles (n, 3).

    The vertices are the first pole, then ring after ring, then the last pole.
    """
    arc = np.arange(1, CAP_RINGS + 1) / (CAP_RINGS + 1)
    body = np.linspace(0.0, 1.0, BODY_RINGS)
    rows = [*((a, 0.0) for a in arc), *((1.0, b) for b in body), *((1.0 - a, 1.0) for a in arc)]
    count = len(rows)
    around = np.arange(SEGMENTS)
    beside = (around + 1) % SEGMENTS
    last = 1 + count * SEGMENTS
    faces = [np.stack([np.zeros_like(around), 1 + beside, 1 + around], axis=1)]
    for ring in range(count - 1):
        low, high = 1 + ring * SEGMENTS, 1 + (ring + 1) * SEGMENTS
        faces.append(np.stack([low + around, low + beside, high + around], axis=1))
        faces.append(np.stack([low + beside, high + beside, high + around], axis=1))
    top = 1 + (count - 1) * SEGMENTS
    faces.append(np.stack([top + around, top + beside, np.full_like(around, last)], axis=1))
    return np.array(rows), np.concatenate(faces)


def _cone(rest: Array64, part: _Part, rings: Array64) -> tuple[Array64, Array64]:
    """Positions and normals (V, 3) of the skin of two spheres and the cone that touches both."""
    start, end = _ends(rest, part)
    length = float(np.linalg.norm(end - start))
    axis = (end - start) / length
    radii = np.array(part.radii)
    # where the cone leaves the spheres
    tangent = np.arcsin(np.clip((radii[0] - radii[1]) / length, -1.0, 1.0))
    share, along = rings[:, 0], rings[:, 1]
    pole = np.where(along > 0.5, 0.5 * np.pi, -0.5 * np.pi)
    height = np.concatenate([[-0.5 * np.pi], pole + share * (tangent - pole), [0.5 * np.pi]])
    at = np.concatenate([[0.0], along, [1.0]])
    counts = np.array([1, *[SEGMENTS] * len(rings), 1])
    height, at = np.repeat(height, counts), np.repeat(at, counts)
    turn = np.concatenate(
        [[0.0], np.tile(np.arange(SEGMENTS) * 2.0 * np.pi / SEGMENTS, len(rings)), [0.0]]
    )
    # neighbours along the spine start alike
    u = np.cross(axis, np.eye(3)[2 if abs(axis[0]) > abs(axis[1]) else 0])
    u /= np.linalg.norm(u)
    radial = np.cos(turn)[:, None] * u + np.sin(turn)[:, None] * np.cross(axis, u)
    normals = np.sin(height)[:, None] * axis + np.cos(height)[:, None] * radial
    centres = start + at[:, None] * (end - start)
    return centres + (radii[0] + at * (radii[1] - radii[0]))[:, None] * normals, normals


def _carried(rest: Array64, part: _Part, positions: Array64) -> tuple[NDArray[np.int64], Array64]:
    """Joints and weights (V, 4): half and half at a joint, the bone alone further away."""
    start, end = _ends(rest, part)
    length = float(np.linalg.norm(end - start))
    reach = min(_BLEND, 0.5 * length)
    along = (positions - start) @ (end - start) / length
    weights = np.zeros((len(positions), 4))
    weights[:, 1] = _half(along / reach) if part.before else 0.0
    weights[:, 2] = _half((length - along) / reach) if part.after else 0.0
    weights[:, 0] = 1.0 - weights[:, 1] - weights[:, 2]
    names = (part.bone, part.before or part.bone, part.after or part.bone, part.bone)
    joints = np.where(weights > 0.0, [JOINT[name] for name in names], 0)
    return joints, weights


def _half(distance: Array64) -> Array64:
    """1/2 at and beyond the joint, falling smoothly to 0 at distance 1."""
    near = np.clip(1.0 - distance, 0.0, 1.0)
    return np.asarray(0.5 * near * near * (3.0 - 2.0 * near))


def _ends(rest: Array64, part: _Part) -> tuple[Array64, Array64]:
    start, end = (rest[JOINT[joint]] + np.array(away) for joint, away in (part.start, part.end))
    return start, end if np.linalg.norm(end - start) > 1e-6 else start + np.array([0.0, 1e-3, 0.0])
