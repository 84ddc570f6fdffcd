"""VRM animation files (.vrma) for VRM avatars: the skeleton alone, with the humanoid bone names.

Source: the specification of VRMC_vrm_animation 1.0 (VRM Consortium). Metres, Y up, facing +Z,
T-pose rest.
"""

from __future__ import annotations

import os
from typing import Final

from ..base.atomic_file import atomic_path
from ..motion.clip import Clip
from ..motion.skeleton import JOINT
from .gltf import GltfFile
from .rig import Rig, add_animation, add_skeleton, clip_name, clip_notes

EXTENSION: Final = "VRMC_vrm_animation"
_MIDDLE: Final = {
    "hips": "pelvis", "spine": "spine1", "chest": "spine2", "upperChest": "spine3", "neck": "neck",
    "head": "head",
}  # fmt: skip
_SIDE: Final = {
    "Shoulder": "collar", "UpperArm": "shoulder", "LowerArm": "elbow", "Hand": "wrist",
    "UpperLeg": "hip", "LowerLeg": "knee", "Foot": "ankle", "Toes": "foot",
}  # fmt: skip
# VRM's humanoid bone to the joint that carries it.
HUMANOID: Final[dict[str, str]] = _MIDDLE | {
    side + bone: f"{side}_{joint}" for side in ("left", "right") for bone, joint in _SIDE.items()
}


def write_vrma(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write the clip as rotations of VRM's humanoid bones. OutputError."""
    rig = Rig.of(clip)
    file = GltfFile(clip_notes(clip))
    add_skeleton(file, rig)
    add_animation(file, rig, clip_name(clip))
    bones = {bone: {"node": JOINT[joint]} for bone, joint in HUMANOID.items()}
    file.json["extensionsUsed"] = [EXTENSION]
    file.json["extensions"] = {EXTENSION: {"specVersion": "1.0", "humanoid": {"humanBones": bones}}}
    with atomic_path(path) as part, part.open("wb") as stream:
        stream.write(file.encoded())
