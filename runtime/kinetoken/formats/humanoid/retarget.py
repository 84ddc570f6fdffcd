"""Carry the motion of any humanoid skeleton over to the 22 joints of HumanML3D.

Arms and legs keep the directions of their bones. Trunk, neck, head and collarbones take over how
the joint that carries them has turned since a pose of reference: the pose of rest where it stands
upright, else the most upright frame of the motion. Bones get HumanML3D's lengths, and the path of
the root is scaled by the length of the legs, so planted feet stay planted. A skeleton that has all
22 joints in much the same proportions keeps them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...motion.rotations import T_POSE, RestPose, kabsch
from ...motion.skeleton import BONE_LENGTHS, JOINT, N_JOINTS, PARENTS, Array64
from .landmarks import Landmarks, Limb
from .skeleton_tree import Poses, SkeletonTree

LEG: Final = float(BONE_LENGTHS[[4, 5, 7, 8]].sum() / 2)
"""Metres from hip to ankle in HumanML3D."""
_REST: Final = RestPose.standard().offsets
_TINY: Final = 1e-9
_SHRUNK: Final = 1e-3
"""Share of its usual length below which a bone points nowhere."""
_ALIKE: Final = (0.5, 2.0)
"""A bone of a skeleton that is kept, against HumanML3D's at the size of its legs."""
_TRUNK: Final = [JOINT[name] for name in ("spine1", "spine2", "spine3", "neck")]
_LEGS: Final = [
    [JOINT[f"{s}_{n}"] for n in ("hip", "knee", "ankle", "foot")] for s in ("left", "right")
]
_ARMS: Final = [
    [JOINT[f"{s}_{n}"] for n in ("collar", "shoulder", "elbow", "wrist")] for s in ("left", "right")
]
_STANDS: Final = 0.8
"""Cosine of the angle from upright within which a pose of reference stands."""
_LIKE_REST: Final = 0.966
"""Cosine of 15 degrees, within which a trunk at rest is as upright as skeletons are."""
_FLAT: Final = 0.3
"""Length of a foot's direction along the floor from which on it stands there."""


def leg_length(body: Landmarks, poses: Poses) -> float:
    """From hip to ankle along the bones, in the file's unit.

    Of both legs, in the middle of all frames.
    """
    bones = [(a, b) for leg in body.legs for a, b in ((leg.upper, leg.lower), (leg.lower, leg.end))]
    lengths = sum(
        np.linalg.norm(poses.points[:, b] - poses.points[:, a], axis=-1) for a, b in bones
    )
    return float(np.median(lengths) / 2)


@dataclass(frozen=True)
class Retargeting:
    """How one skeleton moves HumanML3D's body."""

    body: Landmarks
    scale: float
    """HumanML3D's metres per unit of the file."""
    kept: tuple[int, ...] | None
    """The joints of the file that are the 22, where they are kept as they are."""
    reference: Reference | None

    @classmethod
    def of(cls, tree: SkeletonTree, body: Landmarks, sample: Poses) -> Retargeting:
        """Learn a skeleton from its tree and some frames of its motion."""
        scale = LEG / max(leg_length(body, sample), _TINY)
        kept = _same_joints(tree, body, sample, scale)
        return cls(body, scale, kept, None if kept else Reference.of(tree, body, sample))

    def needed(self) -> list[int]:
        """The joints of the file that `joints` looks at."""
        return sorted(self.body.all() if self.kept is None else self.kept)

    def joints(self, poses: Poses) -> Array64:
        """(T, 22, 3): in the file's unit where the joints are kept, else in metres."""
        if self.kept is not None:
            return poses.points[:, list(self.kept)]
        frames = _Frames(self.body, self.reference, poses)
        out = np.zeros((len(poses.points), N_JOINTS, 3))
        pelvis, spine1, spine2, chest = frames.trunk()
        out[:, 0] = frames.hips * self.scale - pelvis @ _REST[[1, 2]].mean(axis=0)
        carriers = {
            1: pelvis,
            2: pelvis,
            3: pelvis,
            6: spine1,
            9: spine2,
            12: chest,
            13: chest,
            14: chest,
        }
        neck = self.body.head if self.body.neck is None else self.body.neck
        carriers[15] = frames.of(neck, chest)
        for (_, shoulder, *_), arm in zip(_ARMS, self.body.arms, strict=True):
            carriers[shoulder] = frames.of(arm.extra, chest)
        for joint, turned in carriers.items():
            out[:, joint] = out[:, PARENTS[joint]] + turned @ _REST[joint]
        for (_, knee, ankle, foot), leg in zip(_LEGS, self.body.legs, strict=True):
            self._lay(out, knee, poses, leg.upper, leg.lower)
            self._lay(out, ankle, poses, leg.lower, leg.end)
            out[:, foot] = out[:, ankle] + frames.foot(leg, pelvis) * BONE_LENGTHS[foot]
        for (_, _, elbow, wrist), arm in zip(_ARMS, self.body.arms, strict=True):
            self._lay(out, elbow, poses, arm.upper, arm.lower)
            self._lay(out, wrist, poses, arm.lower, arm.end)
        return out

    @staticmethod
    def _lay(out: Array64, joint: int, poses: Poses, begin: int, end: int) -> None:
        """Put a joint where the file's bone points, at HumanML3D's length."""
        way = _directions(poses.points[:, end] - poses.points[:, begin])
        out[:, joint] = out[:, PARENTS[joint]] + way * BONE_LENGTHS[joint]


