"""How many times an action is done, by the ups and downs of what its judge looks at.

Only actions that are counted right in nine of ten training windows are here
(benchmarks/counting.py). Where a gait is asked for, steps are counted, the last one, which brings
the feet together, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import FPS, Array, Array64

from .arm_signs import BOTH_HANDS, other_side
from .evidence import LEFT, RIGHT, Evidence
from .exercise import hops_on, punches_of
from .floor_work import pushups_done, situps_done
from .posture import Posture, turns
from .stance import above_ground, onward, pitch_turned, roll_turned

Counter = Callable[[Evidence], int]


def ups(values: Array64, least: float, up: float = 0.6, down: float = 0.4) -> int:
    """Count how often a signal (T,) comes up from its lowest, having gone down before.

    It is up above the share `up` of its range and down below the share `down`. A signal whose range
    is below `least` never comes up.
    """
    low, high = float(values.min()), float(values.max())
    if high - low < least:
        return 0
    count, was_down = 0, True
    for share in (values - low) / (high - low):
        if was_down and share > up:
            count, was_down = count + 1, False
        elif share < down:
            was_down = True
    return count


def tops(values: Array64, least: float, above: float = -np.inf) -> int:
    """Count the maxima of a signal (T,) that are over `above` and `least` over both sides."""
    count, rising, extreme, low = 0, False, float(values[0]), float(values[0])
    for v in map(float, values[1:]):
        low, extreme = min(low, v), max(extreme, v)
        if rising and v < extreme - least:
            count += extreme > above
            rising, low = False, v
        elif not rising and v > low + least:
            rising, extreme = True, v
    return count


# --- the body -------------------------------------------------------------------------------------


def _jumps(e: Evidence) -> int:
    return ups(np.minimum(e.height("left_foot"), e.height("right_foot")), 0.06)


def _jumping_jacks(e: Evidence) -> int:
    return ups(np.minimum(e.height("left_wrist"), e.height("right_wrist")), 0.5)


def _kicks(*sides: str) -> Counter:
    return lambda e: sum(ups(e.height(f"{s}_foot"), 0.4) for s in sides)


def _ball_kicks(e: Evidence) -> int:
    swings = [
        np.diff(np.sum((e.joint(f"{s}_foot") - e.joint("pelvis"))[:, [0, 2]] * e.facing, axis=1))
        for s in (LEFT, RIGHT)
    ]
    return ups(max(swings, key=lambda v: float(v.max())) * FPS, 3.0, 0.7, 0.3)


def _punches(*sides: str) -> Counter:
    return lambda e: sum(punches_of(e, s) for s in sides)


def _turned(degrees: Callable[[Evidence], Array64]) -> Counter:
    return lambda e: round(float(np.ptp(degrees(e))) / 360.0)


def _steps(e: Evidence) -> int:
    """Count how often an ankle goes from standing over the floor."""
    paths = (e.joint(f"{s}_ankle")[:, [0, 2]] for s in (LEFT, RIGHT))
    speeds = (np.linalg.norm(np.gradient(path, axis=0), axis=1) * FPS for path in paths)
    return sum(ups(speed, 0.5, 0.35, 0.2) for speed in speeds)


def _lifts(e: Evidence) -> int:
    return sum(ups(e.height(f"{s}_ankle"), 0.1) for s in (LEFT, RIGHT))


def _sidesteps(e: Evidence) -> int:
    apart = (e.joint("left_ankle") - e.joint("right_ankle"))[:, [0, 2]]
    return ups(np.linalg.norm(apart, axis=1), 0.12)


# --- head and arms --------------------------------------------------------------------------------


def _claps(e: Evidence) -> int:
    return tops(-Posture(e).hands_apart, 0.05, above=-0.3)


def _waves(*sides: str) -> Counter:
    return lambda e: max(_swings_out(Posture(e), s) for s in sides)


def _swings_out(p: Posture, side: str) -> int:
    """Count how often a raised forearm swings out."""
    forearm = p.wrist(side) - p.elbow(side)
    forearm = forearm / np.linalg.norm(forearm, axis=1, keepdims=True)
    up = np.flatnonzero(forearm[:, 1] > 0.3)
    out = forearm[:, 0] * (1.0 if side == LEFT else -1.0)
    return tops(out[up[0] : up[-1] + 1], 0.12) if len(up) > 4 else 0


def _raises(*sides: str) -> Counter:
    return lambda e: ups(np.min([e.height(f"{s}_wrist") for s in sides], axis=0), 0.5)


def _reaches_up(e: Evidence) -> int:
    """Count how often the wrist that goes furthest up and down comes up."""
    ranges = {s: float(np.ptp(e.height(f"{s}_wrist"))) for s in BOTH_HANDS}
    side = LEFT if ranges[LEFT] >= ranges[other_side(LEFT)] else RIGHT
    return ups(e.height(f"{side}_wrist"), 0.5)


def _shrugs(e: Evidence) -> int:
    p = Posture(e)
    return ups(np.minimum(p.shoulder_rise(LEFT), p.shoulder_rise(RIGHT)), 0.02)


def _hands_to_head(e: Evidence) -> int:
    p = Posture(e)
    apart = (np.linalg.norm(p.from_head(s), axis=1) for s in BOTH_HANDS)
    return ups(-min(apart, key=lambda v: float(v.min())), 0.25)


def _hand_goes_down(e: Evidence) -> int:
    return ups(-np.minimum(e.height("left_wrist"), e.height("right_wrist")), 0.3)


def _pushes(e: Evidence) -> int:
    return ups(np.max([Posture(e).wrist(s)[:, 2] for s in BOTH_HANDS], axis=0), 0.2)


COUNTERS: Final[dict[str, Counter]] = {
    "squat": lambda e: ups(-e.joint("pelvis")[:, 1], 0.2),
    "duck_crouch": lambda e: ups(-above_ground(e, "head"), 0.3),
    "bow": lambda e: ups(Posture(e).lean_forward, 25.0),
    "jump": _jumps,
    "jump_up": _jumps,
    "jump_forward": _jumps,
    "hop_one_leg": lambda e: max(hops_on(e, s) for s in (LEFT, RIGHT)),
    "jumping_jacks": _jumping_jacks,
    "pushups": pushups_done,
    "situps": situps_done,
    "kick": _kicks(LEFT, RIGHT),
    "kick_left": _kicks(LEFT),
    "kick_right": _kicks(RIGHT),
    "kick_ball": _ball_kicks,
    "punch": _punches(LEFT, RIGHT),
    "punch_left": _punches(LEFT),
    "punch_right": _punches(RIGHT),
    "boxing": _punches(LEFT, RIGHT),
    "backflip": _turned(pitch_turned),
    "forward_roll": _turned(pitch_turned),
    "cartwheel": _turned(roll_turned),
    "dodge_back": lambda e: ups(-np.gradient(onward(e, "neck")) * FPS, 0.6),
    "walk_forward": _steps,
    "walk_backward": _steps,
    "walk_slowly": _steps,
    "walk_fast": _steps,
    "tiptoe": _steps,
    "sneak": _steps,
    "crouch_walk": _steps,
    "march_in_place": _lifts,
    "sidestep_left": _sidesteps,
    "sidestep_right": _sidesteps,
    "turn_around": lambda e: round(abs(e.turn) / 180.0),
    "circle_left": lambda e: round(e.turn / 360.0),
    "circle_right": lambda e: round(-e.turn / 360.0),
    "run_circle": lambda e: round(abs(e.turn) / 360.0),
    "clap": _claps,
    "nod": lambda e: ups(Posture(e).head_pitch, 0.2),
    "shake_head": lambda e: max(0, turns(Posture(e).head_yaw, 0.3) - 1) // 2,
    "wave": _waves(LEFT, RIGHT),
    "wave_left": _waves(LEFT),
    "wave_right": _waves(RIGHT),
    "wave_both": _waves(LEFT, RIGHT),
    "raise_arms": _raises(LEFT, RIGHT),
    "raise_left_arm": _raises(LEFT),
    "raise_right_arm": _raises(RIGHT),
    "reach_up": _reaches_up,
    "shrug": _shrugs,
    "salute": _hands_to_head,
    "blow_kiss": _hands_to_head,
    "pick_up_from_floor": _hand_goes_down,
    "push": _pushes,
}


def times_done(action: str, joints: Array) -> int | None:
    """How often joints (T, 22, 3) show the action; None where nobody can tell."""
    counter = COUNTERS.get(action)
    return None if counter is None else counter(Evidence(joints))
