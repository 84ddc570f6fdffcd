"""Files of a robot's motion: Unitree's CSV, NumPy with MuJoCo's qpos, and GMR's pickle."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from ..base.atomic_file import atomic_path
from ..base.errors import InputError
from ..manifest.sampling_numbers import is_number
from ..motion.clip import Clip
from ..motion.skeleton import Array64
from .robot_model import CAUTION, RobotModel, robot_named
from .robot_rate import robot_at_rate
from .robot_run import RobotMotion, RobotRun

_Write = Callable[[RobotMotion, str | os.PathLike[str]], None]
ROBOT_RATE: Final = 30.0
"""Frames a second of Unitree's files, and the default of all."""
_RATES: Final = (1.0, 1000.0)
_OF_ROBOTS_ALONE: Final = (".csv", ".pkl")


def check_robot(robot: str, rate: float | None = None) -> RobotModel:
    """The robot of this name; InputError for another, or another rate than can be."""
    if rate is not None and not (is_number(rate) and _RATES[0] <= rate <= _RATES[1]):
        raise InputError(f"--rate: expected {_RATES[0]:g} to {_RATES[1]:g}, got {rate!r}")
    return robot_named(robot)


def robot_motion(clip: Clip, robot: str, rate: float | None = None) -> RobotMotion:
    """The clip as the motion of a robot, at `rate` or the clip's own frames a second. InputError."""
    motion = RobotRun(check_robot(robot, rate), clip.fps).push(clip.joints)
    return motion if rate is None else robot_at_rate(motion, rate)


def qpos(motion: RobotMotion) -> Array64:
    """(T, 7 + J) in MuJoCo's order: root x y z, quaternion w x y z, angles."""
    turn = motion.quaternions[:, [3, 0, 1, 2]]
    return np.concatenate([motion.root, turn, motion.angles], axis=1)


def write_robot(motion: RobotMotion, path: str | os.PathLike[str]) -> None:
    """Write the motion in the format of the suffix, whole or not at all. InputError, OutputError."""
    if not len(motion):
        raise InputError(f"{path}: the clip has no frames; there is nothing to write")
    robot_writer(path)(motion, path)


def robot_writer(path: str | os.PathLike[str]) -> _Write:
    """The writer for the suffix of the path. InputError."""
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise InputError(f"{path}: with --robot expected .csv, .npz or .pkl, got {suffix!r}")
    return _WRITERS[suffix]


def is_robot_file(path: str | os.PathLike[str] | None) -> bool:
    """True for a suffix that only a robot's motion has; .npz may be a human's."""
    return path is not None and Path(path).suffix.lower() in _OF_ROBOTS_ALONE


def save_robot(
    clip: Clip, robot: str, path: str | os.PathLike[str], rate: float | None = None
) -> None:
    """Write a clip as the motion of a robot, at `rate` or ROBOT_RATE. InputError, OutputError."""
    write_robot(robot_motion(clip, robot, rate or ROBOT_RATE), path)


def _write_csv(motion: RobotMotion, path: str | os.PathLike[str]) -> None:
    """Unitree's: no header; root x y z, quaternion x y z w, angles."""
    rows = np.concatenate([motion.root, motion.quaternions, motion.angles], axis=1)
    with atomic_path(path) as part:
        np.savetxt(part, rows, fmt="%.6f", delimiter=",")


def _write_npz(motion: RobotMotion, path: str | os.PathLike[str]) -> None:
    """qpos (T, 7 + J) in MuJoCo's order, joint_names, fps, robot, note."""
    with atomic_path(path) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            qpos=qpos(motion),
            joint_names=np.array(motion.robot.joint_names),
            fps=motion.fps,
            robot=motion.robot.name,
            note=CAUTION,
        )


def _write_pkl(motion: RobotMotion, path: str | os.PathLike[str]) -> None:
    """GMR's: fps, root_pos, root_rot x y z w, dof_pos."""
    data = {
        "fps": motion.fps,
        "root_pos": motion.root,
        "root_rot": motion.quaternions,
        "dof_pos": motion.angles,
        "local_body_pos": None,
        "link_body_list": None,
    }
    with atomic_path(path) as part, part.open("wb") as stream:
        pickle.dump(data, stream)


_WRITERS: Final[dict[str, _Write]] = {".csv": _write_csv, ".npz": _write_npz, ".pkl": _write_pkl}
ROBOT_FILES: Final = tuple(_WRITERS)
