"""Judges of getting about: walks, runs, circles, turns, steps on the spot, and standing still.

A motion may begin and end standing: gaits are judged from where the body has set off to where it
slows down (`Evidence.going`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import FPS, Array64

from .evidence import LEFT, RIGHT, Evidence
from .gait import Footwork

_OTHER: Final = {LEFT: RIGHT, RIGHT: LEFT}
_TOGETHER: Final = 0.08  # metres between the ankles along the facing: neither foot leads
_TILTED: Final = 13.0  # degrees to the side: more, and it is a dodge
_HEAD_UP: Final = 1.1  # metres above the floor
_FOOT_HIGH: Final = 0.55
_UPRIGHT: Final = 0.86  # metres of the pelvis above the floor: lower, and the body crouches
_CROUCHED: Final = 0.73
_ON_TOES: Final = 0.108  # metres above the floor: ankles of a body on its toes stay higher


def is_walk(e: Evidence, low: float = 0.35, high: float = 2.4) -> bool:
    """Tell whether it goes forward along its facing with alternating feet, at a walk's speed."""
    g = e.going
    return (
        low < g.along < high
        and _steps(e) >= 2
        and g.along > 0.75 * g.path_speed
        and g.rise < 0.15
        and _on_foot(e)
    )


def _on_foot(e: Evidence) -> bool:
    """Upright from first to last, by turns on either foot, and no foot high in the air."""
    return (
        e.height("head").min() > _HEAD_UP
        and float(np.max([e.height(f"{side}_ankle") for side in (LEFT, RIGHT)])) < _FOOT_HIGH
        and e.strides >= 1
    )


def _steps(e: Evidence) -> int:
    """Changes of the leading foot, and the half steps from and to feet that stand together."""
    apart = (e.joint("left_ankle") - e.joint("right_ankle"))[[0, -1]][:, [0, 2]]
    together = np.abs(np.sum(apart * e.facing[[0, -1]], axis=1)) < _TOGETHER
    return e.strides + int(together.sum())


def _walk_forward(e: Evidence) -> bool:
    g = e.going
    return is_walk(e) and abs(e.turn) < 60 and float(np.linalg.norm(g.travel)) / g.seconds > 0.35


def _walk_backward(e: Evidence) -> bool:
    g = e.going
    return (
        g.along < -0.3
        and _steps(e) >= 2
        and abs(g.along) > 0.75 * g.path_speed
        and _on_foot(e)
        and float(np.linalg.norm(e.travel)) > 0.4
    )


def _run(e: Evidence) -> bool:
    g = e.going
    return g.path_speed > 1.8 and g.along > 1.5 and _steps(e) >= 2


def _walk_slowly(e: Evidence) -> bool:
    return is_walk(e, low=0.2, high=1.05)


def _walk_fast(e: Evidence) -> bool:
    return is_walk(e, low=1.35, high=3.0)


def _circle(side: str) -> Callable[[Evidence], bool]:
    sign = 1 if side == LEFT else -1
    return lambda e: sign * e.turn > 90 and e.going.along > 0.3 and _steps(e) >= 2


def _run_circle(e: Evidence) -> bool:
    return abs(e.turn) > 90 and _run(e)


def _turn_around(e: Evidence) -> bool:
    return 120 < abs(e.turn) < 300 and e.rise < 0.15


def _turn(side: str) -> Callable[[Evidence], bool]:
    sign = 1 if side == LEFT else -1
    return lambda e: 45 < sign * e.turn < 155 and float(np.linalg.norm(e.travel)) < 0.7


def _stand_still(e: Evidence) -> bool:
    drift = np.linalg.norm(e.joints - e.joints.mean(axis=0), axis=-1).max(axis=0)
    return (
        float(np.linalg.norm(e.travel)) < 0.2
        and bool(np.median(drift) < 0.12)
        and e.path_speed < 0.12
        and e.height("head").min() > 1.3
        and abs(e.turn) < 40
        and max(float(np.ptp(e.joint(f"{side}_ankle")[:, 1])) for side in (LEFT, RIGHT)) < 0.1
        and max(_reach(e, side) for side in (LEFT, RIGHT)) < 0.3
    )


def _reach(e: Evidence, side: str) -> float:
    """Metres that a hand gets away from its mean place."""
    wrist = e.joint(f"{side}_wrist") - e.joint("pelvis")
    return float(np.linalg.norm(wrist - wrist.mean(axis=0), axis=1).max())


def _march_in_place(e: Evidence) -> bool:
    """Feet lifted by turns, twice each or oftener, and no way covered."""
    lifts = Footwork(e).lifts(above=0.1)
    sides = [side for side, _ in lifts]
    by_turns = sum(a != b for a, b in pairwise(sides))
    return (
        len(lifts) >= 3
        and by_turns >= 0.7 * (len(lifts) - 1)
        and float(np.linalg.norm(e.travel)) < 0.8
        and e.path_speed < 0.45
        and e.height("head").min() > _HEAD_UP
        and float(np.median(np.maximum(e.height("left_wrist"), e.height("right_wrist")))) < 1.45
        and e.rise < 0.15
        and abs(e.turn) < 60
    )


def _tiptoe(e: Evidence) -> bool:
    """Goes with its heels off the floor."""
    g = e.going
    return (
        0.15 < abs(g.along) < 1.2
        and _steps(e) >= 2
        and g.rise < 0.15
        and float(np.median(e.going_heels)) > _ON_TOES
        and float(np.median(e.pelvis_height)) > _UPRIGHT
        and _on_foot(e)
    )