def _same_joints(
    tree: SkeletonTree, body: Landmarks, sample: Poses, scale: float
) -> tuple[int, ...] | None:
    """The file's 22 joints where it has them all, in our tree and much our proportions."""
    if len(body.spine) < 3 or body.neck is None or body.head is None:
        return None
    middle = _middle_of_spine(body, sample)
    named = dict(zip(_TRUNK, (body.spine[0], middle, body.spine[-1], body.neck), strict=True))
    named |= {JOINT["pelvis"]: body.pelvis, JOINT["head"]: body.head}
    for joints, leg in zip(_LEGS, body.legs, strict=True):
        named |= zip(
            joints,
            (leg.upper, leg.lower, leg.end, -1 if leg.extra is None else leg.extra),
            strict=True,
        )
    for joints, arm in zip(_ARMS, body.arms, strict=True):
        named |= zip(
            joints,
            (-1 if arm.extra is None else arm.extra, arm.upper, arm.lower, arm.end),
            strict=True,
        )
    chosen = [named[joint] for joint in range(N_JOINTS)]
    below = all(
        tree.is_below(chosen[j], chosen[p]) for j, p in enumerate(PARENTS) if p >= 0 <= chosen[j]
    )
    return (
        tuple(chosen) if min(chosen) >= 0 and below and _is_alike(chosen, sample, scale) else None
    )


def _middle_of_spine(body: Landmarks, sample: Poses) -> int:
    """Of the joints between the lowest and the highest, the one where HumanML3D has spine2."""
    lowest, *between, highest = body.spine
    points = sample.points
    ends = [
        np.linalg.norm(points[:, j] - points[:, lowest], axis=-1).mean()
        for j in (*between, highest)
    ]
    wanted = BONE_LENGTHS[6] / (BONE_LENGTHS[6] + BONE_LENGTHS[9]) * ends[-1]
    return between[int(np.argmin([abs(far - wanted) for far in ends[:-1]]))]


def _is_alike(chosen: list[int], sample: Poses, scale: float) -> bool:
    parents = [chosen[max(parent, 0)] for parent in PARENTS]
    bones = (
        np.median(
            np.linalg.norm(sample.points[:, chosen] - sample.points[:, parents], axis=-1), axis=0
        )
        * scale
    )
    ratio = bones[1:] / BONE_LENGTHS[1:]
    others = np.delete(ratio, [joint - 1 for joint in _TRUNK])
    trunk = bones[_TRUNK].sum() / BONE_LENGTHS[_TRUNK].sum()
    least, most = _ALIKE
    return bool(
        least < min(trunk, others.min())
        and max(trunk, others.max()) < most
        and ratio.min() > least / 5
    )


