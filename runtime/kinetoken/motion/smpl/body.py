"""SMPL's neutral body of mean shape at rest: 22 joints, in the order of HumanML3D's.

Metres, Y up, facing +Z. Rounded to a millimetre; SMPL-H and SMPL-X differ from it by a few.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..rotations import CHILDREN, RIGID, T_POSE, kabsch, swing
from ..skeleton import BONE_LENGTHS, JOINT, N_JOINTS, Array64

PELVIS: Final = np.array([-0.002, -0.223, 0.028])
"""The pelvis in the coordinates of the model: `trans` is where the pelvis is, less this."""
OFFSETS: Final = np.array(
    [
        (0.000, 0.000, 0.000),
        (0.070, -0.091, -0.007), (-0.068, -0.091, -0.004), (-0.003, 0.109, -0.027),
        (0.034, -0.375, -0.005), (-0.038, -0.383, -0.009), (0.006, 0.135, 0.001),
        (-0.014, -0.398, -0.044), (0.016, -0.398, -0.042), (0.002, 0.053, 0.025),
        (0.026, -0.056, 0.119), (-0.025, -0.048, 0.123), (-0.003, 0.214, -0.043),
        (0.079, 0.122, -0.034), (-0.082, 0.119, -0.039), (0.005, 0.065, 0.051),
        (0.091, 0.031, -0.009), (-0.096, 0.033, -0.009),
        (0.260, -0.013, -0.028), (-0.254, -0.013, -0.021),
        (0.249, 0.009, -0.001), (-0.255, 0.008, -0.006),
    ]
)  # fmt: skip
"""(22, 3) from each joint's parent; row 0 is 0."""
_LEGS: Final = [JOINT[f"{side}_{name}"] for side in ("left", "right") for name in ("knee", "ankle")]
DIRECTIONS: Final[Array64] = OFFSETS / np.maximum(
    np.linalg.norm(OFFSETS, axis=1, keepdims=True), 1e-9
)
"""(22, 3) unit, those of the offsets; row 0 is 0."""
SIZE: Final = float(np.linalg.norm(OFFSETS[_LEGS], axis=1).sum() / BONE_LENGTHS[_LEGS].sum())
"""The legs of SMPL's mean body over HumanML3D's, 0.95: the scale of all paths between them."""
SMPL_REST: Final[Array64] = DIRECTIONS * BONE_LENGTHS[:, None]
"""(22, 3) metres: SMPL's rest pose with HumanML3D's bones."""


def _to_t_pose() -> Array64:
    """Rotations (22, 3, 3) that carry each joint's bones from SMPL's rest pose to our T-pose."""
    turns = np.tile(np.eye(3), (N_JOINTS, 1, 1))
    for joint in range(N_JOINTS):
        children = list(CHILDREN[joint])
        if joint in RIGID:
            turns[joint] = kabsch(DIRECTIONS[children], T_POSE[None, children])[0]
        elif children:
            turns[joint] = swing(DIRECTIONS[children], T_POSE[children])[0]
    return turns


TO_T_POSE: Final = _to_t_pose()
