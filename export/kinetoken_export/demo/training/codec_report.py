"""The codec on held-out clips: errors, drift, foot slide, jerk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.recover import recover
from kinetoken.motion.skeleton import CONTACT_JOINTS, FPS, Array64

from ...codecs.own_model import load_codec
from ..data.augment import to_features
from ..data.clips import held_out_clips, load_clips
from .lm_data import Coder

FOOT_HEIGHT: Final = 0.05  # m above the floor: below it a foot counts as standing


@dataclass(frozen=True)
class CodecErrors:
    """One held-out clip decoded with all levels and with level 0 alone.

    In millimetres, `drift` in cm per second.
    """

    clip: str
    frames: int
    all_levels: float
    all_levels_facing: float
    level_0: float
    level_0_facing: float
    drift: float


def codec_errors(work: Path, codec: Path) -> list[CodecErrors]:
    """Errors on every held-out clip of `work`."""
    coder = Coder(*load_codec(codec))
    return [_errors(name, joints, coder) for name, joints in held_out_clips(load_clips(work))]


def _errors(name: str, joints: NDArray[np.float32], coder: Coder) -> CodecErrors:
    rows = to_features(joints)
    rows = rows[: len(rows) // 4 * 4]
    codes = coder.encode(rows)
    true = recover(rows.astype(np.float64))
    full, coarse = coder.features(codes), coder.features(codes[:, :1])
    full_joints = recover(full.astype(np.float64))
    seconds = len(rows) / FPS
    drift = np.linalg.norm(full_joints[-1, 0, [0, 2]] - true[-1, 0, [0, 2]]) / seconds
    return CodecErrors(
        name,
        len(rows),
        root_relative(full_joints, true),
        _facing_error(full, rows),
        root_relative(recover(coarse.astype(np.float64)), true),
        _facing_error(coarse, rows),
        float(drift * 100),
    )


def root_relative(a: Array64, b: Array64) -> float:
    """Mean distance (mm) of the 22 joints, pelvis on pelvis, in the world's directions."""
    return float(np.linalg.norm((a - a[:, :1]) - (b - b[:, :1]), axis=-1).mean() * 1000)


def _facing_error(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """The same in each motion's own facing, so that a turned body does not count."""
    height = np.zeros((len(a), 1, 3))
    height[:, 0, 1] = a[:, 3] - b[:, 3]
    joints = (a[:, 4:67] - b[:, 4:67]).reshape(len(a), 21, 3) - height
    return float(np.linalg.norm(joints, axis=-1).sum(axis=1).mean() / 22 * 1000)


def foot_slide(joints: Array64) -> float:
    """Mean horizontal speed (m/s) of ankles and feet within 5 cm of where they stand."""
    points = joints[:, list(CONTACT_JOINTS)]
    ground = np.percentile(points[..., 1], 5, axis=0)
    low = (points[:-1, :, 1] < ground + FOOT_HEIGHT) & (points[1:, :, 1] < ground + FOOT_HEIGHT)
    speeds = np.linalg.norm(np.diff(points[..., [0, 2]], axis=0), axis=-1) * FPS
    return float(speeds[low].mean()) if low.any() else 0.0


def jerk(joints: Array64) -> float:
    """Mean size of the joints' third difference, m/s^3, without the pelvis' path over the floor."""
    local = joints - joints[:, :1] * np.array([1.0, 0.0, 1.0])
    return (
        float(np.linalg.norm(np.diff(local, n=3, axis=0), axis=-1).mean() * FPS**3)
        if len(joints) > 3
        else 0.0
    )
