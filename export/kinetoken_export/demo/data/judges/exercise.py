"""Judges of exercises, sports and acrobatics on the feet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import FPS, Array64

from .evidence import LEFT, RIGHT, Evidence, together
from .getting_about import is_walk
from .stance import (
    above_ground,
    fastest,
    front_of,
    is_upright,
    longest_seconds,
    onward,
    pitch_turned,
    prone,
    roll_turned,
    sideways,
    trunk_lean,
    turning_points,
    upside_down,
)

_LIVELY: Final = 0.65  # share of a dance in which arms and legs move
_OTHER: Final = {LEFT: RIGHT, RIGHT: LEFT}


# --- jumps ----------------------------------------------------------------------------------------


def _jump_up(e: Evidence) -> bool:
    there = abs(onward(e, "pelvis")[-1]) < 0.45
    return there and is_upright(e) and e.rise > 0.15 and not _hops(e) and not _jumping_jacks(e)


def _jump_forward(e: Evidence) -> bool:
    far = float(e.travel @ e.facing[0]) > 0.4
    return far and is_upright(e) and e.rise > 0.12 and not _hops(e)


def hops_on(e: Evidence, side: str) -> int:
    """Count how often one foot leaves the floor and lands while the other is held up."""
    here, other = (above_ground(e, f"{s}_ankle") for s in (side, _OTHER[side]))
    held = (other > 0.2) & (other - here > 0.08)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], held.astype(int), [0]])))
    return sum(_flights(here[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True))


def _flights(height: Array64) -> int:
    """Count rises of an ankle over 0.15 m between two times under 0.12 m."""
    state = np.where(height > 0.15, 1, np.where(height < 0.12, 0, -1))
    known = state[state >= 0]
    return int(np.count_nonzero(np.diff(known[known.argmin() :] if len(known) else known) < 0))


def _hops(e: Evidence) -> bool:
    return max(hops_on(e, LEFT), hops_on(e, RIGHT)) >= 1 and is_upright(e)


def _hop_one_leg(e: Evidence) -> bool:
    return _hops(e) and e.rise > 0.03 and e.path_speed < 0.9


# --- blows and kicks ------------------------------------------------------------------------------


def is_kick(side: str) -> Callable[[Evidence], bool]:
    """Tell whether a foot goes higher than 0.5 m in front, faster than 4 m/s, above the other.

    In front, because the back swing of a kick at a ball lifts the foot as high.
    """
    other = _OTHER[side]

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
            and is_upright(e)
            and not _turns_over(e)
        )

    return judge


def _kick_ball(e: Evidence) -> bool:
    """Tell whether a foot swings ahead low, much faster than it steps, past the other that stands."""
    swings = max(ball_swing(e, LEFT), ball_swing(e, RIGHT))
    hops = max(hops_on(e, LEFT), hops_on(e, RIGHT))
    return bool(swings > 5.4 and is_upright(e) and e.path_speed < 2.0 and hops < 2)


def ball_swing(e: Evidence, side: str) -> float:
    """Highest speed, m/s past the pelvis, of a low foot that swings ahead while the other stands."""
    apart = e.joint(f"{side}_foot") - e.joint("pelvis")
    swing = np.diff(np.sum(apart[:, [0, 2]] * e.facing, axis=1)) * FPS
    low = e.height(f"{side}_foot")[1:] < 0.45
    other = np.linalg.norm(np.diff(e.joint(f"{_OTHER[side]}_foot"), axis=0), axis=1) * FPS
    return float(np.where(low & (other < 1.5), swing, 0.0).max())


def punches_of(e: Evidence, side: str) -> int:
    """Count how often a fist shoots out ahead of its shoulder, near the shoulder's height."""
    reach = e.joint(f"{side}_wrist") - e.joint(f"{side}_shoulder")
    across = e.joint("left_hip") - e.joint("right_hip")
    ahead = np.stack([-across[:, 2], across[:, 0]], axis=1)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    level = np.linalg.norm(reach[:, [0, 2]], axis=1)
    out = (
        (level > 0.36)
        & (np.abs(reach[:, 1]) < 0.24)
        & (np.sum(reach[:, [0, 2]] * ahead, axis=1) > 0.2)
    )
    speed = np.concatenate([[0.0], np.diff(np.linalg.norm(reach, axis=1)) * FPS])
    starts = np.flatnonzero(out[1:] & ~out[:-1]) + 1
    return sum(bool(speed[max(0, at - 3) : at + 2].max() > 1.6) for at in starts)


def is_punch(side: str) -> Callable[[Evidence], bool]:
    """Tell whether the fist of one side alone shoots out."""
    return lambda e: (
        punches_of(e, side) >= 1
        and punches_of(e, _OTHER[side]) == 0
        and abs(e.along) < 1.2
        and is_upright(e)
    )


