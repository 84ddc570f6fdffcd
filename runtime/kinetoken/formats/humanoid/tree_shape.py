"""Find a humanoid by the shape of its tree: two legs below a trunk, two arms and a head above it.

A limb and its mirror image hang on the same joint and are equally long. The pair nearer to the root
are the legs. In a limb, the two longest bones that follow one another are thigh and shin, or upper
arm and forearm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from ...motion.skeleton import Array64
from .bone_names import LEFT_SIDE, RIGHT_SIDE, sides_of
from .landmarks import Landmarks, Limb, NoBodyError, completed
from .skeleton_tree import Poses, SkeletonTree

_EQUAL: Final = 0.15  # by which mirrored limbs may differ in length
_SHORTEST: Final = 0.25  # of the longest limb, from which on a pair counts
_ARM: Final = 0.35  # of a leg's length that an arm has at least
_LIMBS: Final = 12
"""Limbs of one joint that are compared with each other, the longest of them."""
_PAIRS: Final = 200
"""Pairs that may be legs and arms, the longest of them."""
_LIKE: Final = 2.2  # times that the bones of a limb may differ


@dataclass(frozen=True)
class _Pair:
    """Two limbs that mirror each other, as the joints along each."""

    at: int
    a: list[int]
    b: list[int]
    length: float


def by_shape(tree: SkeletonTree, poses: Poses) -> Landmarks:
    """The landmarks as the tree's shape tells them. NoBodyError."""
    lengths = _bone_lengths(tree, poses)
    pairs = _pairs(tree, lengths)
    for legs, arms in _choices(tree, pairs):
        limbs = [_limb(chain, lengths) for chain in (legs.a, legs.b, arms.a, arms.b)]
        if any(limb is None for limb in limbs):
            continue
        left_leg, right_leg, left_arm, right_arm = [limb for limb in limbs if limb is not None]
        head = _head(tree, arms, lengths)
        feet = [
            _as_leg(limb, chain)
            for limb, chain in zip((left_leg, right_leg), (legs.a, legs.b), strict=True)
        ]
        hands = [
            _as_arm(limb, chain, arms.at)
            for limb, chain in zip((left_arm, right_arm), (arms.a, arms.b), strict=True)
        ]
        return _on_their_sides(
            tree, poses, completed(tree, (feet[0], feet[1]), (hands[0], hands[1]), head)
        )
    raise NoBodyError("no two legs and two arms by the shape of the tree")


def _bone_lengths(tree: SkeletonTree, poses: Poses) -> Array64:
    """(J,) from each joint's parent, in the middle of all frames."""
    out = np.zeros(len(tree.names))
    for joint, parent in enumerate(tree.parents):
        if parent >= 0:
            bone = poses.points[:, joint] - poses.points[:, parent]
            out[joint] = np.median(np.linalg.norm(bone, axis=-1))
    return out


def _pairs(tree: SkeletonTree, lengths: Array64) -> list[_Pair]:
    """All pairs of long limbs, the longest first."""
    reach = lengths.copy()  # from a joint's parent to the farthest end below it
    for joint in reversed(range(len(tree.names))):
        if tree.children[joint]:
            reach[joint] += max(reach[child] for child in tree.children[joint])
    found = []
    for at, children in enumerate(tree.children):
        longest = sorted(children, key=lambda child: -reach[child])[:_LIMBS]
        for one, other in combinations(sorted(longest), 2):
            a, b = _farthest(tree, reach, one), _farthest(tree, reach, other)
            if len(a) == len(b) and _mirrored(a, b, lengths):
                found.append(_Pair(at, a, b, float(lengths[a].sum())))
    most = max((pair.length for pair in found), default=0.0)
    found = [pair for pair in found if pair.length > _SHORTEST * most > 0]
    return sorted(found, key=lambda pair: -pair.length)[:_PAIRS]


def _farthest(tree: SkeletonTree, reach: Array64, joint: int) -> list[int]:
    """From a joint down the longest way."""
    way = [joint]
    while tree.children[way[-1]]:
        way.append(max(tree.children[way[-1]], key=lambda child: float(reach[child])))
    return way


def _mirrored(a: list[int], b: list[int], lengths: Array64) -> bool:
    one, other = lengths[a], lengths[b]
    scale = max(float(one.sum()), float(other.sum()))
    return bool(
        np.abs(one - other).max() <= _EQUAL * scale / 2
        and abs(one.sum() - other.sum()) <= _EQUAL * scale
    )


