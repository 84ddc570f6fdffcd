"""Joint positions to SMPL's parameters and back: axis-angle rotations and `trans`, Z up.

The two bodies differ: SMPL's arms and legs do not rest quite straight, and its mean body has legs
5 % shorter than HumanML3D's. Bones keep their directions; the path is scaled by the legs, so feet
that stand keep standing.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..quaternions import from_matrices
from ..rotations import (
    CHILDREN,
    T_POSE,
    RestPose,
    bone_lengths,
    forward_kinematics,
    global_rotations,
    local_rotations,
)
from ..skeleton import N_JOINTS, PARENTS, Array, Array64
from .body import PELVIS, SIZE, SMPL_REST, TO_T_POSE

_Z_UP: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Turns Y up into Z up."""
SMPLH_JOINTS: Final = 52
"""The 22 of the body and 15 of each hand."""
SHAPES: Final = 16
"""Numbers of `betas`, as in AMASS."""
_TINY: Final = 1e-9


def smpl_rotations(joints: Array) -> Array64:
    """Joint positions (T, 22, 3) to SMPL's rotations (T, 22, 3, 3), each relative to its parent.

    The root's is relative to the world, Y up.
    """
    rest = RestPose(T_POSE * bone_lengths(joints)[:, None])
    turned = global_rotations(joints, rest) @ TO_T_POSE
    for joint in range(N_JOINTS):
        if not CHILDREN[joint]:
            turned[:, joint] = turned[:, PARENTS[joint]]
    return local_rotations(turned)


def amass_arrays(joints: Array, fps: float) -> dict[str, Array64 | str | float]:
    """Joint positions (T, 22, 3), metres, Y up, to the arrays of a file of AMASS.

    `poses` (T, 156), axis-angle of SMPL-H's 52 joints, hands zero; `trans` (T, 3), metres, Z up;
    `betas` (16,) zero; `gender`; `mocap_framerate`; `surface_model_type`. GMR's names for the same
    stand beside them: `root_orient` (T, 3), `pose_body` (T, 63), `mocap_frame_rate`.
    """
    rotations = smpl_rotations(joints)
    rotations[:, 0] = _Z_UP @ rotations[:, 0]
    body = axis_angles(rotations).reshape(len(joints), -1)
    poses = np.zeros((len(joints), SMPLH_JOINTS * 3))
    poses[:, : body.shape[1]] = body
    return {
        "poses": poses,
        "trans": joints[:, 0].astype(np.float64) @ _Z_UP.T * SIZE - PELVIS,
        "betas": np.zeros(SHAPES),
        "gender": "neutral",
        "mocap_framerate": float(fps),
        "surface_model_type": "smplh",
        "root_orient": body[:, :3].copy(),
        "pose_body": body[:, 3:].copy(),
        "mocap_frame_rate": float(fps),
    }


def joints_of_smpl(poses: Array, trans: Array, turn: Array, size: float = SIZE) -> Array64:
    """SMPL's parameters to joint positions (T, 22, 3) of HumanML3D's body, metres, Y up.

    `poses` (T, 66 or more) axis-angle, the 22 joints of the body first; `trans` (T, 3) metres;
    `turn` (3, 3) turns the file's axes into ours; `size`: the legs of the file's body over
    HumanML3D's.
    """
    body = np.asarray(poses, np.float64)[:, : N_JOINTS * 3].reshape(-1, N_JOINTS, 3)
    rotations = rotation_matrices(body)
    rotations[:, 0] = turn @ rotations[:, 0]
    root = (np.asarray(trans, np.float64) + PELVIS) @ turn.T / size
    return forward_kinematics(root, rotations, RestPose(SMPL_REST))


def axis_angles(rotations: Array) -> Array64:
    """Rotation matrices (..., 3, 3) to axis times angle (..., 3), radians, at most half a turn."""
    turned = from_matrices(rotations)
    turned = turned * np.where(turned[..., 3:] < 0.0, -1.0, 1.0)
    sine = np.linalg.norm(turned[..., :3], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, turned[..., 3:])
    factor = np.where(sine > _TINY, angle / np.maximum(sine, _TINY), 2.0)
    return np.asarray(turned[..., :3] * factor)


def rotation_matrices(vectors: Array) -> Array64:
    """Axis times angle (..., 3), radians, to rotation matrices (..., 3, 3) (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    axis = vectors / np.maximum(angle[..., 0], _TINY)
    cross = np.zeros((*axis.shape[:-1], 3, 3))
    cross[..., 2, 1], cross[..., 0, 2], cross[..., 1, 0] = axis[..., 0], axis[..., 1], axis[..., 2]
    cross -= np.swapaxes(cross, -1, -2)
    return np.asarray(
        np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * (cross @ cross), np.float64
    )