def _boxing(e: Evidence) -> bool:
    left, right = punches_of(e, LEFT), punches_of(e, RIGHT)
    still = abs(e.along) < 0.8 and e.rise < 0.1 and is_upright(e)
    return still and left >= 1 and right >= 1 and left + right >= 3


# --- exercises ------------------------------------------------------------------------------------


def _jumping_jacks(e: Evidence) -> bool:
    left, right = e.height("left_wrist"), e.height("right_wrist")
    hands = np.minimum(left, right)
    feet = np.linalg.norm((e.joint("left_ankle") - e.joint("right_ankle"))[:, [0, 2]], axis=1)
    shoulders = e.height("left_shoulder")
    raised = bool(
        (hands > shoulders + 0.1).any() and (hands < shoulders - 0.25).any() and np.ptp(feet) > 0.25
    )
    level = is_upright(e) and together(left, right) > 0.7 and together(hands, feet) > 0.4
    return raised and level


def squats_done(e: Evidence) -> int:
    """Count how often the pelvis goes down by 0.2 m and comes up, feet on the floor."""
    height = e.joint("pelvis")[:, 1]
    return (turning_points(height, 0.2) + 1) // 2 if np.ptp(height) > 0.2 else 0


def _squat(e: Evidence) -> bool:
    height = e.joint("pelvis")[:, 1]
    feet = np.maximum(e.height("left_ankle"), e.height("right_ankle"))
    lowest = int(height.argmin())
    return bool(
        np.ptp(height) > 0.25
        and feet.max() < 0.35
        and e.path_speed < 0.5
        and e.rise < 0.15
        and above_ground(e, "pelvis").min() > 0.22
        and min(height[:4].mean(), height[-1]) > height.min() + 0.2
        and np.ptp(sideways(e, "pelvis")) < 0.33
        and trunk_lean(e)[max(0, lowest - 2) : lowest + 3].max() < 56.0
        and min(above_ground(e, f"{s}_knee").min() for s in (LEFT, RIGHT)) > 0.22
        and min(above_ground(e, f"{s}_wrist").min() for s in (LEFT, RIGHT)) > 0.4
    )


def _duck_crouch(e: Evidence) -> bool:
    """Tell whether the head goes down far with the trunk bent or the knees folded, and up again."""
    head = above_ground(e, "head")
    lowest = int(head.argmin())
    feet = np.maximum(e.height("left_ankle"), e.height("right_ankle"))
    return bool(
        head[:4].mean() - head.min() > 0.4
        and head[-1] > 0.85 * head[:4].mean()
        and feet[lowest] < 0.3
        and above_ground(e, "pelvis").min() > 0.3
        and trunk_lean(e)[lowest] > 44.0
        and np.ptp(above_ground(e, "pelvis")) > 0.17
        and above_ground(e, "left_wrist").min() > 0.25
        and above_ground(e, "right_wrist").min() > 0.25
        and e.rise < 0.15
        and e.path_speed < 0.5
    )


def _climb_ladder(e: Evidence) -> bool:
    """Tell whether the hands reach up in turn, ahead, and the feet step up in turn."""
    high = [above_ground(e, f"{s}_wrist") - above_ground(e, f"{s}_shoulder") for s in (LEFT, RIGHT)]
    feet = [above_ground(e, f"{s}_ankle") - above_ground(e, "pelvis") for s in (LEFT, RIGHT)]
    steps = turning_points(feet[0] - feet[1], 0.2)
    reaches = turning_points(high[0] - high[1], 0.12)
    return bool(
        min(h.max() for h in high) > 0.02
        and steps >= 3
        and reaches >= 2
        and float(np.linalg.norm(e.travel)) < 1.2
        and e.path_speed < 0.6
        and is_upright(e)
    )


# --- dodges ---------------------------------------------------------------------------------------


def _dodge(sign: float) -> Callable[[Evidence], bool]:
    """Tell whether the head darts to one side, without a walk and without a turn."""

    def judge(e: Evidence) -> bool:
        path = sign * sideways(e, "head")
        return bool(
            path.max() > 0.22
            and path.max() > 1.5 * -path.min()
            and fastest(path) > 0.9
            and abs(onward(e, "pelvis")).max() < 0.6
            and abs(e.turn) < 50
            and is_upright(e)
            and max(e.height(f"{s}_foot").max() for s in (LEFT, RIGHT)) < 0.4
        )

    return judge


