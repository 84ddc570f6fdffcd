"""Judges of jumps, kicks, blows, waves, exercises and dances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .evidence import LEFT, RIGHT, Evidence, peaks, together
from .getting_about import is_walk


def _jump(e: Evidence) -> bool:
    return e.rise > 0.15


def _jump_forward(e: Evidence) -> bool:
    return e.rise > 0.12 and float(e.travel @ e.facing[0]) > 0.4


def is_kick(side: str) -> Callable[[Evidence], bool]:
    """Tell whether a foot goes higher than 0.5 m in front, faster than 4 m/s, above the other.

    In front, because the back swing of a kick at a ball lifts the foot as high.
    """
    other = RIGHT if side == LEFT else LEFT

    def judge(e: Evidence) -> bool:
        ahead = (
            np.sum((e.joint(f"{side}_foot") - e.joint("pelvis"))[:, [0, 2]] * e.facing, axis=1)
            > 0.2
        )
        high = np.where(ahead, e.height(f"{side}_foot"), 0.0).max()
        return bool(
            high > 0.5
            and e.speed(f"{side}_foot").max() > 4.0
            and high > e.height(f"{other}_foot").max()
        )

    return judge


def _punch(e: Evidence) -> bool:
    return (
        max(e.speed("left_wrist").max(), e.speed("right_wrist").max()) > 3.0 and abs(e.along) < 1.2
    )


def _wave(e: Evidence) -> bool:
    return any(e.swings(f"{side}_wrist", f"{side}_shoulder") >= 3 for side in (LEFT, RIGHT))


def _jumping_jacks(e: Evidence) -> bool:
    left, right = e.height("left_wrist"), e.height("right_wrist")
    hands = np.minimum(left, right)
    feet = np.linalg.norm((e.joint("left_ankle") - e.joint("right_ankle"))[:, [0, 2]], axis=1)
    shoulders = e.height("left_shoulder")
    raised = bool(
        (hands > shoulders + 0.1).any() and (hands < shoulders - 0.25).any() and np.ptp(feet) > 0.25
    )
    return raised and together(left, right) > 0.7 and together(hands, feet) > 0.4


def _squat(e: Evidence) -> bool:
    height = e.joint("pelvis")[:, 1]
    feet = np.maximum(e.height("left_ankle"), e.height("right_ankle"))
    return bool(
        np.ptp(height) > 0.25
        and feet[height.argmin()] < 0.3
        and e.path_speed < 0.5
        and e.rise < 0.15
    )


def _sit_down(e: Evidence) -> bool:
    height = e.joint("pelvis")[:, 1]
    low = height < height[:8].max() - 0.2
    return bool(low[-6:].all() and height.argmin() > 4)


def _dance(e: Evidence) -> bool:
    arms = np.mean([e.speed(j).mean() for j in ("left_wrist", "right_wrist")])
    legs = np.mean([e.speed(j).mean() for j in ("left_ankle", "right_ankle")])
    return bool(
        arms > 0.5 and legs > 0.3 and abs(e.along) < 1.0 and not (is_walk(e) and abs(e.turn) < 30)
    )


def _boxing(e: Evidence) -> bool:
    blows = sum(peaks(e.speed(f"{side}_wrist"), 1.8) for side in (LEFT, RIGHT))
    guard = min(np.median(e.height("left_wrist")), np.median(e.height("right_wrist")))
    return bool(blows >= 3 and guard > 1.0 and abs(e.along) < 0.8)


EXERCISE: Final[dict[str, Callable[[Evidence], bool]]] = {
    "jump": _jump,
    "jump_forward": _jump_forward,
    "kick_left": is_kick(LEFT),
    "kick_right": is_kick(RIGHT),
    "punch": _punch,
    "wave": _wave,
    "jumping_jacks": _jumping_jacks,
    "squat": _squat,
    "sit_down": _sit_down,
    "dance": _dance,
    "boxing": _boxing,
}
