"""Gestures cut from captured and hand-keyed clips, each put between two stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np

from kinetoken.motion.skeleton import Array64

from ..augment import warped
from ..clips import Joints
from ..cutting import LONGEST_WINDOW, Window, passing_windows, whole_rows
from ..joining import between_stands
from ..judges import LEFT, RIGHT, Evidence

_Side = Literal["left", "right", "both", ""]
# Action, clip, first and last frame, side, how often.
_PIECES: Final[tuple[tuple[str, str, int, int, _Side, int], ...]] = (
    ("wave_{side}", "m2m_Greeting", 4, 92, "right", 4),
    ("bow", "m2m_Bow", 0, 60, "", 1),
    ("victory_fist_pump", "m2m_Victory", 0, 34, "right", 1),
    ("throw", "m2m_Throw_Object", 0, 24, "right", 1),
    ("throw", "kk_Throw", 0, 26, "right", 1),
    ("drink", "m2m_Consume_Item", 0, 84, "left", 1),
    ("drink", "cmu_13_09", 36, 84, "right", 1),
    ("drink", "cmu_13_09", 96, 176, "right", 1),
    ("drink", "cmu_14_37", 0, 80, "left", 1),
    ("drink", "cmu_14_04", 8, 80, "left", 1),
    ("shoot_basketball", "cmu_06_14", 26, 70, "right", 1),
    ("shoot_basketball", "cmu_06_15", 30, 76, "right", 1),
    ("cheer", "kk_Cheering", 0, 35, "both", 2),
    ("talk_with_hands", "m2q_Idle_Talking_Loop", 0, 59, "", 0),
)
# Action, clip, what is looked for, frames before and after it.
_PEAKS: Final = (
    ("swing_sword", "cmu_02_07", "fast", 16, 14),
    ("swing_sword", "cmu_02_08", "fast", 16, 14),
    ("pick_up_from_floor", "cmu_02_06", "low", 20, 26),
    ("reach_up", "cmu_14_08", "high", 18, 22),
    ("reach_up", "cmu_13_10", "high", 18, 22),
)
_RATIOS: Final = (1.0, 0.9, 1.12)
_SWAPPED: Final = {LEFT: RIGHT, RIGHT: LEFT}


def captured_gestures(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Windows of gestures in the clips of `pool`; `mirror` tells that they are mirrored."""
    for action, name, first, last, side, count in _PIECES:
        if name in pool:
            whose = _SWAPPED.get(side, side) if mirror else side
            piece = pool[name][first:last]
            yield from _stood(action.format(side=whose), piece, name, whose, count)
    for action, name, sought, before, after in _PEAKS:
        if name not in pool:
            continue
        for at in _peaks(pool[name], sought):
            piece = pool[name][max(0, at - before) : at + after]
            if len(piece) == before + after:
                yield from _stood(action, piece, name, "", 1)


def _stood(action: str, piece: Joints, name: str, side: str, count: int) -> Iterator[Window]:
    for ratio in _RATIOS:
        joints = between_stands(warped(piece, ratio) if ratio != 1.0 else piece)
        if len(joints) <= LONGEST_WINDOW + 1:
            rows = whole_rows(joints)
            yield from passing_windows([Window(action, rows, name, side=side, count=count)])


def _peaks(joints: Joints, sought: str) -> list[int]:
    """Frames at which a wrist is fastest, lowest or highest."""
    e = Evidence(joints)
    wrists = [f"{s}_wrist" for s in (LEFT, RIGHT)]
    if sought == "fast":
        return _highest(np.max([e.speed(w) for w in wrists], axis=0), 3.4, apart=20)
    heights = [e.height(w) for w in wrists]
    if sought == "low":
        return _highest(-np.min(heights, axis=0), -0.45, apart=30)
    return _highest(np.max(heights, axis=0), 1.85, apart=44)


def _highest(values: Array64, above: float, apart: int) -> list[int]:
    """Frames of the highest values above a bound, at least `apart` from each other."""
    out: list[int] = []
    for at in map(int, np.argsort(-values)):
        if values[at] > above and all(abs(at - other) >= apart for other in out):
            out.append(at)
    return sorted(out)
