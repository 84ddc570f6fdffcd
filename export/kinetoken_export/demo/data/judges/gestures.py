"""Judges of what a standing body does with arms, head and torso."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import Array64

from .evidence import LEFT, RIGHT, Evidence
from .posture import Posture, longest_run, turns

Judge = Callable[[Posture], bool]
_BOTH: Final = (LEFT, RIGHT)


def _other(side: str) -> str:
    return RIGHT if side == LEFT else LEFT


def _raised(p: Posture, side: str) -> Array64:
    """Frames in which the wrist is above the head."""
    return np.asarray(p.wrist(side)[:, 1] > p.head_above_shoulder + 0.08)


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
        and _waves(p, _other(side)) < 3
        and _sideways(p, side)
        and not _thrown(p, side)
        and p.hands_apart.min() > 0.15
    )


def _wave_both(p: Posture) -> bool:
    return all(_waves(p, s) >= 3 and _sideways(p, s) for s in _BOTH) and _closings(p)[0] < 2


def _pumping(p: Posture) -> int:
    """How often raised wrists turn up and down, both, without sinking to the belly between."""
    high = np.min([p.wrist(s)[:, 1] for s in _BOTH], axis=0) > -0.25
    edges = np.flatnonzero(np.diff(np.concatenate([[0], high.astype(int), [0]])))
    most = 0
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start > 6:
            most = max(
                most,
                min(turns(p.hand_height(s)[start:end], 0.1) for s in _BOTH),
            )
    return most


def _raise_arms(p: Posture) -> bool:
    both = _raised(p, LEFT) & _raised(p, RIGHT)
    return (
        longest_run(both) >= 5
        and not _wave_both(p)
        and _pumping(p) < 3
        and not p.crouches
        and not _shoot(p)
    )


def _raise_one(side: str) -> Judge:
    return lambda p: (
        longest_run(_raised(p, side)) >= 5
        and not _raised(p, _other(side)).any()
        and not (_waves(p, side) >= 4 and _sideways(p, side))
    )


def _reach_up(p: Posture) -> bool:
    return any(
        longest_run((p.wrist(s)[:, 1] > 0.38) & (p.reach(s) > 0.9)) >= 3 and _waves(p, s) < 5
        for s in _BOTH
    )


def _aimed(p: Posture, side: str, direction: tuple[float, float, float]) -> Array64:
    """Frames in which a straight arm points that way (left, up, forward), within 40 degrees."""
    arm = p.wrist(side) / np.linalg.norm(p.wrist(side), axis=1, keepdims=True)
    return np.asarray((arm @ np.array(direction) > 0.77) & (p.reach(side) > 0.88))


def _point_forward(p: Posture) -> bool:
    return any(
        longest_run(
            _aimed(p, s, (0, 0, 1))
            & ~_aimed(p, _other(s), (0, 0, 1))
            & (p.wrist(_other(s))[:, 1] < -0.2)
        )
        >= 6
        and np.abs(p.lean_forward).max() < 30
        and p.pelvis_ahead.max() < 0.09
        and not any(_thrown(p, side) or _blown(p, side) for side in _BOTH)
        for s in _BOTH
    )


def _point_aside(side: str) -> Judge:
    x = 1.0 if side == LEFT else -1.0

    def judge(p: Posture) -> bool:
        spread = _aimed(p, LEFT, (1, 0, 0)) & _aimed(p, RIGHT, (-1, 0, 0))
        aims = [_aimed(p, s, (x, 0, 0)) & (p.hands_apart > 0.4) for s in _BOTH]
        return max(longest_run(a) for a in aims) >= 6 and longest_run(spread) < 4

    return judge


def _t_pose(p: Posture) -> bool:
    spread = _aimed(p, LEFT, (1, 0, 0)) & _aimed(p, RIGHT, (-1, 0, 0))
    flat = np.all([np.abs(p.wrist(s)[:, 1]) < 0.16 for s in _BOTH], axis=0)
    return longest_run(spread & flat) >= 8


def _closings(p: Posture) -> tuple[int, int]:
    """How often the wrists meet, coming from 10 cm further, and the longest meeting in frames."""
    gap = p.hands_apart
    near = gap < max(0.13, float(gap.min()) + 0.04)
    level = np.all([p.wrist(s)[:, 1] > -0.42 for s in _BOTH], axis=0)
    meetings, away = 0, True
    for close, apart in zip(near & level, gap > float(gap.min()) + 0.09, strict=True):
        if close and away:
            meetings, away = meetings + 1, False
        away = away or bool(apart)
    return (meetings if gap.min() < 0.2 else 0), longest_run(near & level)


def _clap(p: Posture) -> bool:
    meetings, longest = _closings(p)
    return (
        (meetings >= 2 or (meetings == 1 and longest <= 6))
        and longest <= 9
        and not _crossed(p).any()
        and p.lean_forward.max() < 25
        and not _shoot(p)
    )


def _pray(p: Posture) -> bool:
    level = np.all([(p.wrist(s)[:, 1] > -0.4) & (p.wrist(s)[:, 2] > 0.08) for s in _BOTH], axis=0)
    still = p.speed_of_hands < 0.7
    return longest_run((p.hands_apart < 0.2) & level & still) >= 10 and not p.crouches


def _nod(p: Posture) -> bool:
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


def _shake_head(p: Posture) -> bool:
    return (
        turns(p.head_yaw, 0.3) >= 2
        and np.ptp(p.head_yaw) > np.ptp(p.head_pitch)
        and _half_period(p) < 0.75
        and p.hands_calm
    )


def _look_around(p: Posture) -> bool:
    yaw = p.head_yaw - np.median(p.head_yaw[:4])
    return bool(
        yaw.max() > 0.4
        and yaw.min() < -0.4
        and (_half_period(p) >= 0.55 or not p.hands_calm)
        and not any(p.wrist(s)[:, 2].max() > 0.42 for s in _BOTH)
    )


def _shrug(p: Posture) -> bool:
    rise = np.minimum(p.shoulder_rise(LEFT), p.shoulder_rise(RIGHT))
    low = np.all([p.wrist(s)[:, 1] < 0.0 for s in _BOTH], axis=0)
    outside = np.all([p.outward(s) > 0.02 for s in _BOTH], axis=0)
    return longest_run((rise > 0.025) & low & outside) >= 3 and not p.crouches


def _bow(p: Posture) -> bool:
    low_hands = min(p.hand_height(s).min() for s in _BOTH)
    return bool(
        p.lean_forward.max() > 40
        and p.lean_forward[-3:].mean() < 25
        and low_hands > 0.42
        and p.pelvis_drop < 0.2
        and p.fastest_hand < 6
    )


def _at_brow(p: Posture, side: str) -> Array64:
    from_head = p.from_head(side)
    return np.asarray(
        (np.linalg.norm(from_head, axis=1) < 0.33)
        & (from_head[:, 1] > -0.12)
        & (p.outward(side) + 0.16 > 0.05)
        & (p.elbow_out(side) > 0.12)
    )


def _salute(p: Posture) -> bool:
    return any(
        longest_run(_at_brow(p, s) & (p.outward_from_head(s) > 0.08)) >= 6
        and not _raised(p, _other(s)).any()
        and p.wrist(_other(s))[:, 1].max() < -0.2
        and np.ptp(p.head_yaw) < 0.8
        for s in _BOTH
    )


def _at_mouth(p: Posture, side: str) -> Array64:
    from_head = p.from_head(side)
    return np.asarray(
        (np.linalg.norm(from_head, axis=1) < 0.29)
        & (from_head[:, 2] > 0.03)
        & (p.outward_from_head(side) < 0.115)
        & (from_head[:, 1] < 0.12)
    )


def _blown(p: Posture, side: str) -> bool:
    """A hand goes from the mouth to the front."""
    at = np.flatnonzero(_at_mouth(p, side))
    if not len(at):
        return False
    out = (p.reach(side) > 0.82) & (p.wrist(side)[:, 1] > -0.2)
    return bool(out[at[0] :].any())


def _drink(p: Posture) -> bool:
    return any(
        longest_run(_at_mouth(p, s)) >= 6 and not _blown(p, s) and p.hands_apart.min() > 0.1
        for s in _BOTH
    ) and bool(np.ptp(p.head_yaw) < 0.9)


def _blow_kiss(p: Posture) -> bool:
    return any(longest_run(_at_mouth(p, s)) >= 2 and _blown(p, s) for s in _BOTH) and not _shoot(p)


def _crossed(p: Posture) -> Array64:
    level = np.all([(p.wrist(s)[:, 1] > -0.42) & (p.wrist(s)[:, 1] < 0.05) for s in _BOTH], axis=0)
    return np.asarray(level & (p.across(LEFT) > 0.05) & (p.across(RIGHT) > 0.05))


def _cross_arms(p: Posture) -> bool:
    return longest_run(_crossed(p)) >= 8 and not _shiver(p)


def _shiver(p: Posture) -> bool:
    return longest_run(p.trembling) >= 14 and p.trembling.mean() > 0.35


def _stretch(p: Posture) -> bool:
    up = np.any([_raised(p, s) & (p.reach(s) > 0.85) for s in _BOTH], axis=0)
    wide = np.all([(p.outward(s) > 0.35) & (p.wrist(s)[:, 2] < 0.12) for s in _BOTH], axis=0)
    bent = (np.abs(p.lean_aside) > 11) | (p.lean_forward < -7)
    return longest_run((up | wide) & bent) >= 5 and p.fastest_hand < 7


def _cheer(p: Posture) -> bool:
    return all(_raised(p, s).any() for s in _BOTH) and _pumping(p) >= 3 and not _wave_both(p)


def _fist_pump(p: Posture) -> bool:
    for side in _BOTH:
        other = p.wrist(_other(side))
        if other[:, 1].max() > -0.1 or np.ptp(other[:, 2]) > 0.35:
            continue
        height = p.wrist(side)[:, 1]
        bent = (p.reach(side) < 0.8) & (height > -0.45)
        if (
            (turns(height, 0.2) >= 2 or 1 < _raised(p, side).sum() < 14)
            and np.ptp(height) > 0.45
            and bent.sum() >= 3
            and np.abs(np.diff(height)).max() * 20 > 1.2
            and not _sideways(p, side)
            and not longest_run(_at_brow(p, side)) >= 6
        ):
            return True
    return False


def _talk(p: Posture) -> bool:
    busy = [
        (p.wrist(s)[:, 1] > -0.45) & (p.wrist(s)[:, 1] < 0.12) & (p.wrist(s)[:, 2] > 0.05)
        for s in _BOTH
    ]
    moves = sum(turns(p.wrist(s)[:, axis], 0.06) for s in _BOTH for axis in range(3))
    return (
        all(b.mean() > 0.3 for b in busy)
        and moves >= 8
        and not _pray(p)
        and np.ptp(p.pelvis_ahead) < 0.1
        and not _shrug(p)
        and _closings(p)[0] < 2
        and p.fastest_hand < 5
        and p.pelvis_drop < 0.1
    )


def _thrown(p: Posture, side: str) -> bool:
    """The wrist comes from behind or above the shoulder to the front, fast."""
    wrist, speed = p.wrist(side), p.hand_speed(side)
    ahead = np.diff(wrist[:, 2]) * 20
    for at in np.flatnonzero((ahead > 1.6) & (speed > 2.4)):
        before, after = wrist[max(0, at - 8) : at + 1], wrist[at : at + 8]
        wound = (before[:, 2] < -0.06) & (before[:, 1] > -0.25) | (before[:, 2] < -0.2)
        released = (after[:, 2] > 0.22) & (after[:, 1] > -0.3)
        if wound.any() and (p.reach(side)[at : at + 8] > 0.8)[released].any():
            return True
    return False


def _throw(p: Posture) -> bool:
    return any(_thrown(p, s) and p.hands_apart_when_fast(s) > 0.3 for s in _BOTH) and not _pull(p)


def _swept(p: Posture, side: str) -> bool:
    """The raised wrist sweeps across the front: half a metre and more within 0.4 s."""
    path = p.wrist(side)
    for start in range(len(path) - 8):
        piece = path[start : start + 8]
        across, down = np.abs(piece[-1] - piece[0])[:2]
        if (
            np.hypot(across, down) > 0.5
            and across > 0.3
            and piece[0, 1] > -0.25
            and piece[:, 2].max() > 0.3
            and not piece[-1, 1] > 0.25
        ):
            return True
    return False


def _swing_sword(p: Posture) -> bool:
    both = [p.hand_speed(s) for s in _BOTH]
    side = LEFT if both[0].max() > both[1].max() else RIGHT
    if both[_BOTH.index(side)].max() < 2.4:
        return False
    two_handed = (
        p.hands_apart_when_fast(side) < 0.3
        and p.hands_apart.min() < 0.25
        and _two_handed_stroke(p)
        and not _swing_golf(p)
    )
    one_handed = p.wrist(_other(side))[:, 1].max() < -0.1 and _swept(p, side)
    return two_handed or one_handed


def _two_handed_stroke(p: Posture) -> bool:
    """The hands, held together, go half a metre down or across within 0.5 s."""
    middle = (p.wrist_from_chest(LEFT) + p.wrist_from_chest(RIGHT)) / 2
    together = p.hands_apart < 0.36
    for start in range(len(middle) - 10):
        piece = slice(start, start + 10)
        if together[piece].all():
            way = middle[piece] - middle[start]
            if max(-way[:, 1].min(), float(np.abs(way[:, 0]).max())) > 0.4:
                return True
    return False


def _swing_golf(p: Posture) -> bool:
    """Hands together go up on one side, down past the middle, and up on the other."""
    together = p.hands_apart < 0.34
    middle = (p.wrist_from_chest(LEFT) + p.wrist_from_chest(RIGHT)) / 2
    bent = p.lean_forward > 18
    low = together & (middle[:, 1] < -0.3) & bent
    high = together & (middle[:, 1] > -0.16)
    if not low.any() or not high.any():
        return False
    first = int(np.flatnonzero(low)[0])
    ups = np.flatnonzero(high & (np.arange(len(high)) > first))
    turned = p.chest_yaw
    return bool(len(ups) and np.ptp(turned[first:]) > 55 and p.fastest_hand > 2.2)


def _shoot(p: Posture) -> bool:
    up = np.all([_raised(p, s) & (p.wrist(s)[:, 2] > 0.03) for s in _BOTH], axis=0)
    if not up.any():
        return False
    first = int(np.argmax(up))
    before = slice(max(0, first - 24), first + 1)
    held = (p.hands_apart < 0.42) & np.all(
        [(p.wrist(s)[:, 1] > -0.45) & (p.wrist(s)[:, 2] > 0.1) for s in _BOTH], axis=0
    )
    dip = p.pelvis_height[before]
    return bool(
        held[before].sum() >= 4
        and dip.min() < p.pelvis_height[:3].mean() - 0.03
        and p.pelvis_height[first : first + 12].max() > dip.min() + 0.05
        and _pumping(p) < 3
        and min(p.hand_height(s).min() for s in _BOTH) > 0.5
    )


def _reaching(p: Posture) -> list[Array64]:
    return [
        np.asarray(
            (p.wrist(s)[:, 2] > 0.34) & (p.wrist(s)[:, 1] > -0.44) & (p.wrist(s)[:, 1] < 0.2)
        )
        for s in _BOTH
    ]


def _near(p: Posture, side: str) -> Array64:
    wrist = p.wrist(side)
    return np.asarray((p.reach(side) < 0.72) & (wrist[:, 1] > -0.42) & (wrist[:, 1] < 0.1))


def _stroke(p: Posture, side: str, pushed: bool) -> bool:
    """A hand goes from the chest to the front (pushed) or from the front to the chest."""
    far = _reaching(p)[_BOTH.index(side)]
    start, end = (_near(p, side), far) if pushed else (far, _near(p, side))
    starts, ends = np.flatnonzero(start), np.flatnonzero(end)
    return any(((ends > at) & (ends < at + 26)).any() for at in starts)


def _push(p: Posture) -> bool:
    ahead = p.pelvis_ahead
    pushes = [_stroke(p, s, True) for s in _BOTH]
    return bool(
        any(pushes)
        and ahead.max() > 0.07
        and ahead.max() > -ahead.min()
        and max(longest_run(r) for r in _reaching(p)) >= 3
        and not any(_raised(p, s).any() or _thrown(p, s) for s in _BOTH)
        and p.hands_apart.min() > 0.1
    )


def _pull(p: Posture) -> bool:
    ahead = p.pelvis_ahead
    return bool(
        any(_stroke(p, s, False) for s in _BOTH)
        and all(longest_run(r) >= 2 for r in _reaching(p))
        and -ahead.min() > 0.03
        and -ahead.min() > ahead.max() - 0.04
        and not any(_raised(p, s).any() for s in _BOTH)
        and p.hands_apart.min() > 0.12
        and p.pelvis_drop < 0.22
    )


def _picked(p: Posture, side: str, low: float) -> bool:
    height = p.hand_height(side)
    at = int(height.argmin())
    return bool(height[at] < low and at > 4 and height[at:].max() > 0.72)


def _lift_heavy(p: Posture) -> bool:
    both = all(_picked(p, s, 0.5) for s in _BOTH)
    raised = np.min([p.wrist(s)[:, 1] for s in _BOTH], axis=0)
    low = int(np.argmin(p.hand_height(LEFT) + p.hand_height(RIGHT)))
    held = (p.hands_apart > 0.22) & (p.hands_apart < 0.75) & (raised > -0.5)
    return both and p.pelvis_drop > 0.15 and longest_run(held) >= 8 and low > 6


def _pick_up(p: Posture) -> bool:
    return any(_picked(p, s, 0.4) for s in _BOTH) and p.upright_at_end


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
    "throw": _throw,
    "swing_sword": _swing_sword,
    "swing_golf": _swing_golf,
    "shoot_basketball": _shoot,
    "push": _push,
    "pull": _pull,
    "lift_heavy": _lift_heavy,
    "pick_up_from_floor": _pick_up,
}


def _judged(judge: Judge) -> Callable[[Evidence], bool]:
    """The judge on its evidence: no gesture goes about."""

    def verdict(e: Evidence) -> bool:
        return float(np.linalg.norm(e.travel)) < 0.9 and bool(judge(Posture(e)))

    return verdict


GESTURES: Final[dict[str, Callable[[Evidence], bool]]] = {
    name: _judged(judge) for name, judge in _TABLE.items()
}
