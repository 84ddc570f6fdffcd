"""The joints of a humanoid skeleton that matter.

Told by names, and failing these by the shape of the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .bone_names import LEFT_SIDE, RIGHT_SIDE, NamedBone, named_bones
from .skeleton_tree import SkeletonTree

SIDES: Final = (LEFT_SIDE, RIGHT_SIDE)
_SAMPLE: Final = 6  # joints that a message names
_CANDIDATES: Final = 20
"""Joints of the same name that are tried, the most usual first: all ways to choose three of them."""


@dataclass(frozen=True)
class Limb:
    """A leg: thigh, shin, ankle, toe; or an arm: collar, upper arm, forearm, wrist.

    Each joint begins its bone.
    """

    upper: int
    lower: int
    end: int
    extra: int | None
    """The toe of a leg, the collarbone of an arm, where there is one."""


@dataclass(frozen=True)
class Landmarks:
    """Two legs, a spine, two arms and a head, as indices of joints."""

    pelvis: int
    """The joint that carries both legs."""
    spine: tuple[int, ...]
    """From the lowest to the one that carries the arms; may be empty."""
    neck: int | None
    head: int | None
    legs: tuple[Limb, Limb]
    """Left, right."""
    arms: tuple[Limb, Limb]

    def all(self) -> set[int]:
        """Every joint named here."""
        found = {self.pelvis, *self.spine, self.neck, self.head}
        for limb in (*self.legs, *self.arms):
            found |= {limb.upper, limb.lower, limb.end, limb.extra}
        return {joint for joint in found if joint is not None}


class NoBodyError(ValueError):
    """There is no humanoid in the tree; the words say what is missing."""


def told_toes(tree: SkeletonTree) -> set[int]:
    """Joints that may be taken for toes where they hang on an ankle: called so, or carrying some.

    Others are ends of feet, which may point anywhere.
    """
    named = {bone.index for bone in named_bones(tree.names) if bone.part in ("toe", "foot")}
    return named | {joint for joint, children in enumerate(tree.children) if children}


def by_names(tree: SkeletonTree) -> Landmarks:
    """The landmarks as the names tell them. NoBodyError names the first part that is missing."""
    bones = named_bones(tree.names)
    legs = tuple(_leg(tree, _Side(bones, side)) for side in SIDES)
    arms = tuple(_arm(tree, _Side(bones, side)) for side in SIDES)
    middle = _Side(bones, "")
    return completed(
        tree, (legs[0], legs[1]), (arms[0], arms[1]), _first(middle.of("head")), middle.of("neck")
    )


def _first(joints: Sequence[int]) -> int | None:
    return joints[0] if joints else None


class _Side:
    """The named bones of one side of the body."""

    def __init__(self, bones: Sequence[NamedBone], side: str) -> None:
        self.side = side
        self._bones = [bone for bone in bones if bone.side == side]

    def of(self, *parts: str) -> list[int]:
        """Joints called so, the most usual name first; of equals, the first in the file."""
        found = [bone for bone in self._bones if bone.part in parts]
        return [
            bone.index
            for bone in sorted(found, key=lambda bone: (parts.index(bone.part), bone.rank))
        ]


def _leg(tree: SkeletonTree, side: _Side) -> Limb:
    thighs, shins, ankles = side.of("thigh"), side.of("shin"), side.of("ankle")
    if thighs:
        shins = shins or side.of("leg")
    elif shins:  # "Left leg", "Left knee"
        thighs = side.of("leg")
    toes = side.of("toe", "foot") if ankles else side.of("toe")
    ankles = ankles or side.of("foot") or _ends(tree, shins)
    thigh, shin, ankle = _chain(tree, side.side, ("hip", "knee", "ankle"), thighs, shins, ankles)
    toes = [toe for toe in toes if tree.is_below(toe, ankle)]
    return Limb(thigh, shin, ankle, _first(toes or tree.children[ankle]))


def _arm(tree: SkeletonTree, side: _Side) -> Limb:
    uppers, lowers, wrists = side.of("upperarm"), side.of("forearm"), side.of("wrist", "hand")
    collars = side.of("collar")
    if uppers:
        lowers = lowers or side.of("arm")
        collars = collars or side.of("shoulder")
    elif side.of("arm") and lowers:  # Mixamo: Shoulder, Arm, ForeArm
        uppers, collars = side.of("arm"), collars or side.of("shoulder")
    else:  # SMPL: Collar, Shoulder, Elbow
        uppers = side.of("shoulder")
    wrists = wrists or _ends(tree, lowers)
    upper, lower, wrist = _chain(
        tree, side.side, ("shoulder", "elbow", "wrist"), uppers, lowers, wrists
    )
    return Limb(upper, lower, wrist, _first([c for c in collars if tree.is_below(upper, c)]))


def _ends(tree: SkeletonTree, joints: Sequence[int]) -> list[int]:
    """The ends of bones after which nothing is named: a forearm without a hand."""
    return [child for joint in joints for child in tree.children[joint] if not tree.children[child]]


def _chain(
    tree: SkeletonTree, side: str, called: tuple[str, str, str], *candidates: list[int]
) -> tuple[int, int, int]:
    """The first of each that hang below one another. NoBodyError."""
    for name, found in zip(called, candidates, strict=True):
        if not found:
            raise NoBodyError(f"no {side}_{name}")
    for chain in _chains(tree, [found[:_CANDIDATES] for found in candidates]):
        return chain
    raise NoBodyError(
        f"no {side}_{called[2]} below a {side}_{called[1]} below a {side}_{called[0]}"
    )


def _chains(tree: SkeletonTree, candidates: Sequence[list[int]]) -> Iterator[tuple[int, int, int]]:
    uppers, lowers, ends = candidates
    for upper in uppers:
        for lower in lowers:
            if tree.is_below(lower, upper):
                for end in ends:
                    if tree.is_below(end, lower):
                        yield upper, lower, end


def completed(
    tree: SkeletonTree,
    legs: tuple[Limb, Limb],
    arms: tuple[Limb, Limb],
    head: int | None,
    necks: Sequence[int] = (),
) -> Landmarks:
    """The limbs with the trunk that the tree hangs them on.

    NoBodyError where they do not hang on one.
    """
    pelvis = tree.meeting([leg.upper for leg in legs])
    tops = [arm.upper if arm.extra is None else arm.extra for arm in arms]
    chest = tree.meeting(tops)
    if pelvis < 0 or chest < 0 or tree.meeting([pelvis, chest]) < 0:
        raise NoBodyError("legs and arms on no common root")
    if pelvis in {leg.upper for leg in legs} or chest in set(tops):
        raise NoBodyError("a limb that hangs on its twin")
    if head is not None and tree.meeting([head, chest]) < 0:
        head = None
    above = chest if head is None else tree.meeting([chest, head])
    way_up = (
        []
        if head is None
        else [
            joint for joint in tree.path(head)[1:] if joint > above and tree.is_below(joint, above)
        ]
    )
    way_up.reverse()
    neck = next(
        (joint for joint in (*_trunk(tree, pelvis, above), *way_up) if joint in necks), None
    )
    if neck is None:
        neck = _first(way_up)
    if neck is None and head is None:
        neck = _first([joint for joint in necks if joint in tree.children[chest]])
    spine = [
        joint
        for joint in _trunk(tree, pelvis, chest)
        if neck is None or not (joint == neck or tree.is_below(joint, neck))
    ]
    return Landmarks(pelvis, tuple(spine), neck, head, legs, arms)


def _trunk(tree: SkeletonTree, pelvis: int, top: int) -> list[int]:
    """From above the pelvis up to `top`, which is part of it unless it is the pelvis itself."""
    below = set(tree.path(pelvis))
    return [joint for joint in reversed(tree.path(top)) if joint not in below]


def missing(tree: SkeletonTree, why: str) -> str:
    """What was found instead of a humanoid, for a message."""
    few = ", ".join(tree.names[:_SAMPLE]) + (", ..." if len(tree.names) > _SAMPLE else "")
    return f"{len(tree.names)} joints ({few}): {why}"
