"""BVH files, written for Blender, MotionBuilder and other animation tools, and read from any tool.

Written: centimetres, Y up, T-pose rest; root channels XYZ position and ZYX rotation, ZYX for the
other joints.

Read: joints are found by the names of SMPL ("left_hip", "L_Hip", "LeftHip"), or of Mixamo and of
text-to-motion models that write BVH ("LeftUpLeg"). Other joints, such as fingers, are left out. Y
is up, as usual in BVH. A file does not name its unit; the length of its legs tells.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import numpy as np

from ..base.atomic_file import atomic_path
from ..base.errors import FormatError
from ..motion.clip import Clip
from ..motion.rotations import CHILDREN, EulerRun, RestPose
from ..motion.skeleton import JOINT, JOINT_NAMES, PARENTS, Array64
from .body_checks import MAX_FRAMES, MAX_METRES, METRES, check_rate, is_leg, warn_of_axes
from .bvh_syntax import BvhFile, parse_bvh, solve_bvh
from .rig import Rig

_CM_PER_METRE: Final = 100.0
_ROTATION: Final = "Zrotation Yrotation Xrotation"
# Centimetres beyond the last joint, so that feet, hands and the head show as bones.
_TIPS: Final = {
    "left_foot": (0.0, 0.0, 5.0),
    "right_foot": (0.0, 0.0, 5.0),
    "head": (0.0, 12.0, 0.0),
    "left_wrist": (9.0, 0.0, 0.0),
    "right_wrist": (-9.0, 0.0, 0.0),
}

_AT_ONCE: Final = 20_000  # frames whose matrices are held at a time
_MAX_QUOTED: Final = 80  # letters of a file that a message repeats
_SIDES: Final = {"l": "left", "r": "right", "left": "left", "right": "right"}
# Other names of the joints, without "left" and "right", underscores and capitals.
_SMPL: Final = {
    "root": "pelvis", "hips": "pelvis", "toe": "foot", "toebase": "foot", "clavicle": "collar",
    "thorax": "collar",
    "hand": "wrist",
}  # fmt: skip
_MIXAMO: Final = {
    "hips": "pelvis", "upleg": "hip", "leg": "knee", "foot": "ankle", "toe": "foot",
    "toebase": "foot",
    "spine": "spine1", "spine1": "spine2", "spine2": "spine3", "shoulder": "collar",
    "arm": "shoulder",
    "forearm": "elbow", "hand": "wrist",
}  # fmt: skip


def write_bvh(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write rotations of a skeleton with constant bone lengths. OutputError."""
    rig = Rig.of(clip)
    angles, order = EulerRun().push(rig.rotations), list(_order(0))
    frames = [rig.root * _CM_PER_METRE, angles[:, order].reshape(len(clip), -1)]
    with atomic_path(path) as part, part.open("w", encoding="ascii", newline="\n") as stream:
        stream.write("HIERARCHY\n" + "\n".join(_joint(rig.rest, 0)) + "\n")
        stream.write(f"MOTION\nFrames: {len(clip)}\nFrame Time: {1.0 / clip.fps:.8g}\n")
        np.savetxt(stream, np.concatenate(frames, axis=1), fmt="%.6f")


def _order(joint: int) -> list[int]:
    """Joints in the order of the file, each before its children."""
    return [joint, *(below for child in CHILDREN[joint] for below in _order(child))]


def _joint(rest: RestPose, joint: int) -> list[str]:
    """The lines of a joint and everything below it."""
    name = JOINT_NAMES[joint]
    channels = (
        f"CHANNELS 6 Xposition Yposition Zposition {_ROTATION}"
        if joint == 0
        else f"CHANNELS 3 {_ROTATION}"
    )
    inside = [_offset(rest.offsets[joint] * _CM_PER_METRE), channels]
    for child in CHILDREN[joint]:
        inside += _joint(rest, child)
    if not CHILDREN[joint]:
        inside += ["End Site", "{", "\t" + _offset(np.array(_TIPS[name])), "}"]
    return [f"{'JOINT' if joint else 'ROOT'} {name}", "{", *("\t" + line for line in inside), "}"]


