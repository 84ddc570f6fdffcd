"""Judges of getting about: walks, runs, circles, turns, and standing still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .evidence import LEFT, RIGHT, Evidence


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
