"""The 263 columns of a HumanML3D feature row, and their computation from joint positions.

| columns | content | detail |
|---|---|---|
| 0 | root yaw velocity | half the yaw step of one frame, radians; positive turns right |
| 1:3 | root velocity X, Z | metres per frame, in the facing frame of the next frame |
| 3 | root height | metres |
| 4:67 | positions, joints 1-21 | relative to the root in X and Z, Y absolute, facing +Z |
| 67:193 | rotations, joints 1-21 | 6-D: the first two columns of each matrix |
| 193:259 | velocities, joints 0-21 | step to the next frame, in the facing frame of this one |
| 259:263 | contacts | left ankle, left foot, right ankle, right foot |

Source: HumanML3D's motion_representation (Guo et al., CVPR 2022), checked on its published samples.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from .skeleton import CONTACT_JOINTS, JOINT, N_JOINTS, Array, Array64

N_FEATURES: Final = 263
YAW: Final = slice(0, 1)
ROOT_VELOCITY: Final = slice(1, 3)
ROOT_HEIGHT: Final = slice(3, 4)
POSITIONS: Final = slice(4, 67)
ROTATIONS: Final = slice(67, 193)
VELOCITIES: Final = slice(193, 259)
CONTACTS: Final = slice(259, 263)

CONTACT_STEP_SQUARED: Final = 0.002  # m^2 per frame: below it a foot counts as planted
_FACING_SIGMA: Final = 20.0  # frames, Gaussian over the facing direction
_FACING_TRUNCATE: Final = 4.0  # sigmas

_CHAINS: Final = (
    (0, 2, 5, 8, 11),
    (0, 1, 4, 7, 10),
    (0, 3, 6, 9, 12, 15),
    (9, 14, 17, 19, 21),
    (9, 13, 16, 18, 20),
)
# HumanML3D's own reference directions: limbs hang down, this is not a T-pose.
_REFERENCE: Final[Array64] = np.array(
    [[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, -1, 0], [0, 1, 0], [0, -1, 0], [0, -1, 0], [0, 1, 0],
     [0, 0, 1], [0, 0, 1], [0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, -1, 0], [0, -1, 0],
     [0, -1, 0], [0, -1, 0],
     [0, -1, 0], [0, -1, 0]], dtype=np.float64,
)  # fmt: skip


def encode(joints: Array) -> Array:
    """Joint positions (T, 22, 3) in metres, 20 fps, to features (T - 1, 263).

    The motion is first put on the floor at the origin, facing +Z: features do not keep its place.
    """
    if joints.ndim != 3 or joints.shape[1:] != (N_JOINTS, 3) or len(joints) < 2:
        raise ValueError(
            f"expected joint positions (T, {N_JOINTS}, 3) with T >= 2, got {joints.shape}"
        )
    points = canonical(np.asarray(joints, dtype=np.float64))
    facing = _facing_quaternions(points)
    steps = np.diff(points, axis=0)
    turn = _multiply(facing[1:], _conjugate(facing[:-1]))
    turn = np.where(
        turn[:, :1] < 0, -turn, turn
    )  # beyond 180 degrees arcsin would take the wrong sign
    local = points - points[:, :1] * np.array([1.0, 0.0, 1.0])
    local = _rotate(facing[:, None], local)
    squared = np.sum(steps[:, CONTACT_JOINTS, :] ** 2, axis=-1)
    rows = len(points) - 1
    return np.concatenate(
        [
            np.arcsin(np.clip(turn[:, 2:3], -1.0, 1.0)),
            _rotate(facing[1:], steps[:, 0])[:, [0, 2]],
            points[:-1, 0, 1:2],
            local[:-1, 1:].reshape(rows, -1),
            _rotations_6d(points, facing)[:-1].reshape(rows, -1),
            _rotate(facing[:-1, None], steps).reshape(rows, -1),
            (squared < CONTACT_STEP_SQUARED).astype(np.float64),
        ],
        axis=1,
    )


def canonical(joints: Array) -> Array:
    """Move joints (T, 22, 3): the lowest one to Y = 0, frame 0 to X = Z = 0, facing +Z."""
    points = joints - np.array([joints[0, 0, 0], joints[..., 1].min(), joints[0, 0, 2]])
    left_hip, right_hip = points[0, JOINT["left_hip"]], points[0, JOINT["right_hip"]]
    across = (
        left_hip
        - right_hip
        + points[0, JOINT["left_shoulder"]]
        - points[0, JOINT["right_shoulder"]]
    )
    forward = np.cross(across, [0.0, 1.0, 0.0])
    return _rotate(_between(_unit(forward), np.array([0.0, 0.0, 1.0])), points)


def _facing_quaternions(points: Array) -> Array:
    """Smoothed yaw to +Z of each frame, (T, 4) wxyz.

    The hips enter with the opposite sign: a quirk of the format.
    """
    across = points[:, JOINT["left_hip"]] - points[:, JOINT["right_hip"]]
    across = across + points[:, JOINT["right_shoulder"]] - points[:, JOINT["left_shoulder"]]
    forward = _smooth(np.cross([0.0, 1.0, 0.0], _unit(across)))
    forward = _unit(forward * np.array([1.0, 0.0, 1.0]) + np.array([0.0, 0.0, 0.0]))
    quaternions = _between(forward, np.broadcast_to(np.array([0.0, 0.0, 1.0]), forward.shape))
    quaternions[0] = (1.0, 0.0, 0.0, 0.0)
    return quaternions


def _smooth(values: Array) -> Array:
    """Gaussian filter over time, as scipy's gaussian_filter1d(mode="nearest")."""
    radius = int(_FACING_TRUNCATE * _FACING_SIGMA + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / _FACING_SIGMA) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="edge")
    return np.stack(
        [np.convolve(padded[:, axis], kernel, mode="valid") for axis in range(3)], axis=1
    )