def _offset(centimetres: Array64) -> str:
    return "OFFSET " + " ".join(f"{value:.6f}" for value in centimetres)


def read_bvh(path: Path) -> Clip:
    """Read joint positions, at the file's frame rate. FormatError."""
    file = _parsed(path)
    chosen = _joints(file, path)
    with np.errstate(all="ignore"):  # absurd numbers: refused below
        parts = np.array_split(file.rows, len(file.rows) // _AT_ONCE + 1)
        joints = np.concatenate([solve_bvh(file, rows)[0][:, chosen] for rows in parts]) * _unit(
            file, chosen, path
        )
    if not np.isfinite(joints).all() or np.abs(joints).max() > MAX_METRES:
        raise FormatError(
            f"{path}: expected finite positions within {MAX_METRES:g} m, got others; "
            "export it again"
        )
    warn_of_axes(joints, path)
    fps = check_rate(1.0 / file.frame_time, path)
    return Clip(joints=joints.astype(np.float32), fps=fps, meta={"source": path.name})


def _parsed(path: Path) -> BvhFile:
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        raise FormatError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise FormatError(
            f"cannot read {path}: {error.strerror}; check the path and its permissions"
        ) from error
    try:
        return parse_bvh(text, MAX_FRAMES)
    except ValueError as error:
        raise FormatError(
            f"{path}: expected a whole BVH file, got {_shown(str(error))}; export it again"
        ) from None


def _joints(file: BvhFile, path: Path) -> list[int]:
    """Indices in the file of the 22 joints, in their order."""
    named = [_named(file, words) for words in (_SMPL, _MIXAMO)]
    found = max(named, key=len)
    missing = [name for name in JOINT_NAMES if name not in found]
    if missing:
        few = ", ".join(missing[:4]) + (", ..." if len(missing) > 4 else "")
        got = ", ".join(map(_shown, file.names[:4])) + (", ..." if len(file.names) > 4 else "")
        raise FormatError(
            f"{path}: expected the 22 joints of HumanML3D, got {got} without {few}; "
            "retarget it first"
        )
    chosen = [found[name] for name in JOINT_NAMES]
    for joint, parent in enumerate(PARENTS):
        if parent >= 0 and chosen[parent] not in file.above(chosen[joint]):
            name, hangs = _shown(file.names[chosen[joint]]), _shown(file.names[chosen[parent]])
            raise FormatError(
                f"{path}: expected {name} below {hangs}, got another tree; retarget it first"
            )
    return chosen


def _named(file: BvhFile, words: dict[str, str]) -> dict[str, int]:
    """Map our names to the file's joints; of two that fit, the first."""
    found: dict[str, int] = {}
    for index, name in enumerate(file.names):
        found.setdefault(_known(name, words), index)
    return {name: index for name, index in found.items() if name in JOINT}


def _known(name: str, words: dict[str, str]) -> str:
    """Translate "mixamorig:LeftUpLeg", "L_Hip" or "m_avg_L_Hip" into our spelling."""
    short = re.sub(r"^.*:|^m_avg_", "", name)
    parts = (
        re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", short)
        .lower()
        .replace("-", "_")
        .replace(" ", "_")
        .split("_")
    )
    side = _SIDES.get(parts[0], "") if len(parts) > 1 else ""
    word = "".join(parts[1:] if side else parts)
    word = words.get(word, word)
    return f"{side}_{word}" if side else word


def _shown(words: str) -> str:
    """Text of a file for a message: short, and without anything that could steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in words[:_MAX_QUOTED])


def _unit(file: BvhFile, chosen: list[int], path: Path) -> float:
    """Metres per unit of the file."""
    leg = 0.0
    for name in ("left_knee", "left_ankle"):
        leg += float(np.linalg.norm(file.offsets[chosen[JOINT[name]]]))
    for unit in METRES.values():
        if is_leg(leg * unit):
            return unit
    raise FormatError(
        f"{path}: expected a leg in metres, centimetres or millimetres, got a length of {leg:g}; "
        "scale the skeleton"
    )
