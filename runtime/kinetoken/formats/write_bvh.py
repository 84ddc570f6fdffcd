"""Clips as BVH for Blender, MotionBuilder and other animation tools.

Centimetres, Y up, T-pose rest. Root channels XYZ position and ZYX rotation, ZYX for the other joints.
"""

from __future__ import annotations

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..base.atomic_file import atomic_path
from ..motion.clip import Clip
from ..motion.rotations import CHILDREN, EulerRun, RestPose
from ..motion.skeleton import JOINT_NAMES
from .rig import Rig

CM_PER_METRE: Final = 100.0
_ROTATION: Final = "Zrotation Yrotation Xrotation"
# Centimetres beyond the last joint, so that feet, hands and the head show as bones.
_TIPS: Final = {
    "left_foot": (0.0, 0.0, 5.0),
    "right_foot": (0.0, 0.0, 5.0),
    "head": (0.0, 12.0, 0.0),
    "left_wrist": (9.0, 0.0, 0.0),
    "right_wrist": (-9.0, 0.0, 0.0),
}


def write_bvh(clip: Clip, path: str | os.PathLike[str]) -> None:
    """The clip as rotations of a skeleton with constant bone lengths. OutputError where it cannot be written."""
    rig = Rig.of(clip)
    angles, order = EulerRun().push(rig.rotations), list(_order(0))
    frames = [rig.root * CM_PER_METRE, angles[:, order].reshape(len(clip), -1)]
    with atomic_path(path) as part, part.open("w", encoding="ascii", newline="\n") as stream:
        stream.write("HIERARCHY\n" + "\n".join(_joint(rig.rest, 0)) + "\n")
        stream.write(f"MOTION\nFrames: {len(clip)}\nFrame Time: {1.0 / clip.fps:.8g}\n")
        np.savetxt(stream, np.concatenate(frames, axis=1), fmt="%.6f")


def _order(joint: int) -> list[int]:
    """Joints in the order of the file: each before its children."""
    return [joint, *(below for child in CHILDREN[joint] for below in _order(child))]


def _joint(rest: RestPose, joint: int) -> list[str]:
    """The lines of a joint and everything below it."""
    name = JOINT_NAMES[joint]
    channels = (
        f"CHANNELS 6 Xposition Yposition Zposition {_ROTATION}"
        if joint == 0
        else f"CHANNELS 3 {_ROTATION}"
    )
    inside = [_offset(rest.offsets[joint] * CM_PER_METRE), channels]
    for child in CHILDREN[joint]:
        inside += _joint(rest, child)
    if not CHILDREN[joint]:
        inside += ["End Site", "{", "\t" + _offset(np.array(_TIPS[name])), "}"]
    return [f"{'JOINT' if joint else 'ROOT'} {name}", "{", *("\t" + line for line in inside), "}"]


def _offset(centimetres: NDArray[np.float64]) -> str:
    return "OFFSET " + " ".join(f"{value:.6f}" for value in centimetres)