def _rotations_6d(points: Array, facing: Array) -> Array:
    """Rotations of joints 1..21, (T, 21, 6), by HumanML3D's swing-only inverse kinematics."""
    out = np.zeros((len(points), N_JOINTS, 6))
    for chain in _CHAINS:
        carried = facing  # every chain restarts from the root, the arms too
        for parent, child in pairwise(chain):
            bone = _unit(points[:, child] - points[:, parent])
            world = _between(np.broadcast_to(_REFERENCE[child], bone.shape), bone)
            local = _multiply(_conjugate(carried), world)
            out[:, child] = _six(local)
            carried = _multiply(carried, local)
    return out[:, 1:]


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _between(a: Array, b: Array) -> Array:
    """Unit quaternion (..., 4) wxyz of the smallest rotation from unit vectors a to b."""
    w = 1.0 + np.sum(a * b, axis=-1, keepdims=True)
    quaternion = np.concatenate([w, np.cross(a, b)], axis=-1)
    opposite = w[..., 0] < 1e-9
    if np.any(opposite):
        quaternion[opposite] = (0.0, 0.0, 1.0, 0.0)  # half a turn about Y: facing backward
    return _unit(quaternion)


def _conjugate(q: Array) -> Array:
    return np.asarray(q * np.array([1.0, -1.0, -1.0, -1.0]))


def _multiply(a: Array, b: Array) -> Array:
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    w = aw * bw - np.sum(av * bv, axis=-1, keepdims=True)
    return np.concatenate([w, aw * bv + bw * av + np.cross(av, bv)], axis=-1)


def _rotate(q: Array, v: Array) -> Array:
    q = np.broadcast_to(q, (*v.shape[:-1], 4))
    cross = np.cross(q[..., 1:], v)
    return v + 2.0 * (q[..., :1] * cross + np.cross(q[..., 1:], cross))


def _six(q: Array) -> Array:
    """First two columns of the rotation matrix of q, flattened to (..., 6)."""
    x = _rotate(q, np.broadcast_to(np.array([1.0, 0.0, 0.0]), (*q.shape[:-1], 3)))
    y = _rotate(q, np.broadcast_to(np.array([0.0, 1.0, 0.0]), (*q.shape[:-1], 3)))
    return np.concatenate([x, y], axis=-1)
