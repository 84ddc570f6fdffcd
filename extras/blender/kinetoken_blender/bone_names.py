"""Bones of armatures that are known by name, for the 22 joints of kinetoken's skeleton."""

from __future__ import annotations

from collections.abc import Iterable

_MIDDLE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
_LIMBS = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")
PARENT = {
    "spine1": "pelvis", "spine2": "spine1", "spine3": "spine2", "neck": "spine3", "head": "neck",
    **{f"{side}_{joint}": f"{side}_{above}" for side in ("left", "right") for joint, above in (
        ("shoulder", "collar"), ("elbow", "shoulder"), ("wrist", "elbow"),
        ("knee", "hip"), ("ankle", "knee"), ("foot", "ankle"))},
    **{f"{side}_collar": "spine3" for side in ("left", "right")},
    **{f"{side}_hip": "pelvis" for side in ("left", "right")},
}  # fmt: skip
"""Each joint's parent; the pelvis has none."""
_SIDES = {"left": ("Left", ".L"), "right": ("Right", ".R")}
_MIXAMO = (
    ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Head"),
    ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase"),
)
_METARIG = (
    ("spine", "spine.001", "spine.002", "spine.003", "spine.004", "spine.006"),
    ("shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe"),
)
_RIGIFY = (
    ("torso", "", "spine_fk.002", "spine_fk.003", "neck", "head"),
    (
        "shoulder",
        "upper_arm_fk",
        "forearm_fk",
        "hand_fk",
        "thigh_fk",
        "shin_fk",
        "foot_fk",
        "toe_fk",
    ),
)
"""The lowest bones of the spine hang from the torso control: turning them would move the hips."""
MAY_BE_MISSING = frozenset(
    {"spine1", "neck", *(f"{side}_{joint}" for side in _SIDES for joint in ("foot", "collar"))}
)
FK_SWITCHES = tuple(
    f"{limb}_parent{side}" for limb in ("upper_arm", "thigh") for side in (".L", ".R")
)
"""Bones of a Rigify rig whose property IK_FK is 1 where a limb follows its FK controls."""


def bones_of(names: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """The kind of an armature and its bone for each joint, by the names of its bones.

    None where they are not known.
    """
    present = set(names)
    kinds = {
        "Rigify": _two_sided(_RIGIFY, after=True),
        "Rigify metarig": _two_sided(_METARIG, after=True),
    }
    for prefix in sorted({name.rpartition(":")[0] for name in present}):
        colon = f"{prefix}:" if prefix else ""
        kinds[f"Mixamo {prefix}".strip()] = {
            joint: colon + bone for joint, bone in _two_sided(_MIXAMO, after=False).items()
        }
    for kind, bones in kinds.items():
        found = {joint: bone for joint, bone in bones.items() if bone in present}
        if set(bones) - set(found) <= MAY_BE_MISSING:
            return kind.split(":")[0], found
    return None


def _two_sided(bones: tuple[tuple[str, ...], tuple[str, ...]], *, after: bool) -> dict[str, str]:
    out = dict(zip(_MIDDLE, bones[0], strict=True))
    for side, (before, behind) in _SIDES.items():
        for joint, bone in zip(_LIMBS, bones[1], strict=True):
            out[f"{side}_{joint}"] = bone + behind if after else before + bone
    return out