def _sneak(e: Evidence) -> bool:
    """Goes slowly, bent forward, with bent knees."""
    g = e.going
    low = float(np.median(g.pelvis_height))
    return (
        0.1 < g.along < 1.1
        and _steps(e) >= 2
        and 0.7 < low < _UPRIGHT
        and 8 < float(np.median(g.lean)) < 60
        and e.strides >= 1
        and g.rise < 0.15
    )


def _crouch_walk(e: Evidence) -> bool:
    """Goes with its hips low and on its feet."""
    g = e.going
    bent = float(np.median(g.lean)) > 32
    return (
        abs(g.along) > 0.12
        and _steps(e) >= 2
        and 0.3 < float(np.median(g.pelvis_height)) < (_UPRIGHT if bent else _CROUCHED)
        and float(np.median(g.height("head"))) > 0.75
        and float(np.median(g.lean)) < 60
        and e.strides >= 1
        and float(np.linalg.norm(e.travel)) > 0.5
    )


def is_limp(side: str | None) -> Callable[[Evidence], bool]:
    """Tell whether one leg bears the body for a shorter time than the other; None: either leg."""

    def judge(e: Evidence) -> bool:
        g = e.going
        ahead = 0.1 < g.along < 1.6 and g.along > 0.7 * g.path_speed
        if not (ahead and _steps(e) >= 2 and e.rise < 0.15 and _on_foot(e)):
            return False
        short = Footwork(e.going).spared()
        return short is not None and side in (None, short)

    return judge


def _skip(e: Evidence) -> bool:
    """Goes ahead in bounces, off the floor twice or oftener, landing on the foot that pushed off."""
    bounces, hops = Footwork(e).bounces(), Footwork(e).hops()
    return (
        0.4 < e.going.along < 2.3
        and bounces >= 2
        and hops >= max(1, 0.34 * bounces)
        and float(np.ptp(e.going.pelvis_height)) > 0.11
    )


def _sidestep(side: str) -> Callable[[Evidence], bool]:
    sign = 1.0 if side == LEFT else -1.0

    def judge(e: Evidence) -> bool:
        steps = np.diff(e.joint("pelvis")[:, [0, 2]], axis=0)
        left = np.stack([e.facing[:-1, 1], -e.facing[:-1, 0]], axis=1)
        aside = float(np.sum(steps * left))
        ahead = float(np.sum(steps * e.facing[:-1]))
        return (
            sign * aside > 0.2
            and abs(ahead) < 0.6 * abs(aside)
            and abs(e.turn) < 60
            and float(np.abs(_tilt_aside(e)).max()) < _TILTED
        )

    return judge


def _stagger_dizzy(e: Evidence) -> bool:
    """Upright, yet the trunk sways far and to all sides while the feet keep stepping."""
    sway = (e.joint("head") - e.joint("pelvis"))[:, [0, 2]]
    aside = sway[:, 0] * e.facing[:, 1] - sway[:, 1] * e.facing[:, 0]
    steps = Footwork(e).lifts(above=0.02)
    return (
        len(steps) >= 3
        and e.seconds > 2.0
        and float(np.max([e.height(f"{side}_ankle") for side in (LEFT, RIGHT)])) < 0.4
        and float(np.ptp(aside)) > 0.16
        and float(np.abs(np.diff(aside)).sum()) > 0.4
        and e.going.along < 0.5
        and e.height("head").min() > 1.0
        and float(np.abs(_tilt_speed(e)).mean()) > 8.0
    )


def _tilt_aside(e: Evidence) -> Array64:
    """Degrees (T,) by which the trunk tilts to its left."""
    trunk = e.joint("neck") - e.joint("pelvis")
    aside = trunk[:, 0] * e.facing[:, 1] - trunk[:, 2] * e.facing[:, 0]
    return np.asarray(np.degrees(np.arctan2(aside, trunk[:, 1])))


def _tilt_speed(e: Evidence) -> Array64:
    """Degrees a second by which the trunk tips, in any direction."""
    trunk = e.joint("neck") - e.joint("pelvis")
    flat = trunk[:, [0, 2]] / np.linalg.norm(trunk, axis=1, keepdims=True)
    return np.asarray(np.degrees(np.linalg.norm(np.diff(flat, axis=0), axis=1)) * FPS)


GETTING_ABOUT: Final[dict[str, Callable[[Evidence], bool]]] = {
    "walk_forward": _walk_forward,
    "walk_backward": _walk_backward,
    "run": _run,
    "run_circle": _run_circle,
    "walk_slowly": _walk_slowly,
    "walk_fast": _walk_fast,
    "circle_left": _circle(LEFT),
    "circle_right": _circle(RIGHT),
    "turn_around": _turn_around,
    "turn_left": _turn(LEFT),
    "turn_right": _turn(RIGHT),
    "stand_still": _stand_still,
    "march_in_place": _march_in_place,
    "tiptoe": _tiptoe,
    "sneak": _sneak,
    "crouch_walk": _crouch_walk,
    "limp": is_limp(None),
    "skip": _skip,
    "sidestep_left": _sidestep(LEFT),
    "sidestep_right": _sidestep(RIGHT),
    "stagger_dizzy": _stagger_dizzy,
}
