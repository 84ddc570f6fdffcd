"""The judges that the demo in the package was examined with, to notice an export that broke it.

Those of `kinetoken demo evaluate` ask for more, such as standing at both ends, of motion that the
next demo learns; they go on from these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from kinetoken_export.demo.data.judges import LEFT, RIGHT, Evidence
from kinetoken_export.demo.data.judges.evidence import peaks, together


def is_walk(e: Evidence, low: float = 0.35, high: float = 2.4) -> bool:
    """Tell whether it goes forward along its facing with alternating feet, at a walk's speed."""
    return (
        low < e.along < high and e.strides >= 2 and e.along > 0.75 * e.path_speed and e.rise < 0.15
    )


def _walk_forward(e: Evidence) -> bool:
    return is_walk(e) and abs(e.turn) < 60 and float(np.linalg.norm(e.travel)) / e.seconds > 0.35


def _walk_backward(e: Evidence) -> bool:
    return e.along < -0.3 and e.strides >= 2 and abs(e.along) > 0.75 * e.path_speed


def _run(e: Evidence) -> bool:
    return e.path_speed > 1.8 and e.along > 1.5 and e.strides >= 2


def _walk_slowly(e: Evidence) -> bool:
    return is_walk(e, low=0.2, high=1.05)


def _walk_fast(e: Evidence) -> bool:
    return is_walk(e, low=1.35, high=3.0)


def _circle(side: str) -> Callable[[Evidence], bool]:
    sign = 1 if side == LEFT else -1
    return lambda e: sign * e.turn > 90 and e.along > 0.3 and e.strides >= 2


def _turn_around(e: Evidence) -> bool:
    return 120 < abs(e.turn) < 300 and e.rise < 0.15


def _stand_still(e: Evidence) -> bool:
    drift = np.linalg.norm(e.joints - e.joints.mean(axis=0), axis=-1).max(axis=0)
    return (
        float(np.linalg.norm(e.travel)) < 0.2
        and bool(np.median(drift) < 0.12)
        and e.path_speed < 0.12
        and e.height("head").min() > 1.3
    )


GETTING_ABOUT: Final[dict[str, Callable[[Evidence], bool]]] = {
    "walk_forward": _walk_forward,
    "walk_backward": _walk_backward,
    "run": _run,
    "walk_slowly": _walk_slowly,
    "walk_fast": _walk_fast,
    "circle_left": _circle(LEFT),
    "circle_right": _circle(RIGHT),
    "turn_around": _turn_around,
    "stand_still": _stand_still,
}


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
    "sit_on_chair": _sit_down,
    "dance": _dance,
    "boxing": _boxing,
}

SHIPPED_JUDGES: Final = GETTING_ABOUT | EXERCISE