@dataclass(frozen=True)
class Reference:
    """What a pose that stands upright teaches of the skeleton."""

    carried: Array64
    """(J, 3, 3) The upright body, facing +Z, as each joint carries it."""
    feet: dict[int, Array64]
    """(3,) Where the foot points, as its ankle carries it."""

    @classmethod
    def of(cls, tree: SkeletonTree, body: Landmarks, sample: Poses) -> Reference | None:
        """From the pose of rest, else from the most upright frame; None where nobody stands."""
        pose, pitched = tree.rest, True
        if _upright(body, pose)[0] < _STANDS:
            upright = _upright(body, sample)
            best = int(np.argmax(upright))
            if upright[best] < _STANDS:
                return None
            pose, pitched = Poses(sample.points[[best]], sample.turned[[best]]), False
        axes = _body_axes(body, pose)[0]
        carried = np.swapaxes(pose.turned[0], -1, -2) @ axes
        feet = {leg.end: _foot(leg, pose, axes, pitched) for leg in body.legs}
        tips = {ankle: carried[ankle] @ foot for ankle, foot in feet.items()}
        carried = _straightened(carried, body, pose, axes)
        return cls(carried if pitched else _faced_ahead(carried, body, sample), tips)


def _upright(body: Landmarks, poses: Poses) -> Array64:
    """(T,) Cosine of how far thighs, shins, trunk and shoulders are off a standing pose."""
    points = poses.points
    axes = _body_axes(body, poses)
    across, up = axes[..., 0], axes[..., 1]
    shoulders = _unit(points[:, body.arms[0].upper] - points[:, body.arms[1].upper])
    bones = [points[:, leg.upper] - points[:, leg.lower] for leg in body.legs]
    bones += [points[:, leg.lower] - points[:, leg.end] for leg in body.legs]
    bones += [_middle(points, body.arms) - _middle(points, body.legs)]
    cosines = [(_unit(bone) * up).sum(axis=-1) for bone in bones]
    return np.asarray(np.min([*cosines, (shoulders * across).sum(axis=-1)], axis=0))


def _body_axes(body: Landmarks, poses: Poses) -> Array64:
    """(T, 3, 3) Columns: to the left along the hips, up along straight legs, forward."""
    points = poses.points
    feet = sum(points[:, leg.end] for leg in body.legs) / 2
    left = points[:, body.legs[0].upper] - points[:, body.legs[1].upper]
    return _axes(left, _middle(points, body.legs) - feet)


def _straightened(carried: Array64, body: Landmarks, pose: Poses, axes: Array64) -> Array64:
    """(J, 3, 3) The same where the trunk of the pose leans or is turned more than skeletons are.

    What lies between hips and shoulders is spread over pelvis and spine, the rest is the chest's.
    """
    points = pose.points
    up = _middle(points, body.arms) - _middle(points, body.legs)
    chest = _axes(points[:, body.arms[0].upper] - points[:, body.arms[1].upper], up)[0]
    if (axes * chest).sum(axis=0)[:2].min() > _LIKE_REST:
        return carried
    out = carried.copy()
    above = {body.neck, body.head, *(arm.extra for arm in body.arms)} - {None}
    shares = dict.fromkeys((joint for joint in above if joint is not None), 1.0)
    chain = (body.pelvis, *body.spine)
    shares |= {
        joint: 0.5 + place / (2 * max(len(chain) - 1, 1)) for place, joint in enumerate(chain)
    }
    for joint, share in shares.items():
        mean = kabsch(np.eye(3), _mean_rows((axes[None], chest[None]), share))[0]
        out[joint] = pose.turned[0, joint].T @ mean
    return out


def _faced_ahead(carried: Array64, body: Landmarks, sample: Poses) -> Array64:
    """(J, 3, 3) The same, with neck, head and collarbones as the chest in the middle of all frames.

    A frame of the motion may catch them anywhere.
    """
    chest = body.spine[-1] if body.spine else body.pelvis
    out = carried.copy()
    for joint in (body.neck, body.head, *(arm.extra for arm in body.arms)):
        if joint is not None:
            apart = np.swapaxes(sample.turned[:, joint], -1, -2) @ sample.turned[:, chest]
            mean = kabsch(np.eye(3), np.swapaxes(apart.mean(axis=0), -1, -2)[None])[0]
            out[joint] = mean @ carried[chest]
    return out


