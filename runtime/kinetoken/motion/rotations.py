"""Joint positions to joint rotations, for formats that animate by rotations.

The 6-D columns of the features do not help: their arm chains restart from the root, and they have
no twist. Here the triples around the pelvis (hips and spine1) and around spine3 (neck and collars)
are rigid, so a Kabsch fit gives their whole orientation. Every other joint takes the smallest swing
from the rest direction that its parent carries; thighs and upper arms get the twist with which knee
and elbow bend as hinges (hinges.py). The twist of spine, neck, forearm and shank is a convention.
Bone lengths are constant: positions that stretch a bone are projected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .hinges import HINGES, twist
from .skeleton import BONE_LENGTHS, MIRROR, N_JOINTS, PARENTS, Array, Array64

CHILDREN: Final = tuple(tuple(c for c, p in enumerate(PARENTS) if p == j) for j in range(N_JOINTS))
RIGID: Final = tuple(j for j in range(N_JOINTS) if len(CHILDREN[j]) == 3)  # pelvis and spine3
_HINGES: Final = {hinge.top: hinge for hinge in HINGES}
_FIT_ROUNDS: Final = 3
_RIGID_WITHIN: Final = 1e-3  # metres that a bone's length may vary in a body taken for rigid
_TINY: Final = 1e-8


def _t_pose() -> Array64:
    """Unit directions (22, 3) from each joint's parent, a body in T-pose facing +Z.

    The root's is 0.

    Limbs are straight, as avatars expect; pelvis, spine, neck and collars are those of SMPL's mean
    body.
    """
    left_and_middle = {
        1: (0.07, -0.09, -0.01), 3: (0.0, 0.109, -0.027), 4: (0.0, -1.0, 0.0),
        6: (0.006, 0.135, 0.001),
        7: (0.0, -1.0, 0.0), 9: (0.002, 0.053, 0.025), 10: (0.0, -0.056, 0.122),
        12: (-0.003, 0.214, -0.043),
        13: (0.079, 0.122, -0.034), 15: (0.005, 0.065, 0.051), 16: (0.091, 0.031, -0.009),
        18: (1.0, 0.0, 0.0),
        20: (1.0, 0.0, 0.0),
    }  # fmt: skip
    directions = np.zeros((N_JOINTS, 3))
    for joint, direction in left_and_middle.items():
        directions[MIRROR[joint]] = np.array(direction) * (-1.0, 1.0, 1.0)
        directions[joint] = direction
    directions[1:] /= np.linalg.norm(directions[1:], axis=1, keepdims=True)
    return directions


T_POSE: Final = _t_pose()


@dataclass(frozen=True)
class RestPose:
    """The pose in which every rotation is the identity."""

    offsets: Array64
    """(22, 3) metres, from each joint's parent; row 0 is 0."""

    @classmethod
    def standard(cls) -> RestPose:
        """The T-pose of a mean body."""
        return cls(T_POSE * BONE_LENGTHS[:, None])

    @classmethod
    def fit(cls, joints: Array) -> RestPose:
        """The T-pose with the pelvis and chest of the body in `joints` (T, 22, 3).

        A body with bones of constant length keeps them; one whose bones stretch, or that has a
        single frame, gets HumanML3D's lengths.
        """
        directions = T_POSE.copy()
        for joint in RIGID:
            children = list(CHILDREN[joint])
            bones = _unit(joints[:, children].astype(np.float64) - joints[:, [joint]])
            for _ in range(_FIT_ROUNDS):
                turned = np.einsum("tji,tcj->tci", kabsch(directions[children], bones), bones)
                directions[children] = _unit(turned.mean(axis=0))
        return cls(directions * bone_lengths(joints)[:, None])


def bone_lengths(joints: Array) -> Array64:
    """Bone lengths (22,) in metres of joints (T, 22, 3): HumanML3D's, or a rigid body's own."""
    bones = np.zeros((len(joints), N_JOINTS))
    bones[:, 1:] = np.linalg.norm(
        joints[:, 1:].astype(np.float64) - joints[:, list(PARENTS[1:])], axis=-1
    )
    if not len(bones):
        return BONE_LENGTHS
    mean = bones.mean(axis=0)
    # A single frame shows no rigidity; it may still give the last fraction of a millimetre.
    away = bones - (mean if len(bones) > 1 else BONE_LENGTHS)
    return mean if float(np.abs(away).max()) < _RIGID_WITHIN else BONE_LENGTHS


class RotationRun:
    """Joint positions to orientations, frame by frame.

    Each batch continues where the last one ended.
    """

    def __init__(self, rest: RestPose | None = None) -> None:
        """`rest` is the body; None: pelvis and chest of the first frame, HumanML3D's lengths."""
        self.rest = rest

    def push(self, joints: Array) -> Array64:
        """Joint positions (T, 22, 3) to world orientations, matrices (T, 22, 3, 3)."""
        points = np.asarray(joints, np.float64)
        if self.rest is None:
            self.rest = RestPose.fit(points[:1]) if len(points) else RestPose.standard()
        offsets = self.rest.offsets
        out = np.empty((len(points), N_JOINTS, 3, 3))
        placed = np.empty_like(points)  # where the bones of constant length put the joints
        placed[:, 0] = points[:, 0]
        for joint in range(N_JOINTS):
            out[:, joint] = _orientation(joint, points, placed, out[:, PARENTS[joint]], offsets)
            for child in CHILDREN[joint]:
                placed[:, child] = placed[:, joint] + out[:, joint] @ offsets[child]
        return out


