"""CMU's "Daz-friendly" BVH skeleton to the 22 joints of HumanML3D at 20 fps.

The global rotations of the source are carried over to HumanML3D's bone lengths: both rest poses are
T-poses with identity rotation, so a joint is its parent plus the turned rest direction. Each rest
direction is turned by the source joint that carries that bone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.features import canonical
from kinetoken.motion.resample import resample
from kinetoken.motion.skeleton import BONE_LENGTHS, FPS, N_JOINTS, PARENTS, Array64

from .bvh import BvhMotion

CARRIERS: Final = (
    "hip", "hip", "hip", "hip", "lThigh", "rThigh", "abdomen", "lShin", "rShin", "chest", "lFoot",
    "rFoot", "chest", "chest", "chest", "neck", "lCollar", "rCollar", "lShldr", "rShldr",
    "lForeArm", "rForeArm",
)  # fmt: skip
_LEFT_REST: Final = {
    1: (0.07, -0.09, -0.01), 3: (0.0, 0.109, -0.027), 4: (0.034, -0.375, -0.005),
    6: (0.006, 0.135, 0.001), 7: (-0.014, -0.398, -0.044), 9: (0.002, 0.053, 0.025),
    10: (0.026, -0.056, 0.119), 12: (-0.003, 0.214, -0.043), 13: (0.079, 0.122, -0.034),
    15: (0.005, 0.065, 0.051), 16: (0.091, 0.031, -0.009), 18: (0.26, -0.013, -0.028),
    20: (0.249, 0.009, -0.001),
}  # fmt: skip
_RIGHT_OF: Final = {2: 1, 5: 4, 8: 7, 11: 10, 14: 13, 17: 16, 19: 18, 21: 20}
_PELVIS_IN_HIP: Final = np.array([0.0, 8.5, -1.0])  # cm: the Daz "hip" node is not the pelvis
_T_POSE_FRAMES: Final = 8  # a T-pose, then a ramp out of it
_CM: Final = 0.01


def t_pose_offsets() -> Array64:
    """Rest offset of each joint from its parent, (22, 3) metres."""
    rest = np.zeros((N_JOINTS, 3))
    for j in range(1, N_JOINTS):
        x, y, z = _LEFT_REST[_RIGHT_OF.get(j, j)]
        direction = np.array([-x if j in _RIGHT_OF else x, y, z])
        rest[j] = direction / np.linalg.norm(direction) * BONE_LENGTHS[j]
    return rest


def source_fps(name: str, frame_time: float) -> float:
    """Frames per second of a CMU clip.

    Subjects 60 and 61 were captured at 60 although their headers say 120.
    """
    return 60.0 if name.startswith(("60_", "61_", "salsa_")) else 1.0 / frame_time


def retarget(motion: BvhMotion, fps: float) -> NDArray[np.float32]:
    """Retarget a source motion to joints (T, 22, 3) at 20 fps, on the floor, facing +Z first."""
    thighs = motion.positions[:, [motion.index("lThigh"), motion.index("rThigh")]].mean(axis=1)
    hip = motion.rotations[:, motion.index("hip")]
    joints = np.zeros((len(thighs), N_JOINTS, 3))
    joints[:, 0] = (thighs + hip @ _PELVIS_IN_HIP) * _CM
    rest = t_pose_offsets()
    for j in range(1, N_JOINTS):
        joints[:, j] = (
            joints[:, PARENTS[j]] + motion.rotations[:, motion.index(CARRIERS[j])] @ rest[j]
        )
    resampled = resample(joints[_T_POSE_FRAMES:], FPS / fps)
    return canonical(impose_bone_lengths(resampled)).astype(np.float32)


def impose_bone_lengths(joints: Array64) -> Array64:
    """Joint positions (T, 22, 3) with HumanML3D's bone lengths again, directions kept."""
    out = joints.copy()
    for j in range(1, N_JOINTS):
        bone = joints[:, j] - joints[:, PARENTS[j]]
        out[:, j] = (
            out[:, PARENTS[j]]
            + bone / np.linalg.norm(bone, axis=-1, keepdims=True) * BONE_LENGTHS[j]
        )
    return out