def _foot(leg: Limb, pose: Poses, axes: Array64, pitched: bool) -> Array64:
    """(3,) Where the foot points in the pose, in the body's axes; `pitched`.

    As steep as HumanML3D's at rest.
    """
    rest = T_POSE[JOINT["left_foot"]]
    if leg.extra is None:
        return np.asarray(rest)
    points = pose.points[0]
    x, y, z = axes.T @ _unit(points[leg.extra] - points[leg.end])
    flat = float(np.hypot(x, z))
    if not pitched or flat < _FLAT:
        return np.array([x, y, z])
    return np.array([x / flat * rest[2], rest[1], z / flat * rest[2]])


class _Frames:
    """How the parts of the body are turned in some frames, as rotations of HumanML3D's T-pose."""

    def __init__(self, body: Landmarks, reference: Reference | None, poses: Poses) -> None:
        self._body, self._reference, self._poses = body, reference, poses
        self.hips = _middle(poses.points, body.legs)

    def of(self, joint: int | None, instead: Array64) -> Array64:
        """(T, 3, 3) Rotation that a joint carries; `instead` for no joint or no reference."""
        if joint is None or self._reference is None:
            return instead
        return np.asarray(self._poses.turned[:, joint] @ self._reference.carried[joint])

    def trunk(self) -> tuple[Array64, Array64, Array64, Array64]:
        """Pelvis, spine1, spine2, spine3, (T, 3, 3) each."""
        if self._reference is None:
            return self._trunk_of_points()
        spine = self._body.spine or (self._body.pelvis,)
        carriers = [spine[(len(spine) - 1) * step // 2] for step in range(3)]
        pelvis, *others = (self.of(joint, np.empty(0)) for joint in (self._body.pelvis, *carriers))
        return pelvis, others[0], others[1], others[2]

    def _trunk_of_points(self) -> tuple[Array64, Array64, Array64, Array64]:
        """The same by where hips and shoulders are; the spine turns evenly between them."""
        points, body = self._poses.points, self._body
        hips = points[:, body.legs[0].upper] - points[:, body.legs[1].upper]
        shoulders = points[:, body.arms[0].upper] - points[:, body.arms[1].upper]
        up = _middle(points, body.arms) - self.hips
        ends = _axes(hips, up), _axes(shoulders, up)
        spine1, spine2 = (kabsch(np.eye(3), _mean_rows(ends, share)) for share in (1 / 3, 2 / 3))
        return ends[0], spine1, spine2, ends[1]

    def foot(self, leg: Limb, pelvis: Array64) -> Array64:
        """(T, 3) Where a foot points."""
        if self._reference is not None:
            return np.asarray(self._poses.turned[:, leg.end] @ self._reference.feet[leg.end])
        if leg.extra is not None:
            return _unit(self._poses.points[:, leg.extra] - self._poses.points[:, leg.end])
        return np.asarray(pelvis @ T_POSE[JOINT["left_foot"]])


def _mean_rows(ends: tuple[Array64, Array64], share: float) -> Array64:
    """(T, 3, 3) Rows: where the axes point, on the way from one rotation to another."""
    return np.swapaxes(ends[0] * (1 - share) + ends[1] * share, -1, -2)


def _middle(points: Array64, limbs: Sequence[Limb]) -> Array64:
    return np.asarray((points[:, limbs[0].upper] + points[:, limbs[1].upper]) / 2)


def _axes(left: Array64, up: Array64) -> Array64:
    """(T, 3, 3) Columns: left, up, forward; `left` is kept, `up` is made square to it."""
    x = _unit(left)
    y = _unit(up - (up * x).sum(axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _directions(bones: Array64) -> Array64:
    """(T, 3) Unit vectors; a bone that shrinks to nothing points as in the nearest frame."""
    lengths = np.linalg.norm(bones, axis=-1)
    there = np.flatnonzero(lengths > _SHRUNK * lengths.max(initial=0.0))
    if 0 < len(there) < len(bones):
        middles = (there[1:] + there[:-1]) / 2
        bones = bones[there[np.searchsorted(middles, np.arange(len(bones)))]]
    return _unit(bones)


def _unit(vectors: Array64) -> Array64:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _TINY))
