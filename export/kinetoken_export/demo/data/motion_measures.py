"""How a motion moves: jerk, trembling, fast limbs, sliding feet, bones; joints (T, 22, 3) at 20 fps."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import BONE_LENGTHS, CONTACT_JOINTS, FPS, JOINT, PARENTS, Array64

FOOT_HEIGHT: Final = 0.05  # m above the floor: below it a foot counts as standing
_LIMBS: Final = tuple(
    JOINT[f"{side}_{part}"]
    for side in ("left", "right")
    for part in ("elbow", "wrist", "ankle", "foot")
)
_ENDS: Final = tuple(
    JOINT[name] for name in ("left_wrist", "right_wrist", "left_foot", "right_foot")
)
_TREMBLE_HZ: Final = 5.0  # limbs hardly move faster to and fro than this
_QUIET_SPEED: Final = 0.06  # m/s: a body whose joints move slower on average stands still
_QUIET_FRAMES: Final = 20
_FAST: Final = 3.5  # m/s: of a wrist or foot in a blow or a kick
_PEAK_APART: Final = 10  # frames between two peaks of speed
_PEAK_SHIFT: Final = 2  # frames by which a peak may come early or late


def in_place(joints: Array64) -> Array64:
    """The joints without the pelvis' path over the floor."""
    return np.asarray(joints - joints[:, :1] * np.array([1.0, 0.0, 1.0]))


def jerk(joints: Array64) -> float:
    """Mean size of the joints' third difference, m/s^3, without the pelvis' path over the floor."""
    if len(joints) <= 3:
        return 0.0
    third = np.diff(in_place(joints), n=3, axis=0)
    return float(np.linalg.norm(third, axis=-1).mean() * FPS**3)


def foot_slide(joints: Array64) -> float:
    """Mean horizontal speed (m/s) of ankles and feet within 5 cm of where they stand."""
    points = joints[:, list(CONTACT_JOINTS)]
    ground = np.percentile(points[..., 1], 5, axis=0)
    low = (points[:-1, :, 1] < ground + FOOT_HEIGHT) & (points[1:, :, 1] < ground + FOOT_HEIGHT)
    speeds = np.linalg.norm(np.diff(points[..., [0, 2]], axis=0), axis=-1) * FPS
    return float(speeds[low].mean()) if low.any() else 0.0


def fast_share(joints: Array64) -> float:
    """Share (0..1) of the limbs' motion that is above 5 Hz: of the power of their velocities."""
    if len(joints) < 8:
        return 0.0
    velocities = np.diff(in_place(joints)[:, list(_LIMBS)], axis=0)
    velocities = velocities - velocities.mean(axis=0)
    tapered = velocities * np.hanning(len(velocities))[:, None, None]
    power = np.square(np.abs(np.fft.rfft(tapered, axis=0))).sum(axis=(1, 2))
    above = np.fft.rfftfreq(len(velocities), 1 / FPS) > _TREMBLE_HZ
    total = float(power.sum())
    return float(power[above].sum()) / total if total > 0 else 0.0


def quiet_frames(joints: Array64) -> NDArray[np.bool_]:
    """Which frames (T,) lie in a second of standing still."""
    speeds = np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean(axis=1) * FPS
    out = np.zeros(len(joints), bool)
    for start in range(len(joints) - _QUIET_FRAMES):
        if speeds[start : start + _QUIET_FRAMES].max() < _QUIET_SPEED:
            out[start : start + _QUIET_FRAMES + 1] = True
    return out


def tremble(joints: Array64, frames: NDArray[np.bool_]) -> float:
    """Mean distance (mm) of the joints from their average over five frames, in the frames (T,)."""
    inside = frames[2:-2]
    if not inside.any():
        return float("nan")
    local = in_place(joints)
    calm = sum(local[i : len(local) - 4 + i] for i in range(5)) / 5
    return float(np.linalg.norm(local[2:-2] - calm, axis=-1)[inside].mean() * 1000)


def bone_error(joints: Array64) -> float:
    """Mean deviation (mm) of the bones from their lengths."""
    bones = np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1)
    return float(np.abs(bones - BONE_LENGTHS[1:]).mean() * 1000)


def kept_speeds(joints: Array64, true: Array64) -> list[float]:
    """How much of each blow's and kick's top speed is left, of the same motion: 1 is all of it."""
    mine, theirs = (
        np.linalg.norm(np.diff(in_place(j)[:, list(_ENDS)], axis=0), axis=-1) * FPS
        for j in (joints, true)
    )
    out: list[float] = []
    for limb in range(len(_ENDS)):
        taken: list[int] = []
        for at in np.argsort(-theirs[:, limb]):
            if theirs[at, limb] < _FAST:
                break
            if all(abs(int(at) - other) >= _PEAK_APART for other in taken):
                taken.append(int(at))
                near = mine[max(0, at - _PEAK_SHIFT) : at + _PEAK_SHIFT + 1, limb]
                out.append(float(near.max() / theirs[at, limb]))
    return out
