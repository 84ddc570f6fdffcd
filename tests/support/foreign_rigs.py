"""Skeletons as other programs write them.

The same motion under other names, axes, proportions and poses of rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kinetoken.formats.rig import Rig
from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import JOINT_NAMES, PARENTS

Array = NDArray[np.float64]

_SIDED = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
_MIDDLE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")


def naming(
    middle: str, sided: str, pattern: str, sides: tuple[str, str] = ("Left", "Right")
) -> dict[str, str]:
    """Our names to others.

    Words in the order of `_MIDDLE` and `_SIDED`, "-" for a joint that is not there.
    """
    words = dict(zip(_MIDDLE, middle.split(","), strict=True))
    for ours, side in zip(("left", "right"), sides, strict=True):
        for joint, word in zip(_SIDED, sided.split(","), strict=True):
            words[f"{ours}_{joint}"] = word if word == "-" else pattern.format(side=side, word=word)
    return words


_MIXAMO = "UpLeg,Leg,Foot,ToeBase,Shoulder,Arm,ForeArm,Hand"
_UNITY = "UpperLeg,LowerLeg,Foot,Toes,Shoulder,UpperArm,LowerArm,Hand"
_BIPED = "Thigh,Calf,Foot,Toe0,Clavicle,UpperArm,Forearm,Hand"
_JOINTS = "Hip,Knee,Ankle,Toe,Collar,Shoulder,Elbow,Wrist"
_SPINE = "Hips,Spine,Spine1,Spine2,Neck,Head"
_CHEST = "Hips,Spine,Chest,UpperChest,Neck,Head"
_SMPL = "Pelvis,Spine1,Spine2,Spine3,Neck,Head"
_SHORT, _SMALL, _LOWER = ("L", "R"), ("l", "r"), ("left", "right")


def prefixed(prefix: str, words: str) -> str:
    """Each of the words behind a prefix."""
    return ",".join(prefix + word for word in words.split(","))


NAMINGS: dict[str, dict[str, str]] = {
    "CMU, MotionBuilder": naming("Hips,LowerBack,Spine,Spine1,Neck,Head", _MIXAMO, "{side}{word}"),
    "CMU, Daz": naming(
        "hip,-,abdomen,chest,neck,head",
        "Thigh,Shin,Foot,-,Collar,Shldr,ForeArm,Hand",
        "{side}{word}",
        _SMALL,
    ),
    "CMU, AnimatedDrawings": naming(
        "Hips,lowerback,Chest,Chest2,Neck,Head", _JOINTS, "{side}{word}"
    ),
    "Mixamo": naming(prefixed("mixamorig:", _SPINE), _MIXAMO, "mixamorig:{side}{word}"),
    "Mixamo glued": naming(prefixed("mixamorig", _SPINE), _MIXAMO, "mixamorig{side}{word}"),
    "Mixamo numbered": naming(prefixed("mixamorig1:", _SPINE), _MIXAMO, "mixamorig1:{side}{word}"),
    "Mixamo in lower case": naming(
        prefixed("mixamorig_", _SPINE).lower(), _MIXAMO.lower(), "mixamorig_{side}{word}", _LOWER
    ),
    "Rokoko": naming(_SPINE, "Thigh,Shin,Foot,Toe,Shoulder,Arm,ForeArm,Hand", "{side}{word}"),
    "Unity": naming(_CHEST, _UNITY, "{side}{word}"),
    "Unity with spaces": naming(
        "Hips,Spine,Chest,Upper Chest,Neck,Head",
        "leg,knee,ankle,toe,shoulder,arm,elbow,wrist",
        "{side} {word}",
    ),
    "Unreal": naming(
        "pelvis,spine_01,spine_02,spine_03,neck_01,head",
        "thigh,calf,foot,ball,clavicle,upperarm,lowerarm,hand",
        "{word}_{side}",
        _SMALL,
    ),
    "VRoid": naming(prefixed("J_Bip_C_", _CHEST), _UNITY, "J_Bip_{side}_{word}", _SHORT),
    "VRM": naming("hips,spine,chest,upperChest,neck,head", _UNITY, "{side}{word}", _LOWER),
    "3ds Biped": naming(prefixed("Bip01 ", _SPINE), _BIPED, "Bip01 {side} {word}", _SHORT),
    "3ds Biped in FBX": naming(prefixed("Bip001_", _SPINE), _BIPED, "Bip001_{side}_{word}", _SHORT),
    "MotionBuilder": naming(prefixed("Character1_", _SPINE), _MIXAMO, "Character1_{side}{word}"),
    "100STYLE, Xsens": naming("Hips,Chest,Chest2,Chest3,Neck,Head", _JOINTS, "{side}{word}"),
    "Bandai-Namco": naming("joint_Root,-,Spine,Chest,Neck,Head", _UNITY, "{word}_{side}", _SHORT),
    "SMPL": naming(_SMPL, _JOINTS.replace("Toe", "Foot"), "{side}_{word}", _SHORT),
    "SMPL in Unity": naming(
        prefixed("m_avg_", _SMPL), _JOINTS.replace("Toe", "Foot"), "m_avg_{side}_{word}", _SHORT
    ),
    "Rigify": naming(
        "DEF-hips,DEF-spine.001,DEF-spine.002,DEF-spine.003,DEF-neck,DEF-head",
        "thigh,shin,foot,toe,shoulder,upper_arm,forearm,hand",
        "DEF-{word}.{side}",
        _SHORT,
    ),
    "Advanced Skeleton": naming(
        "Root_M,Spine1_M,Spine2_M,Chest_M,Neck_M,Head_M",
        "Hip,Knee,Ankle,Toes,Scapula,Shoulder,Elbow,Wrist",
        "{word}_{side}",
        _SHORT,
    ),
    "Character Creator": naming(
        prefixed("CC_Base_", "Hip,Waist,Spine01,Spine02,NeckTwist01,Head"),
        "Thigh,Calf,Foot,ToeBase,Clavicle,Upperarm,Forearm,Hand",
        "CC_Base_{side}_{word}",
        _SHORT,
    ),
    "Daz Genesis": naming(
        "hip,abdomenLower,abdomenUpper,chestLower,neckLower,head",
        "ThighBend,Shin,Foot,Toe,Collar,ShldrBend,ForearmBend,Hand",
        "{side}{word}",
        _SMALL,
    ),
    "MakeHuman": naming(
        "root,spine05,spine03,spine01,neck01,head",
        "upperleg01,lowerleg01,foot,toe1-1,clavicle,upperarm01,lowerarm01,wrist",
        "{word}.{side}",
        _SHORT,
    ),
    "Kinect": naming(
        "SpineBase,SpineMid,SpineChest,SpineShoulder,Neck,Head",
        "Hip,Knee,Ankle,Foot,Clavicle,Shoulder,Elbow,Wrist",
        "{word}{side}",
    ),
    "OptiTrack": naming(
        prefixed("Skeleton_", "Hip,Ab,Ab2,Chest,Neck,Head"),
        "Thigh,Shin,Foot,Toe,Shoulder,UArm,FArm,Hand",
        "Skeleton_{side}{word}",
        _SHORT,
    ),
    "DeepMotion": naming(
        "hips_JNT,spine_JNT,spine1_JNT,spine2_JNT,neck_JNT,head_JNT",
        _MIXAMO.lower(),
        "{side}_{word}_JNT",
        _SMALL,
    ),
    "Second Life": naming(
        "mPelvis,mTorso,mSpine,mChest,mNeck,mHead", _JOINTS.replace("Toe", "Foot"), "m{word}{side}"
    ),
    "MMD": naming(
        "センター,上半身,上半身1,上半身2,首,頭",
        "足,ひざ,足首,つま先,肩,腕,ひじ,手首",
        "{side}{word}",
        ("左", "右"),
    ),
}


@dataclass(frozen=True)
class ForeignRig:
    """A tree of joints and how it moves, each turn relative to the parent."""

    names: list[str]
    parents: list[int]
    offsets: Array
    """(J, 3) metres."""
    root: Array
    """(T, 3) metres."""
    turns: Array
    """(T, J, 3, 3)"""
    ends: dict[int, Array] = field(default_factory=dict)
    """(3,) What an End Site says."""

    @property
    def points(self) -> Array:
        """(T, J, 3) Where the joints are, by the textbook."""
        world = self.turns.copy()
        points = np.zeros(self.turns.shape[:3])
        points[:, 0] = self.root
        for joint, parent in enumerate(self.parents[1:], start=1):
            world[:, joint] = world[:, parent] @ self.turns[:, joint]
            points[:, joint] = points[:, parent] + world[:, parent] @ self.offsets[joint]
        return points

    def resting_otherwise(self, rng: np.random.Generator) -> ForeignRig:
        """The same motion where every joint rests in a pose of its own, as if drawn by chance.

        No body at all.
        """
        some = rng.normal(size=(len(self.names), 4))
        quaternions = some / np.linalg.norm(some, axis=1, keepdims=True)
        poses = _matrices(quaternions)
        poses[0] = np.eye(3)
        offsets, turns = self.offsets.copy(), self.turns.copy()
        for joint, parent in enumerate(self.parents):
            turns[:, joint] = turns[:, joint] @ poses[joint]
            if parent >= 0:
                offsets[joint] = poses[parent].T @ offsets[joint]
                turns[:, joint] = poses[parent].T @ turns[:, joint]
        return ForeignRig(self.names, self.parents, offsets, self.root, turns, self.ends)

    def bvh(
        self, unit: float = 0.01, fps: float = 20.0, order: str = "ZXY", z_up: bool = False
    ) -> str:
        """The text of a BVH file; `unit` in metres."""
        turn = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]) if z_up else np.eye(3)
        offsets = self.offsets @ turn.T / unit
        turns = turn @ self.turns @ turn.T
        listed = [0]
        lines = ["HIERARCHY", *self._lines(0, offsets, order, listed), "MOTION"]
        angles = np.stack([euler(turns[:, joint], order) for joint in listed[1:]], axis=1)
        rows = np.concatenate([self.root @ turn.T / unit, angles.reshape(len(angles), -1)], axis=1)
        lines += [f"Frames: {len(rows)}", f"Frame Time: {1 / fps:.8f}"]
        return "\n".join([*lines, *(" ".join(f"{value:.7f}" for value in row) for row in rows), ""])

    def _lines(self, joint: int, offsets: Array, order: str, listed: list[int]) -> list[str]:
        listed.append(joint)
        channels = " ".join(f"{axis}rotation" for axis in order)
        place = " ".join(f"{value:.7f}" for value in (offsets[joint] if joint else np.zeros(3)))
        kind = (
            f"CHANNELS 3 {channels}"
            if joint
            else f"CHANNELS 6 Xposition Yposition Zposition {channels}"
        )
        inside = [f"OFFSET {place}", kind]
        children = [child for child, parent in enumerate(self.parents) if parent == joint]
        for child in children:
            inside += self._lines(child, offsets, order, listed)
        if not children:
            inside += ["End Site", "{", "OFFSET 0 0 0.001", "}"]
        return [f"{'JOINT' if joint else 'ROOT'} {self.names[joint]}", "{", *inside, "}"]


def rig_of(
    clip: Clip, names: dict[str, str] | Callable[[str], str] = str, *,
    longer: Callable[[str], float] = lambda name: 1.0, size: float = 1.0,
) -> ForeignRig:  # fmt: skip
    """The clip as another skeleton.

    Joints called "-" are left out, bones get `longer`, the whole body `size`.
    """
    rig = Rig.of(clip)
    call = names if callable(names) else names.__getitem__
    kept = [joint for joint, name in enumerate(JOINT_NAMES) if call(name) != "-"]
    place = {joint: index for index, joint in enumerate(kept)}
    stretch = np.array([longer(name) for name in JOINT_NAMES])[:, None] * size
    offsets, turns, parents = rig.rest.offsets * stretch, rig.rotations.copy(), list(PARENTS)
    for joint in range(1, len(JOINT_NAMES)):
        while parents[joint] not in place and parents[joint] >= 0:  # a bone over two joints
            gone = parents[joint]
            offsets[joint] = offsets[joint] + offsets[gone]
            turns[:, joint] = turns[:, gone] @ turns[:, joint]
            parents[joint] = parents[gone]
    return ForeignRig(
        [call(JOINT_NAMES[joint]) for joint in kept],
        [-1 if parents[joint] < 0 else place[parents[joint]] for joint in kept],
        offsets[kept], rig.root * size, turns[:, kept],
    )  # fmt: skip


def euler(turns: Array, order: str) -> Array:
    """Rotation matrices (T, 3, 3) to degrees about the axes of `order`, applied from the left."""
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (i, j, k) in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1.0
    second = np.arcsin(np.clip(sign * turns[:, i, k], -1.0, 1.0))
    first = np.arctan2(-sign * turns[:, j, k], turns[:, k, k])
    third = np.arctan2(-sign * turns[:, i, j], turns[:, i, i])
    return np.degrees(np.stack([first, second, third], axis=-1))


def directions(joints: Array, bones: Sequence[tuple[int, int]]) -> Array:
    """(T, bones, 3) Where bones point."""
    begin, end = np.array(bones).T
    ways = joints[:, end] - joints[:, begin]
    return np.asarray(ways / np.linalg.norm(ways, axis=-1, keepdims=True))


def _matrices(quaternions: Array) -> Array:
    from synthetic_rig import matrices

    return np.asarray(matrices(quaternions))