def _choices(tree: SkeletonTree, pairs: Sequence[_Pair]) -> list[tuple[_Pair, _Pair]]:
    """Legs and arms, the most likely first.

    The arms hang higher in the tree, or on another branch than the legs.
    """
    found = []
    for legs in pairs:
        for arms in pairs:
            if legs is arms or arms.at in legs.a + legs.b or arms.length < _ARM * legs.length:
                continue
            if any(
                tree.is_below(arms.at, joint) or arms.at == joint
                for joint in (legs.a[0], legs.b[0])
            ):
                continue
            if legs.at == arms.at or tree.is_below(legs.at, arms.at):
                continue
            found.append((legs.length + arms.length, legs, arms))
    return [(legs, arms) for _, legs, arms in sorted(found, key=lambda choice: -choice[0])]


def _limb(chain: list[int], lengths: Array64) -> tuple[int, int] | None:
    """Places in the chain where its two long bones begin and end: thigh and ankle."""
    best, found = 0.0, None
    for place in range(len(chain) - 2):
        upper, lower = lengths[chain[place + 1]], lengths[chain[place + 2]]
        shorter = min(upper, lower)
        if shorter > best and max(upper, lower) < _LIKE * shorter:
            best, found = float(shorter), (place, place + 2)
    return found


def _as_leg(places: tuple[int, int], chain: list[int]) -> Limb:
    top, end = places
    return Limb(
        chain[top], chain[top + 1], chain[end], chain[end + 1] if len(chain) > end + 1 else None
    )


def _as_arm(places: tuple[int, int], chain: list[int], at: int) -> Limb:
    top, end = places
    return Limb(chain[top], chain[top + 1], chain[end], chain[top - 1] if top else None)


def _head(tree: SkeletonTree, arms: _Pair, lengths: Array64) -> int | None:
    """The end of the longest branch that hangs beside the arms, where one does.

    A neck and a head.
    """
    others = [child for child in tree.children[arms.at] if child not in (arms.a[0], arms.b[0])]
    if not others:
        return None
    ways = [_farthest(tree, lengths, child) for child in others]
    way = max(ways, key=lambda joints: float(lengths[joints].sum()))
    return way[min(1, len(way) - 1)]


def _on_their_sides(tree: SkeletonTree, poses: Poses, body: Landmarks) -> Landmarks:
    """Left and right by the names, else by where the toes point.

    NoBodyError where nothing tells.
    """
    sides = sides_of(tree.names)
    legs = [sides[leg.upper] or sides[leg.lower] or sides[leg.end] for leg in body.legs]
    arms = [sides[arm.upper] or sides[arm.lower] or sides[arm.end] for arm in body.arms]
    legs_swapped = _swapped(legs) if all(legs) else _left_is_right(poses, body)
    if all(arms):
        arms_swapped = _swapped(arms)
    else:  # across the shoulders as across the hips
        across = _across(poses, body.legs) * (-1.0 if legs_swapped else 1.0)
        arms_swapped = bool(np.median((across * _across(poses, body.arms)).sum(axis=-1)) < 0)
    return Landmarks(
        body.pelvis, body.spine, body.neck, body.head,
        body.legs[::-1] if legs_swapped else body.legs,
        body.arms[::-1] if arms_swapped else body.arms,
    )  # fmt: skip


def _swapped(sides: Sequence[str]) -> bool:
    if set(sides) != {LEFT_SIDE, RIGHT_SIDE}:
        raise NoBodyError("two limbs of the same side by their names")
    return sides[0] == RIGHT_SIDE


def _across(poses: Poses, limbs: tuple[Limb, Limb]) -> Array64:
    return np.asarray(poses.points[:, limbs[0].upper] - poses.points[:, limbs[1].upper])


def _left_is_right(poses: Poses, body: Landmarks) -> bool:
    """Whether the first leg is the right one, as the toes point forward."""
    if any(leg.extra is None for leg in body.legs):
        raise NoBodyError("legs without feet, so nothing tells left from right")
    points = poses.points
    hips = sum(points[:, leg.upper] for leg in body.legs) / 2
    shoulders = sum(points[:, arm.upper] for arm in body.arms) / 2
    forward = sum(points[:, leg.extra] - points[:, leg.end] for leg in body.legs)
    left = np.cross(shoulders - hips, forward)
    return bool(np.median((left * _across(poses, body.legs)).sum(axis=-1)) < 0)
