"""Judges of what a standing body does with arms, head and torso."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .arm_signs import BOTH_HANDS, FrameFlags, aimed, other_side, pumping, raised, thrown
from .evidence import LEFT, RIGHT, Evidence
from .posture import Posture, longest_run, turns
from .strength import STRENGTH, Verdict, is_shot

Judge = Callable[[Posture], Verdict]


def _waves(p: Posture, side: str) -> int:
    """Turns sideways of a wrist held above its elbow and not below the shoulder."""
    wrist, elbow = p.wrist(side), p.elbow(side)
    up = (wrist[:, 1] > -0.06) & (wrist[:, 1] > elbow[:, 1] + 0.05)
    return turns(wrist[up, 0], 0.05) if up.sum() > 8 else 0


def _sideways(p: Posture, side: str) -> bool:
    """Whether a raised wrist goes sideways more than up and down."""
    wrist = p.wrist(side)
    steps = np.abs(np.diff(wrist, axis=0))[wrist[1:, 1] > 0.0]
    return bool(len(steps) > 4 and steps[:, 0].sum() > 0.8 * steps[:, 1].sum())


def _wave(side: str) -> Judge:
    return lambda p: (
        _waves(p, side) >= 3
        and _waves(p, other_side(side)) < 3
        and _sideways(p, side)
        and not thrown(p, side)
        and p.hands_apart.min() > 0.15
    )


def _wave_both(p: Posture) -> Verdict:
    return all(_waves(p, s) >= 3 and _sideways(p, s) for s in BOTH_HANDS) and _closings(p)[0] < 2


def _raise_arms(p: Posture) -> Verdict:
    both = raised(p, LEFT) & raised(p, RIGHT)
    return (
        longest_run(both) >= 5
        and not _wave_both(p)
        and pumping(p) < 3
        and not p.crouches
        and not is_shot(p)
    )


def _raise_one(side: str) -> Judge:
    return lambda p: (
        longest_run(raised(p, side) & (p.reach(side) > 0.7)) >= 5
        and not raised(p, other_side(side)).any()
        and not (_waves(p, side) >= 4 and _sideways(p, side))
    )


def _reach_up(p: Posture) -> Verdict:
    return any(
        longest_run((p.wrist(s)[:, 1] > 0.38) & (p.reach(s) > 0.9)) >= 3 and _waves(p, s) < 5
        for s in BOTH_HANDS
    )


def _point_forward(p: Posture) -> Verdict:
    return any(
        longest_run(
            aimed(p, s, (0, 0, 1))
            & ~aimed(p, other_side(s), (0, 0, 1))
            & (p.wrist(other_side(s))[:, 1] < -0.2)
        )
        >= 6
        and np.abs(p.lean_forward).max() < 30
        and p.pelvis_ahead.max() < 0.09
        and not any(thrown(p, side) or _blown(p, side) for side in BOTH_HANDS)
        for s in BOTH_HANDS
    )


def _point_aside(side: str) -> Judge:
    x = 1.0 if side == LEFT else -1.0

    def judge(p: Posture) -> Verdict:
        spread = aimed(p, LEFT, (1, 0, 0)) & aimed(p, RIGHT, (-1, 0, 0))
        aims = [aimed(p, s, (x, 0, 0)) & (p.hands_apart > 0.4) for s in BOTH_HANDS]
        return max(longest_run(a) for a in aims) >= 6 and longest_run(spread) < 4

    return judge


def _t_pose(p: Posture) -> Verdict:
    spread = aimed(p, LEFT, (1, 0, 0)) & aimed(p, RIGHT, (-1, 0, 0))
    flat = np.all([np.abs(p.wrist(s)[:, 1]) < 0.16 for s in BOTH_HANDS], axis=0)
    return longest_run(spread & flat) >= 8


def _closings(p: Posture) -> tuple[int, int]:
    """How often the wrists meet, coming from 10 cm further, and the longest meeting in frames."""
    gap = p.hands_apart
    near = gap < max(0.13, float(gap.min()) + 0.04)
    level = np.all([p.wrist(s)[:, 1] > -0.42 for s in BOTH_HANDS], axis=0)
    meetings, away = 0, True
    for close, apart in zip(near & level, gap > float(gap.min()) + 0.09, strict=True):
        if close and away:
            meetings, away = meetings + 1, False
        away = away or bool(apart)
    return (meetings if gap.min() < 0.2 else 0), longest_run(near & level)


def _clap(p: Posture) -> Verdict:
    meetings, longest = _closings(p)
    return (
        (meetings >= 2 or (meetings == 1 and longest <= 6))
        and longest <= 9
        and not _crossed(p).any()
        and p.lean_forward.max() < 25
        and not is_shot(p)
    )


def _pray(p: Posture) -> Verdict:
    level = np.all(
        [(p.wrist(s)[:, 1] > -0.4) & (p.wrist(s)[:, 2] > 0.08) for s in BOTH_HANDS], axis=0
    )
    still = p.speed_of_hands < 0.7
    return longest_run((p.hands_apart < 0.2) & level & still) >= 10 and not p.crouches


def _nod(p: Posture) -> Verdict:
    return (
        turns(p.head_pitch, 0.2) >= 1
        and np.ptp(p.head_pitch) > 0.28
        and np.ptp(p.head_pitch) > 0.8 * np.ptp(p.head_yaw)
        and np.ptp(p.lean_forward) < 18
        and p.hands_calm
    )


def _half_period(p: Posture) -> float:
    """Seconds between turns of the head."""
    swings = turns(p.head_yaw, 0.3)
    busy = np.abs(p.head_yaw - np.median(p.head_yaw[:4])) > 0.15
    return float(busy.sum() / 20 / max(1, swings))


def _shake_head(p: Posture) -> Verdict:
    return (
        turns(p.head_yaw, 0.3) >= 2
        and np.ptp(p.head_yaw) > np.ptp(p.head_pitch)
        and _half_period(p) < 0.75
        and p.hands_calm
    )


def _look_around(p: Posture) -> Verdict:
    yaw = p.head_yaw - np.median(p.head_yaw[:4])
    return bool(
        yaw.max() > 0.4
        and not _crossed(p).any()
        and yaw.min() < -0.4
        and (_half_period(p) >= 0.55 or not p.hands_calm)
        and not any(p.wrist(s)[:, 2].max() > 0.42 for s in BOTH_HANDS)
    )


def _shrug(p: Posture) -> Verdict:
    rise = np.minimum(p.shoulder_rise(LEFT), p.shoulder_rise(RIGHT))
    low = np.all([p.wrist(s)[:, 1] < 0.0 for s in BOTH_HANDS], axis=0)
    outside = np.all([p.outward(s) > 0.02 for s in BOTH_HANDS], axis=0)
    return longest_run((rise > 0.025) & low & outside) >= 3 and not p.crouches


def _bow(p: Posture) -> Verdict:
    low_hands = min(p.hand_height(s).min() for s in BOTH_HANDS)
    return bool(
        p.lean_forward.max() > 32
        and p.lean_forward[-3:].mean() < 25
        and low_hands > 0.42
        and p.pelvis_drop < 0.2
        and p.fastest_hand < 6
    )


def _at_brow(p: Posture, side: str) -> FrameFlags:
    from_head = p.from_head(side)
    return np.asarray(
        (np.linalg.norm(from_head, axis=1) < 0.33)
        & (from_head[:, 1] > -0.12)
        & (p.outward(side) + 0.16 > 0.05)
        & (p.elbow_out(side) > 0.12)
        & (p.elbow_out(side) > p.elbow(side)[:, 2])
    )


def _salute(p: Posture) -> Verdict:
    return any(
        longest_run(_at_brow(p, s) & (p.outward_from_head(s) > 0.08)) >= 6
        and not raised(p, other_side(s)).any()
        and p.wrist(other_side(s))[:, 1].max() < -0.2
        and np.ptp(p.head_yaw) < 0.8
        for s in BOTH_HANDS
    )


def _at_mouth(p: Posture, side: str) -> FrameFlags:
    """The wrist is at the mouth, the elbow before the body: a hand at the brow has it out."""
    from_head = p.from_head(side)
    return np.asarray(
        (np.linalg.norm(from_head, axis=1) < 0.3)
        & (from_head[:, 2] > 0.0)
        & (p.outward_from_head(side) < 0.25)
        & (np.abs(from_head[:, 1]) < 0.17)
        & (p.elbow(side)[:, 2] > p.elbow_out(side))
    )


def _blown(p: Posture, side: str) -> bool:
    """A hand goes from the mouth to the front."""
    at = np.flatnonzero(_at_mouth(p, side))
    if not len(at):
        return False
    out = (p.reach(side) > 0.82) & (p.wrist(side)[:, 1] > -0.2)
    return longest_run(out[at[0] :]) >= 3


def _alone(p: Posture, side: str) -> bool:
    """The other hand hangs, or is with it: two fists at the chin are a guard."""
    near = _at_mouth(p, side)
    hangs = p.wrist(other_side(side))[near, 1] < -0.15
    return bool(near.any() and (hangs | (p.hands_apart[near] < 0.22)).mean() > 0.7)


def _drink(p: Posture) -> bool:
    return (
        any(
            longest_run(_at_mouth(p, s)) >= 6 and not _blown(p, s) and _alone(p, s)
            for s in BOTH_HANDS
        )
        and p.hands_apart.min() > 0.14
        and bool(np.ptp(p.head_yaw) < 0.9)
        and not p.leaves_floor
    )


def _blow_kiss(p: Posture) -> bool:
    return (
        any(longest_run(_at_mouth(p, s)) >= 2 and _blown(p, s) and _alone(p, s) for s in BOTH_HANDS)
        and not is_shot(p)
        and p.fastest_hand < 7
    )


def _crossed(p: Posture) -> FrameFlags:
    level = np.all(
        [(p.wrist(s)[:, 1] > -0.42) & (p.wrist(s)[:, 1] < 0.05) for s in BOTH_HANDS], axis=0
    )
    return np.asarray(level & (p.across(LEFT) > 0.05) & (p.across(RIGHT) > 0.05))


def _cross_arms(p: Posture) -> Verdict:
    return longest_run(_crossed(p)) >= 8 and not _shiver(p)


def _shiver(p: Posture) -> Verdict:
    drawn_in = all(np.median(p.wrist(s)[:, 1]) > -0.45 for s in BOTH_HANDS)
    return (
        drawn_in
        and longest_run(p.trembling) >= 14
        and p.trembling.mean() > 0.35
        and _closings(p)[0] < 3
    )


def _stretch(p: Posture) -> Verdict:
    up = np.any([raised(p, s) & (p.reach(s) > 0.85) for s in BOTH_HANDS], axis=0)
    wide = np.all([(p.outward(s) > 0.35) & (p.wrist(s)[:, 2] < 0.12) for s in BOTH_HANDS], axis=0)
    bent = (np.abs(p.lean_aside) > 11) | (p.lean_forward < -7)
    return longest_run((up | wide) & bent) >= 5 and p.fastest_hand < 7


def _cheer(p: Posture) -> Verdict:
    return all(raised(p, s).any() for s in BOTH_HANDS) and pumping(p) >= 3 and not _wave_both(p)


def _fist_pump(p: Posture) -> Verdict:
    for side in BOTH_HANDS:
        other = p.wrist(other_side(side))
        if other[:, 1].max() > -0.1 or np.ptp(other[:, 2]) > 0.35:
            continue
        height = p.wrist(side)[:, 1]
        bent = (p.reach(side) < 0.8) & (height > -0.45)
        if (
            (turns(height, 0.2) >= 2 or 1 < raised(p, side).sum() < 14)
            and np.ptp(height) > 0.45
            and bent.sum() >= 3
            and np.abs(np.diff(height)).max() * 20 > 1.2
            and not _sideways(p, side)
            and not longest_run(_at_brow(p, side)) >= 6
        ):
            return True
    return False


def _talk(p: Posture) -> Verdict:
    busy = [
        (p.wrist(s)[:, 1] > -0.45) & (p.wrist(s)[:, 1] < 0.12) & (p.wrist(s)[:, 2] > 0.05)
        for s in BOTH_HANDS
    ]
    moves = sum(turns(p.wrist(s)[:, axis], 0.06) for s in BOTH_HANDS for axis in range(3))
    return (
        all(b.mean() > 0.3 for b in busy)
        and moves >= 6
        and not _pray(p)
        and np.ptp(p.pelvis_ahead) < 0.1
        and not _shrug(p)
        and _closings(p)[0] < 2
        and p.fastest_hand < 5
        and p.pelvis_drop < 0.1
    )


_TABLE: Final[dict[str, Judge]] = {
    "wave_left": _wave(LEFT),
    "wave_right": _wave(RIGHT),
    "wave_both": _wave_both,
    "raise_arms": _raise_arms,
    "raise_left_arm": _raise_one(LEFT),
    "raise_right_arm": _raise_one(RIGHT),
    "reach_up": _reach_up,
    "point_forward": _point_forward,
    "point_left": _point_aside(LEFT),
    "point_right": _point_aside(RIGHT),
    "clap": _clap,
    "nod": _nod,
    "shake_head": _shake_head,
    "shrug": _shrug,
    "bow": _bow,
    "salute": _salute,
    "pray": _pray,
    "t_pose": _t_pose,
    "look_around": _look_around,
    "drink": _drink,
    "stretch": _stretch,
    "shiver": _shiver,
    "cheer": _cheer,
    "victory_fist_pump": _fist_pump,
    "blow_kiss": _blow_kiss,
    "cross_arms_angry": _cross_arms,
    "talk_with_hands": _talk,
    **STRENGTH,
}


# Gestures that may bend the body down, and those that may lift the feet.
_LOW: Final = frozenset({"bow", "lift_heavy", "pick_up_from_floor"})
_LEAPING: Final = frozenset({"cheer", "victory_fist_pump", "shoot_basketball", "throw", "stretch"})


def _judged(name: str, judge: Judge) -> Callable[[Evidence], bool]:
    """The judge on its evidence: a gesture is done upright, on the spot, the feet on the floor."""

    def verdict(e: Evidence) -> bool:
        p = Posture(e)
        if np.linalg.norm(e.travel) > 0.9 or not p.upright_at_ends:
            return False
        if p.lies or (p.crouches and name not in _LOW) or (p.leaves_floor and name not in _LEAPING):
            return False
        return bool(judge(p))

    return verdict


GESTURES: Final[dict[str, Callable[[Evidence], bool]]] = {
    name: _judged(name, judge) for name, judge in _TABLE.items()
}
