"""Toes and heads that no name tells: found by where they are, left out where they cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from ...motion.skeleton import Array64
from .axes import forward
from .bone_names import sides_of
from .landmarks import Landmarks, Limb, completed, told_toes
from .skeleton_tree import Poses, SkeletonTree

_FOOT: Final = (0.05, 0.7)  # of the leg's length that a foot is long
_FROM_SHIN: Final = (0.94, -0.64)  # cosines of 20 and 130 degrees, between foot and shin
_AHEAD: Final = 0.1  # cosine between a foot and forward
_UP: Final = 0.3  # cosine between a neck and the trunk
_TINY: Final = 1e-9


def with_toes(tree: SkeletonTree, body: Landmarks, sample: Poses) -> Landmarks:
    """The body with toes that can be: an End Site of a foot may point anywhere.

    Joints that are called toes, or carry some, are taken at their word.
    """
    told = told_toes(tree)
    left, right = (_with_toe(tree, body, leg, sample.points, told) for leg in body.legs)
    return replace(body, legs=(left, right))


def _with_toe(
    tree: SkeletonTree, body: Landmarks, leg: Limb, points: Array64, told: set[int]
) -> Limb:
    known = [] if leg.extra is None else [leg.extra]
    others = [joint for joint in tree.children[leg.end] if joint not in known]
    faces = forward(body, points)
    for toe in (*known, *others):
        if _is_foot(points, leg, toe, None if toe in told else faces):
            return replace(leg, extra=toe)
    return replace(leg, extra=None)


def _is_foot(points: Array64, leg: Limb, toe: int, faces: Array64 | None) -> bool:
    """Whether this may be the ball of a foot: not too near or far, and off the shin and ahead."""
    shin, foot = points[:, leg.end] - points[:, leg.lower], points[:, toe] - points[:, leg.end]
    thigh = points[:, leg.lower] - points[:, leg.upper]
    sizes = [np.linalg.norm(bone, axis=-1) for bone in (thigh, shin, foot)]
    share = float(np.median(sizes[2] / np.maximum(sizes[0] + sizes[1], _TINY)))
    if not _FOOT[0] < share < _FOOT[1] or faces is None:
        return _FOOT[0] < share < _FOOT[1]
    size = np.maximum(sizes[2], _TINY)
    along = float(np.median((foot * shin).sum(axis=-1) / np.maximum(size * sizes[1], _TINY)))
    ahead = float(np.median((foot * faces).sum(axis=-1) / size))
    near, far = _FROM_SHIN
    return far < along < near and ahead > _AHEAD


def with_head(tree: SkeletonTree, body: Landmarks, sample: Poses) -> Landmarks:
    """The body with the head at the end of what grows out of its chest, where no name says it."""
    if body.head is not None:
        return body
    tops = [arm.upper if arm.extra is None else arm.extra for arm in body.arms]
    chest, sides = tree.meeting(tops), sides_of(tree.names)
    below = set(tree.path(body.pelvis)) | {joint for top in tops for joint in tree.path(top)}
    points = sample.points
    trunk = np.median(points[:, chest] - points[:, body.pelvis], axis=0)
    best: tuple[float, list[int]] = (0.0, [])
    for child in tree.children[chest]:
        if child in below or sides[child]:
            continue
        way = _longest(tree, child)
        neck = np.median(points[:, way[-1]] - points[:, chest], axis=0)
        size = float(np.linalg.norm(neck))
        up = float(neck @ trunk) / max(size * float(np.linalg.norm(trunk)), _TINY)
        if up > _UP and size > best[0]:
            best = (size, way)
    if not best[1]:
        return body
    head = best[1][min(1, len(best[1]) - 1)]
    return completed(tree, body.legs, body.arms, head, () if body.neck is None else (body.neck,))


def _longest(tree: SkeletonTree, joint: int) -> list[int]:
    """From a joint down the way of the most joints."""
    ways = [_longest(tree, child) for child in tree.children[joint]]
    return [joint, *max(ways, key=len, default=[])]
