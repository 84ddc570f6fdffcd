"""Which axis of a file points up, and whether its axes are left-handed: told by the body."""

from __future__ import annotations

import warnings
from collections.abc import Container
from pathlib import Path
from typing import Final

import numpy as np

from ...motion.skeleton import Array64
from .landmarks import Landmarks, told_toes
from .skeleton_tree import Poses, SkeletonTree

AXIS_TURNS: Final = {
    "y": np.eye(3),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
    "x": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "-y": np.diag([1.0, -1.0, -1.0]),
    "-z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    "-x": np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
}
"""By the axis that points up: what turns a file's axes into ours."""
MIRRORED: Final = np.diag([-1.0, 1.0, 1.0])
_CLEARLY: Final = 0.7  # cosine
_SURELY: Final = 0.9  # cosine, where the pose of rest is no body
_BEND: Final = 0.05  # of a leg's length that the knee is off the line from hip to ankle
_SOME: Final = 3  # frames with bent knees that are evidence
_BACKWARD: Final = -0.3  # cosine between a foot and forward
_TINY: Final = 1e-9


def turn_of(
    tree: SkeletonTree, body: Landmarks, sample: Poses, up: str | None, path: Path
) -> Array64 | None:
    """What turns the file's axes into ours, None for nothing; warns of what the user did not say.

    `up`: the axis that the user names.
    """
    turn = AXIS_TURNS[up or _told_up(tree, body, sample, path)]
    points = sample.points @ turn.T
    if is_mirrored(body, points, told_toes(tree)):
        warnings.warn(
            f"{path}: feet and knees point backward, as in left-handed axes; read mirrored along "
            "X, so that the left side is the one that the file calls left",
            UserWarning,
            stacklevel=2,
        )
        turn = MIRRORED @ turn
    return None if turn is AXIS_TURNS["y"] else np.asarray(turn)


def height(body: Landmarks, points: Array64) -> Array64:
    """(3,) The way from the ankles to the shoulders in the middle of all frames, of length 1."""
    top = sum(points[:, arm.upper] for arm in body.arms)
    way = np.median(top - sum(points[:, leg.end] for leg in body.legs), axis=0)
    return np.asarray(way / max(float(np.linalg.norm(way)), _TINY))


def _told_up(tree: SkeletonTree, body: Landmarks, sample: Poses, path: Path) -> str:
    """The axis that the body stands along at rest and in most frames: nobody lies in both.

    Where the pose of rest is no standing body at all, the frames alone have to be clear.
    """
    resting, moving = height(body, tree.rest.points), height(body, sample.points)
    stands = float(np.abs(resting).max()) >= _CLEARLY and is_straight(body, tree.rest.points)
    for place, axis in enumerate("xyz"):
        for sign, name in ((1.0, axis), (-1.0, f"-{axis}")):
            at_rest = sign * resting[place] >= _CLEARLY if stands else True
            enough = _CLEARLY if stands else _SURELY
            if at_rest and sign * moving[place] >= enough and name != "y":
                warnings.warn(
                    f"{path}: read with {name.upper()} up, as the body stands along {axis.upper()}; "
                    "--up y if it lies",
                    UserWarning,
                    stacklevel=2,
                )
                return name
    return "y"


def is_straight(body: Landmarks, points: Array64) -> bool:
    """Whether legs and trunk of the first frame are on one line, as of a body that stands."""
    hips, shoulders = (
        sum(points[0, limb.upper] for limb in limbs) / 2 for limbs in (body.legs, body.arms)
    )
    ways = [shoulders - hips]
    for leg in body.legs:
        ways += [
            points[0, leg.upper] - points[0, leg.lower],
            points[0, leg.lower] - points[0, leg.end],
        ]
    units = [way / max(float(np.linalg.norm(way)), _TINY) for way in ways]
    return min(float(one @ other) for one in units for other in units) > 0.5


def forward(body: Landmarks, points: Array64) -> Array64:
    """(T, 3) Where a body faces whose left side is where it is called so, in right-handed axes."""
    hips, shoulders = (
        sum(points[:, limb.upper] for limb in limbs) / 2 for limbs in (body.legs, body.arms)
    )
    left = points[:, body.legs[0].upper] - points[:, body.legs[1].upper]
    way = np.cross(left, shoulders - hips)
    return np.asarray(way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), _TINY))


def is_mirrored(body: Landmarks, points: Array64, told: Container[int | None]) -> bool:
    """Tell by feet and knees, which point backward where left is on the right.

    `told`: toes that may be taken for such.
    """
    faces = forward(body, points)
    feet, bent_back, bent = [], 0, 0
    for leg in body.legs:
        hip, knee, ankle = (points[:, joint] for joint in (leg.upper, leg.lower, leg.end))
        length = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)
        line = (ankle - hip) / np.maximum(
            np.linalg.norm(ankle - hip, axis=-1, keepdims=True), _TINY
        )
        off = (knee - hip) - ((knee - hip) * line).sum(axis=-1, keepdims=True) * line
        ahead = (off * faces).sum(axis=-1) / np.maximum(length, _TINY)
        bent += int((np.abs(ahead) > _BEND).sum())
        bent_back += int((ahead < -_BEND).sum())
        if leg.extra in told:
            foot = points[:, leg.extra] - ankle
            size = np.maximum(np.linalg.norm(foot, axis=-1), _TINY)
            feet.append(float(np.median((foot * faces).sum(axis=-1) / size)))
    if feet:
        knees = bent < _SOME or bent_back > bent / 2
        return max(feet) < (_BACKWARD if bent >= _SOME else 2 * _BACKWARD) and knees
    return bent >= _SOME and bent_back > 0.9 * bent
