"""SMPL parameters in .npz, as in AMASS: rotations of SMPL-H's joints, and where the body is.

Written for the mean body (`betas` zero). Read: SMPL, SMPL-H and SMPL-X, whose first 22 joints are
the same, on HumanML3D's body, because the shape of another needs SMPL's model file.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Container, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...base.atomic_file import atomic_path
from ...base.errors import FormatError, InputError
from ...motion.clip import Clip
from ...motion.skeleton import N_JOINTS, Array64
from ...motion.smpl.body import PELVIS, SIZE
from ...motion.smpl.parameters import amass_arrays, joints_of_smpl
from ..body_checks import MAX_METRES
from ..humanoid.axes import AXIS_TURNS
from ..read_options import ReadOptions
from .arrays import RATES, clip_of_arrays, plain_numbers

AMASS_KEYS: Final = ("poses", "root_orient", "pose_body", "trans", "betas")
_WIDTHS: Final = {66: "the body", 72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
"""Numbers of a frame of `poses`."""
_MOST_RADIANS: Final = 13.0  # two turns, and a little
_SOLE: Final = 0.02  # metres from the lowest joint to the floor
_SIZES: Final = (0.85, 1.15)
"""Of SMPL's mean body: smallest and largest adult legs."""


def write_amass(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write the clip as SMPL-H parameters, Z up, with prompt, text and seed beside. OutputError."""
    arrays: dict[str, Any] = {
        **amass_arrays(clip.joints, clip.fps),
        "prompt": clip.prompt,
        "text": clip.text,
    }
    if clip.seed is not None:
        arrays["seed"] = clip.seed
    with atomic_path(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def holds_smpl(keys: Container[str]) -> bool:
    """True for the keys of an archive of SMPL parameters."""
    return "trans" in keys and ("poses" in keys or ("root_orient" in keys and "pose_body" in keys))


def clip_of_smpl(data: Mapping[str, NDArray[Any]], path: Path, options: ReadOptions) -> Clip:
    """Make a clip of an archive's SMPL parameters; Z up unless told. FormatError, InputError."""
    if options.unit is not None:
        raise InputError(f"{path}: SMPL's trans is in metres; leave out --unit")
    if not any(rate in data for rate in RATES):
        raise FormatError(
            f"{path}: expected mocap_framerate beside SMPL's poses, got none; save it as one number"
        )
    poses, trans = _poses(data, path), plain_numbers(data["trans"], path)
    if trans.shape != (len(poses), 3):
        raise FormatError(f"{path}: expected trans ({len(poses)}, 3), got {trans.shape}")
    if len(trans) and np.abs(trans).max() > MAX_METRES:
        raise FormatError(f"{path}: trans reaches {np.abs(trans).max():.3g}; expected metres")
    turn = AXIS_TURNS[options.up or "z"]
    size = SIZE if _is_mean(data, path) else _size(poses, trans, turn, path)
    joints = joints_of_smpl(poses, trans, turn, size)
    known = {key: value for key, value in data.items() if key not in AMASS_KEYS}
    clip = clip_of_arrays(joints, path, known, replace(options, up=None))
    note = f"SMPL's pose on HumanML3D's body, path scaled by {1.0 / size:.2f}"
    return replace(clip, meta={**clip.meta, "source": path.name, "retargeted": note})


def _poses(data: Mapping[str, NDArray[Any]], path: Path) -> Array64:
    """(T, 66 or more) axis-angle, the root first."""
    if "poses" in data:
        poses = plain_numbers(data["poses"], path)
        if poses.ndim == 3:  # joints (T, J, 3)
            poses = poses.reshape(len(poses), poses.shape[1] * poses.shape[2])
        parts = [poses]
    else:
        parts = [plain_numbers(data[key], path) for key in ("root_orient", "pose_body")]
    same = all(part.ndim == 2 and len(part) == len(parts[0]) for part in parts)
    poses = np.concatenate(parts, axis=1) if same else np.zeros((0, 0))
    if not same or (poses.shape[1] not in _WIDTHS):
        widths = ", ".join(f"{width} ({name})" for width, name in _WIDTHS.items())
        got = " and ".join(str(part.shape) for part in parts)
        raise FormatError(
            f"{path}: expected SMPL's poses (T, n), axis-angle, n of {widths}, got {got}; "
            "save rotations as axis times angle"
        )
    poses = poses[:, : N_JOINTS * 3]
    if len(poses) and np.abs(poses).max() > _MOST_RADIANS:
        raise FormatError(
            f"{path}: expected SMPL's poses in radians, got up to {np.abs(poses).max():.3g}; "
            "degrees? Save numpy.radians(poses)"
        )
    return poses


def _is_mean(data: Mapping[str, NDArray[Any]], path: Path) -> bool:
    """True where the shape of the body is the mean one, or nobody says."""
    return "betas" not in data or not plain_numbers(data["betas"], path).any()


def _size(poses: Array64, trans: Array64, turn: Array64, path: Path) -> float:
    """Legs of the file's body over HumanML3D's: in half of the frames, its feet are on the floor.

    That of SMPL's mean body, with a warning, where this gives no adult.
    """
    body = joints_of_smpl(poses, trans, turn)
    reach = body[:, 0, 1] - body[..., 1].min(axis=1) + _SOLE
    height = ((trans + PELVIS) @ turn.T)[:, 1]
    size = float(np.median(height / np.maximum(reach, _SOLE))) if len(body) else SIZE
    if _SIZES[0] <= size / SIZE <= _SIZES[1]:
        return size
    warnings.warn(
        f"{path}: the size of its body (betas) cannot be told, because its feet are rarely on the "
        "floor; the path is scaled as for SMPL's mean body",
        UserWarning,
        stacklevel=2,
    )
    return SIZE
