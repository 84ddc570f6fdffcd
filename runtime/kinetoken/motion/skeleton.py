"""The 22-joint skeleton of HumanML3D: names, parents, bone lengths, rest directions.

Source: the HumanML3D release (MIT). Coordinates: metres, Y up, right-handed; the left side of a
body that faces +Z is +X.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
"""Positions, features or rotations in any precision."""
Array64 = NDArray[np.float64]
FPS: Final = 20
JOINT_NAMES: Final = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
N_JOINTS: Final = len(JOINT_NAMES)
PARENTS: Final = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
JOINT: Final = {name: index for index, name in enumerate(JOINT_NAMES)}

# Joint j and its mirror image on the other side of the body.
MIRROR: Final = tuple(
    JOINT[n.replace("left", "right") if n.startswith("left") else n.replace("right", "left")]
    for n in JOINT_NAMES
)

# Metres, from each joint to its parent; the same in every clip of HumanML3D.
BONE_LENGTHS: Final[NDArray[np.float64]] = np.array(
    [0.0, 0.103074, 0.109883, 0.131568, 0.393623, 0.390188, 0.14319, 0.432433, 0.425643, 0.057365, 0.143382, 0.149419,
     0.21936, 0.137487, 0.143383, 0.103039, 0.131614, 0.122984, 0.25684, 0.263092, 0.266012,
     0.269876]
)  # fmt: skip

# The joints of the contact channels, columns 259:263 of a feature row.
CONTACT_JOINTS: Final = (
    JOINT["left_ankle"],
    JOINT["left_foot"],
    JOINT["right_ankle"],
    JOINT["right_foot"],
)
