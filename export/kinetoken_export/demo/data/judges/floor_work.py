"""Judges of what leads to the floor or a seat, goes along it, and comes up from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import FPS

from .evidence import LEFT, RIGHT, Evidence
from .stance import (
    FIRST,
    LAST,
    above_ground,
    front_of,
    kneels,
    lies,
    longest_seconds,
    onward,
    prone,
    sits_high,
    sits_low,
    stands,
    trunk_lean,
    turning_points,
    upside_down,
)

# Seconds from the last standing to the first lying: a fall takes less, lying down more.
_FALL: Final = 1.35


def _going_down(e: Evidence) -> float:
    """Seconds from the last frame with the neck at 90 % of its height to the first with it low."""
    neck = above_ground(e, "neck")
    low = np.flatnonzero(neck < 0.42)
    if not len(low):
        return 0.0
    high = np.flatnonzero(neck[: low[0]] > 0.9 * neck[:4].mean())
    return float((low[0] - (high[-1] if len(high) else 0)) / FPS)


def _lie_down(e: Evidence) -> bool:
    return stands(e, FIRST) and lies(e, LAST) and _going_down(e) > _FALL - 0.25


def _fall_down(e: Evidence) -> bool:
    return stands(e, FIRST) and lies(e, LAST) and 0.0 < _going_down(e) < _FALL


def _get_up(e: Evidence) -> bool:
    return (lies(e, FIRST) or sits_low(e, FIRST)) and stands(e, LAST)


def _kneel(e: Evidence) -> bool:
    return stands(e, FIRST) and kneels(e, LAST)


def _sit_on_floor(e: Evidence) -> bool:
    return stands(e, FIRST) and sits_low(e, LAST)


def _meditate(e: Evidence) -> bool:
    """Tell whether it ends sitting with crossed legs, straight and still for most of a second."""
    last = slice(-14, None)
    knees = np.linalg.norm((e.joint("left_knee") - e.joint("right_knee"))[last][:, [0, 2]], axis=1)
    ankles = [
        np.linalg.norm((e.joint(f"{s}_ankle") - e.joint("pelvis"))[last][:, [0, 2]], axis=1)
        for s in (LEFT, RIGHT)
    ]
    moving = np.linalg.norm(np.diff(e.joints[last], axis=0), axis=-1).max() * FPS
    return bool(
        stands(e, FIRST)
        and sits_low(e, LAST)
        and np.median(trunk_lean(e)[last]) < 32.0
        and np.median(knees) > 0.42
        and max(np.median(a) for a in ankles) < 0.52
        and moving < 0.6
    )


def _sit_on_chair(e: Evidence) -> bool:
    return stands(e, FIRST) and sits_high(e, LAST)


def _stand_up(e: Evidence) -> bool:
    return sits_high(e, FIRST) and stands(e, LAST)


def _crawl(e: Evidence) -> bool:
    """Tell whether it goes along belly down, hands and knees low, by several moves of each hand."""
    hands = np.minimum(above_ground(e, "left_wrist"), above_ground(e, "right_wrist"))
    low = prone(e) & (above_ground(e, "pelvis") < 0.65) & (hands < 0.2)
    if longest_seconds(low) < 0.8:
        return False
    frames = np.flatnonzero(low)
    path = onward(e, "pelvis")[frames[0] : frames[-1] + 1]
    apart = (e.joint("left_wrist") - e.joint("right_wrist"))[frames[0] : frames[-1] + 1]
    ahead = np.sum(apart[:, [0, 2]] * e.facing[frames[0] : frames[-1] + 1], axis=1)
    return bool(path[-1] - path[0] > 0.25 and turning_points(ahead, 0.08) >= 1)


def pushups_done(e: Evidence) -> int:
    """Count how often the shoulders go down and up again over straight legs, belly down."""
    shoulders = (above_ground(e, "left_shoulder") + above_ground(e, "right_shoulder")) / 2
    hands = np.maximum(above_ground(e, "left_wrist"), above_ground(e, "right_wrist"))
    plank = prone(e) & (trunk_lean(e) > 55.0) & (hands < 0.22) & _legs_straight(e)
    if not plank.any():
        return 0
    return _dips(shoulders, plank, 0.09)


def _legs_straight(e: Evidence) -> np.ndarray:
    """Frames in which the feet are at least 0.6 m from the pelvis over the floor."""
    feet = [
        np.linalg.norm((e.joint(f"{s}_ankle") - e.joint("pelvis"))[:, [0, 2]], axis=1)
        for s in (LEFT, RIGHT)
    ]
    return np.asarray(np.minimum(*feet) > 0.55)


def _dips(values: np.ndarray, where: np.ndarray, amplitude: float) -> int:
    """Count low points between higher ones, in the first to the last frame of `where`."""
    frames = np.flatnonzero(where)
    part = values[frames[0] : frames[-1] + 1]
    turns = turning_points(part, amplitude)
    return (turns + 1) // 2 if len(part) > 4 else 0


def _pushups(e: Evidence) -> bool:
    return pushups_done(e) >= 1


def situps_done(e: Evidence) -> int:
    """Count how often the trunk comes up from the floor and goes down again, pelvis low."""
    low = above_ground(e, "pelvis") < 0.32
    if longest_seconds(low) < 0.8 or upside_down(e).any():
        return 0
    frames = np.flatnonzero(low)
    part = slice(frames[0], frames[-1] + 1)
    # From 90 (lying on the back) to 0 (sitting straight).
    rise = np.where(front_of(e)[part, 1] > -0.2, trunk_lean(e)[part], 0.0)
    lying = np.flatnonzero(rise > 65.0)
    if not len(lying):
        return 0
    return (turning_points(rise[lying[0] : lying[-1] + 1], 30.0) + 1) // 2


def _situps(e: Evidence) -> bool:
    return situps_done(e) >= 1


FLOOR_WORK: Final[dict[str, Callable[[Evidence], bool]]] = {
    "lie_down": _lie_down,
    "fall_down": _fall_down,
    "get_up_from_floor": _get_up,
    "kneel": _kneel,
    "sit_on_floor": _sit_on_floor,
    "meditate": _meditate,
    "sit_on_chair": _sit_on_chair,
    "stand_up_from_chair": _stand_up,
    "crawl": _crawl,
    "pushups": _pushups,
    "situps": _situps,
}