def _dodge_back(e: Evidence) -> bool:
    """Tell whether the body darts back on its feet and stops there."""
    back, side = -onward(e, "neck"), np.abs(sideways(e, "pelvis"))
    return bool(
        back.max() > 0.25
        and back[-1] > 0.12
        and fastest(back) > 0.9
        and side.max() < 0.5
        and abs(e.turn) < 50
        and is_upright(e)
        and e.rise < 0.2
        and above_ground(e, "pelvis").min() > 0.68
        and longest_seconds(np.abs(np.gradient(back) * FPS) > 0.25) < 1.1
    )


# --- rolls, flips, swimming -----------------------------------------------------------------------


def _turns_over(e: Evidence) -> bool:
    return bool(upside_down(e).any())


def _forward_roll(e: Evidence) -> bool:
    turned, over = pitch_turned(e), upside_down(e)
    low = above_ground(e, "neck")[over]
    return bool(over.any() and turned.max() > 250 and np.median(low) < 0.5)


def _backflip(e: Evidence) -> bool:
    turned, over = pitch_turned(e), upside_down(e)
    feet = np.minimum(above_ground(e, "left_ankle"), above_ground(e, "right_ankle"))
    hands = np.minimum(above_ground(e, "left_wrist"), above_ground(e, "right_wrist"))
    return bool(
        over.any()
        and turned.min() < -250
        and feet[over].max() > 0.6
        and hands[over].min() > 0.12
        and above_ground(e, "head")[over].min() > 0.25
    )


def wheels(e: Evidence) -> float:
    """Degrees turned sideways over the hands; to the left is positive."""
    turned = roll_turned(e)
    return float(turned[np.abs(turned).argmax()])


def _cartwheel(e: Evidence) -> bool:
    over = upside_down(e)
    hands = np.minimum(above_ground(e, "left_wrist"), above_ground(e, "right_wrist"))
    apart = np.linalg.norm(e.joint("left_ankle") - e.joint("right_ankle"), axis=1)
    return bool(
        over.any() and hands[over].min() < 0.25 and apart[over].max() > 0.75
        and abs(pitch_turned(e)).max() < 250
    )  # fmt: skip


def _swim(e: Evidence) -> bool:
    """Tell whether the body floats level, belly down, while the arms pull again and again."""
    feet = np.minimum(above_ground(e, "left_ankle"), above_ground(e, "right_ankle"))
    level = prone(e) & (trunk_lean(e) > 55) & (front_of(e)[:, 1] < -0.6) & (feet > 0.15)
    if longest_seconds(level) < 0.9:
        return False
    spine = e.joint("neck") - e.joint("pelvis")
    spine = spine / np.linalg.norm(spine, axis=1, keepdims=True)
    pulls = 0
    for side in (LEFT, RIGHT):
        reach = np.sum((e.joint(f"{side}_wrist") - e.joint(f"{side}_shoulder")) * spine, axis=1)
        pulls += turning_points(reach[level], 0.25)
    return pulls >= 3


def _dance(e: Evidence) -> bool:
    """Tell whether arms and legs keep moving in another way than a walk's or an exercise's."""
    arms = np.mean([e.speed(j) for j in ("left_wrist", "right_wrist")], axis=0)
    legs = np.mean([e.speed(j) for j in ("left_ankle", "right_ankle")], axis=0)
    over = np.ones(12) / 12
    lively = np.convolve(arms, over, "same") + np.convolve(legs, over, "same") > 0.5
    drilled = _jumping_jacks(e) or _climb_ladder(e) or e.along < -0.3
    return bool(
        arms.mean() > 0.5
        and legs.mean() > 0.3
        and lively.mean() > _LIVELY
        and abs(e.along) < 1.0
        and not (is_walk(e) and abs(e.turn) < 30)
        and not drilled
        and e.rise < 0.22
        and is_upright(e)
    )


EXERCISE: Final[dict[str, Callable[[Evidence], bool]]] = {
    "jump_up": _jump_up,
    "jump_forward": _jump_forward,
    "hop_one_leg": _hop_one_leg,
    "kick_left": is_kick(LEFT),
    "kick_right": is_kick(RIGHT),
    "kick_ball": _kick_ball,
    "punch_left": is_punch(LEFT),
    "punch_right": is_punch(RIGHT),
    "boxing": _boxing,
    "jumping_jacks": _jumping_jacks,
    "squat": _squat,
    "duck_crouch": _duck_crouch,
    "climb_ladder": _climb_ladder,
    "dodge_left": _dodge(1.0),
    "dodge_right": _dodge(-1.0),
    "dodge_back": _dodge_back,
    "forward_roll": _forward_roll,
    "backflip": _backflip,
    "cartwheel": _cartwheel,
    "swim": _swim,
    "dance": _dance,
}
