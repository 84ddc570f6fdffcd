"""BVH files, written for Blender, MotionBuilder and other animation tools, and read from any tool.

Written: centimetres, Y up or another axis, T-pose rest; root channels XYZ position and ZYX rotation, ZYX for the
other joints.

Read: any humanoid skeleton (humanoid/). A file does not name its unit; the length of its legs
tells.
"""

from __future__ import annotations

import codecs
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ..base.atomic_file import atomic_path
from ..base.errors import FormatError
from ..base.input_file import read_input
from ..motion.clip import Clip
from ..motion.rotations import CHILDREN, EulerRun, RestPose
from ..motion.skeleton import JOINT_NAMES, Array64
from .body_checks import MAX_FRAMES, check_rate
from .bvh_syntax import BvhFile, parse_bvh, solve_bvh
from .humanoid.axes import AXIS_TURNS
from .humanoid.joints_of import SAMPLE, MovingSkeleton, joints_of
from .humanoid.skeleton_tree import Poses, SkeletonTree
from .read_options import DEFAULTS, ReadOptions
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

_AT_ONCE: Final = 2000  # frames whose matrices are held at a time
_LARGEST: Final = 4 << 30  # bytes
_MAX_QUOTED: Final = 80  # letters of a file that a message repeats


def write_bvh(clip: Clip, path: str | os.PathLike[str], up: str = "y") -> None:
    """Write rotations of a skeleton with constant bone lengths. OutputError.

    `up`: the axis that points up in the file, such as "z".
    """
    turn = AXIS_TURNS[up].T
    rig = Rig.of(clip).turned(turn)
    angles, order = EulerRun().push(rig.rotations), list(_order(0))
    frames = [rig.root * _CM_PER_METRE, angles[:, order].reshape(len(clip), -1)]
    with atomic_path(path) as part, part.open("w", encoding="ascii", newline="\n") as stream:
        stream.write("HIERARCHY\n" + "\n".join(_joint(rig.rest, 0, turn)) + "\n")
        stream.write(f"MOTION\nFrames: {len(clip)}\nFrame Time: {1.0 / clip.fps:.8g}\n")
        np.savetxt(stream, np.concatenate(frames, axis=1), fmt="%.6f")


def _order(joint: int) -> list[int]:
    """Joints in the order of the file, each before its children."""
    return [joint, *(below for child in CHILDREN[joint] for below in _order(child))]


def _joint(rest: RestPose, joint: int, turn: Array64) -> list[str]:
    """The lines of a joint and everything below it."""
    name = JOINT_NAMES[joint]
    channels = (
        f"CHANNELS 6 Xposition Yposition Zposition {_ROTATION}"
        if joint == 0
        else f"CHANNELS 3 {_ROTATION}"
    )
    inside = [_offset(rest.offsets[joint] * _CM_PER_METRE), channels]
    for child in CHILDREN[joint]:
        inside += _joint(rest, child, turn)
    if not CHILDREN[joint]:
        inside += ["End Site", "{", "\t" + _offset(turn @ _TIPS[name]), "}"]
    return [f"{'JOINT' if joint else 'ROOT'} {name}", "{", *("\t" + line for line in inside), "}"]


def _offset(centimetres: Array64) -> str:
    return "OFFSET " + " ".join(f"{value:.6f}" for value in centimetres)


def read_bvh(path: Path, options: ReadOptions = DEFAULTS) -> Clip:
    """Read a humanoid at the file's own frame rate. FormatError."""
    file = _parsed(path)
    sample = Poses(*solve_bvh(file, file.rows[:: len(file.rows) // SAMPLE + 1]))
    fps = check_rate(1.0 / file.frame_time, path)
    skeleton = MovingSkeleton(_tree(file), sample, lambda wanted: _parts(file, wanted))
    found = joints_of(skeleton, options, path)
    if len(file.rows) != file.announced:
        found_rows = f"{file.announced} frames announced, {len(file.rows)} found and read"
        warnings.warn(f"{path}: {found_rows}; correct 'Frames:'", UserWarning, stacklevel=2)
    return Clip(
        joints=found.joints.astype(np.float32), fps=fps, meta={"source": path.name, **found.notes}
    )


def _tree(file: BvhFile) -> SkeletonTree:
    """The skeleton at rest.

    Where positions in every frame stand for offsets, measured on the frames.
    """
    offsets, column = file.offsets.copy(), 0
    for joint, channels in enumerate(file.channels):
        for index, channel in enumerate(channels, start=column):
            if channel.endswith("position") and file.parents[joint] >= 0:
                offsets[joint, "xyz".index(channel[0])] = np.median(file.rows[:, index])
        column += len(channels)
    points = np.zeros((1, *offsets.shape))
    for joint, parent in enumerate(file.parents):
        points[0, joint] = offsets[joint] + (points[0, parent] if parent >= 0 else 0.0)
    upright = np.broadcast_to(np.eye(3), (1, len(file.names), 3, 3))
    return SkeletonTree(file.names, file.parents, Poses(points, upright))


def _parts(file: BvhFile, wanted: Sequence[int]) -> Iterator[Poses]:
    for begin in range(0, len(file.rows), _AT_ONCE):
        yield Poses(*solve_bvh(file, file.rows[begin : begin + _AT_ONCE], wanted))


def _parsed(path: Path) -> BvhFile:
    try:
        raw = read_input(path, _LARGEST)
    except FileNotFoundError:
        raise FormatError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise FormatError(
            f"cannot read {path}: {error.strerror}; check the path and its permissions"
        ) from error
    wide = raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        return parse_bvh(raw.decode("utf-16" if wide else "utf-8", "replace"), MAX_FRAMES)
    except ValueError as error:
        raise FormatError(
            f"{path}: expected a whole BVH file, got {_shown(str(error))}; export it again"
        ) from None


def _shown(words: str) -> str:
    """What a file says, short and without anything that could steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in words[:_MAX_QUOTED])