def _orientation(
    joint: int, points: Array, placed: Array, parent: Array, offsets: Array
) -> Array64:
    """(T, 3, 3) of one joint, under that of its parent."""
    children = list(CHILDREN[joint])
    if not children:
        return np.asarray(parent)
    if joint in RIGID:
        return kabsch(_unit(offsets[children]), _unit(points[:, children] - points[:, [joint]]))
    bone = offsets[children[0]]
    # Aimed from where the joint was placed, so that a wrong length above does not add up along the
    # limb.
    aim = _unit(points[:, children[0]] - placed[:, joint])
    swung = swing(parent @ _unit(bone), aim) @ parent
    if joint not in _HINGES:
        return swung
    hinge = _HINGES[joint]
    middle = placed[:, joint] + np.linalg.norm(bone) * aim
    return twist(hinge, aim, _unit(points[:, hinge.end] - middle), swung)


def global_rotations(joints: Array, rest: RestPose) -> Array64:
    """Joint positions (T, 22, 3) of a whole motion to world orientations (T, 22, 3, 3)."""
    return RotationRun(rest).push(joints)


def local_rotations(rotations: Array) -> Array64:
    """Orientations in the world (T, 22, 3, 3) to rotations relative to the parent.

    The root's stays.
    """
    parents = list(PARENTS[1:])
    local = np.array(rotations, np.float64)
    local[:, 1:] = np.swapaxes(rotations[:, parents], -1, -2) @ rotations[:, 1:]
    return local


def forward_kinematics(root: Array, local: Array, rest: RestPose) -> Array64:
    """Root positions (T, 3) and local rotations (T, 22, 3, 3) to joint positions (T, 22, 3)."""
    world = np.array(local, np.float64)
    points = np.empty((len(root), N_JOINTS, 3))
    points[:, 0] = root
    for joint, parent in enumerate(PARENTS[1:], start=1):
        world[:, joint] = world[:, parent] @ local[:, joint]
        points[:, joint] = points[:, parent] + world[:, parent] @ rest.offsets[joint]
    return points


def kabsch(rest: Array, bones: Array) -> Array64:
    """The rotations (T, 3, 3) that best carry unit vectors (c, 3) onto (T, c, 3)."""
    u, _, vt = np.linalg.svd(np.einsum("ci,tcj->tij", rest, bones))
    u, v = np.swapaxes(u, -1, -2), np.swapaxes(vt, -1, -2)
    mirrored = np.linalg.det(v @ u) < 0
    v[mirrored, :, 2] *= -1.0
    return np.asarray(v @ u)


def swing(a: Array, b: Array) -> Array64:
    """The smallest rotations (T, 3, 3) that carry unit vectors a (T, 3) onto b (T, 3)."""
    axis, cos = np.cross(a, b), np.sum(a * b, axis=-1)
    opposite = cos < -1.0 + _TINY
    matrix = _cross_matrix(axis)
    scale = 1.0 / np.where(opposite, 1.0, 1.0 + cos)
    out = np.eye(3) + matrix + matrix @ matrix * scale[:, None, None]
    if opposite.any():  # half a turn about any perpendicular axis
        least = np.eye(3)[np.abs(a[opposite]).argmin(axis=-1)]
        across = _unit(np.cross(a[opposite], least))
        out[opposite] = 2.0 * across[:, :, None] * across[:, None, :] - np.eye(3)
    return np.asarray(out)


class EulerRun:
    """Rotation matrices to Euler angles that never jump: each frame continues the one before."""

    def __init__(self) -> None:
        self._last: Array64 | None = None

    def push(self, rotations: Array) -> Array64:
        """(T, J, 3, 3) to angles (T, J, 3) in degrees, Z, Y, X, where R = Rz @ Ry @ Rx."""
        first, second = _euler_zyx(rotations)
        out = np.empty_like(first)
        for frame in range(len(first)):
            last = np.zeros_like(first[frame]) if self._last is None else self._last
            choices = [_nearest_turn(angles[frame], last) for angles in (first, second)]
            far = [np.abs(angles - last).sum(axis=-1, keepdims=True) for angles in choices]
            self._last = out[frame] = np.where(far[0] <= far[1], *choices)
        return np.degrees(out)


def _euler_zyx(r: Array) -> tuple[Array64, Array64]:
    """Both triples of angles (..., 3), in radians, that give the same rotations."""
    z = np.arctan2(r[..., 1, 0], r[..., 0, 0])
    y = np.arctan2(-r[..., 2, 0], np.hypot(r[..., 0, 0], r[..., 1, 0]))
    # X from what remains after Z and Y: correct even where Y is 90 degrees and Z is any angle.
    sin, cos = np.sin(z), np.cos(z)
    x = np.arctan2(sin * r[..., 0, 2] - cos * r[..., 1, 2], cos * r[..., 1, 1] - sin * r[..., 0, 1])
    return np.stack([z, y, x], axis=-1), np.stack([z + np.pi, np.pi - y, x + np.pi], axis=-1)


def _nearest_turn(angles: Array, last: Array) -> Array64:
    return np.asarray(angles - 2.0 * np.pi * np.round((angles - last) / (2.0 * np.pi)))


def _cross_matrix(v: Array) -> Array64:
    """Matrices (T, 3, 3) with m @ w == cross(v, w)."""
    x, y, z = v[:, 0], v[:, 1], v[:, 2]
    zero = np.zeros_like(x)
    return np.asarray(
        np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3), np.float64
    )


def _unit(vectors: Array) -> Array64:
    """Directions; a bone of no length has none and gives 0."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, _TINY))
