"""Names of the 22 bones in game engines and their tools, in the order of the joints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..motion.skeleton import JOINT_NAMES

_MIDDLE: Final = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_LIMBS: Final = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")


def _named(middle: str, limbs: str, side: Mapping[str, str]) -> tuple[str, ...]:
    """Bones in the order of the joints; `side` gives the pattern of a left or right one."""
    names = dict(zip(_MIDDLE, middle.split(), strict=True))
    for left_or_right, pattern in side.items():
        for limb, bone in zip(_LIMBS, limbs.split(), strict=True):
            names[f"{left_or_right}_{limb}"] = pattern.format(bone)
    return tuple(names[joint] for joint in JOINT_NAMES)


_MIXAMO: Final = _named(
    "Hips Spine Spine1 Spine2 Neck Head",
    "Shoulder Arm ForeArm Hand UpLeg Leg Foot ToeBase",
    {"left": "Left{}", "right": "Right{}"},
)
BONE_SETS: Final[Mapping[str, tuple[str, ...]]] = {
    "unreal": _named(
        "pelvis spine_01 spine_02 spine_03 neck_01 head",
        "clavicle upperarm lowerarm hand thigh calf foot ball",
        {"left": "{}_l", "right": "{}_r"},
    ),
    "unity": _named(
        "Hips Spine Chest UpperChest Neck Head",
        "Shoulder UpperArm LowerArm Hand UpperLeg LowerLeg Foot Toes",
        {"left": "Left{}", "right": "Right{}"},
    ),
    "mixamo": tuple(f"mixamorig:{name}" for name in _MIXAMO),
}
"""Unreal's mannequin (UE4 Manny's subset), Unity's humanoid bones, Mixamo's characters."""
