"""Judges of the whole body at work on the spot: throws, swings, shots, pushes, pulls, lifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .arm_signs import BOTH_HANDS, FrameFlags, other_side, pumping, raised, thrown
from .evidence import LEFT, RIGHT
from .posture import Posture, longest_run

Verdict = bool | np.bool_


def _throw(p: Posture) -> Verdict:
    return any(
        thrown(p, s) and p.hands_apart_when_fast(s) > 0.3 for s in BOTH_HANDS
    ) and not is_pull(p)


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


def _swing_sword(p: Posture) -> Verdict:
    both = [p.hand_speed(s) for s in BOTH_HANDS]
    side = LEFT if both[0].max() > both[1].max() else RIGHT
    if both[BOTH_HANDS.index(side)].max() < 2.4:
        return False
    two_handed = (
        p.hands_apart_when_fast(side) < 0.3
        and p.hands_apart.min() < 0.25
        and _two_handed_stroke(p)
        and not _swing_golf(p)
    )
    one_handed = p.wrist(other_side(side))[:, 1].max() < -0.1 and _swept(p, side)
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


def _swing_golf(p: Posture) -> Verdict:
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


def is_shot(p: Posture) -> Verdict:
    up = np.all([raised(p, s) & (p.wrist(s)[:, 2] > 0.03) for s in BOTH_HANDS], axis=0)
    if not up.any():
        return False
    first = int(np.argmax(up))
    before = slice(max(0, first - 24), first + 1)
    held = (p.hands_apart < 0.42) & np.all(
        [(p.wrist(s)[:, 1] > -0.45) & (p.wrist(s)[:, 2] > 0.1) for s in BOTH_HANDS], axis=0
    )
    dip = p.pelvis_height[before]
    return bool(
        held[before].sum() >= 4
        and dip.min() < p.pelvis_height[:3].mean() - 0.03
        and p.pelvis_height[first : first + 12].max() > dip.min() + 0.05
        and pumping(p) < 3
        and min(p.hand_height(s).min() for s in BOTH_HANDS) > 0.5
    )


def _reaching(p: Posture) -> list[FrameFlags]:
    return [
        np.asarray(
            (p.wrist(s)[:, 2] > 0.34) & (p.wrist(s)[:, 1] > -0.44) & (p.wrist(s)[:, 1] < 0.2)
        )
        for s in BOTH_HANDS
    ]


def _near(p: Posture, side: str) -> FrameFlags:
    wrist = p.wrist(side)
    return np.asarray((p.reach(side) < 0.72) & (wrist[:, 1] > -0.42) & (wrist[:, 1] < 0.1))


def _stroke(p: Posture, side: str, pushed: bool) -> bool:
    """A hand goes from the chest to the front (pushed) or from the front to the chest."""
    far = _reaching(p)[BOTH_HANDS.index(side)]
    start, end = (_near(p, side), far) if pushed else (far, _near(p, side))
    starts, ends = np.flatnonzero(start), np.flatnonzero(end)
    return any(((ends > at) & (ends < at + 26)).any() for at in starts)


def _push(p: Posture) -> Verdict:
    ahead = p.pelvis_ahead
    pushes = [_stroke(p, s, True) for s in BOTH_HANDS]
    return bool(
        any(pushes)
        and ahead.max() > 0.07
        and ahead.max() > -ahead.min()
        and max(longest_run(r) for r in _reaching(p)) >= 3
        and not any(raised(p, s).any() or thrown(p, s) for s in BOTH_HANDS)
        and p.hands_apart.min() > 0.1
    )


def is_pull(p: Posture) -> Verdict:
    ahead = p.pelvis_ahead
    return bool(
        any(_stroke(p, s, False) for s in BOTH_HANDS)
        and all(longest_run(r) >= 2 for r in _reaching(p))
        and -ahead.min() > 0.03
        and -ahead.min() > ahead.max() - 0.04
        and not any(raised(p, s).any() for s in BOTH_HANDS)
        and p.hands_apart.min() > 0.12
        and p.pelvis_drop < 0.22
    )


def _picked(p: Posture, side: str, low: float) -> bool:
    height = p.hand_height(side)
    at = int(height.argmin())
    return bool(height[at] < low and at > 4 and height[at:].max() > 0.72)


def _lift_heavy(p: Posture) -> Verdict:
    both = all(_picked(p, s, 0.5) for s in BOTH_HANDS)
    raised = np.min([p.wrist(s)[:, 1] for s in BOTH_HANDS], axis=0)
    lowest = p.hand_height(LEFT) + p.hand_height(RIGHT)
    low = int(np.argmax(lowest < lowest.min() + 0.1))
    ahead = np.min([p.wrist(s)[:, 2] for s in BOTH_HANDS], axis=0)
    held = (p.hands_apart > 0.22) & (p.hands_apart < 0.75) & (raised > -0.47)
    held &= (ahead > 0.1) | (raised > 0)
    return both and p.pelvis_drop > 0.15 and longest_run(held[low:]) >= 6 and low > 6


def _pick_up(p: Posture) -> Verdict:
    return any(_picked(p, s, 0.4) for s in BOTH_HANDS)


STRENGTH: Final[dict[str, Callable[[Posture], Verdict]]] = {
    "throw": _throw,
    "swing_sword": _swing_sword,
    "swing_golf": _swing_golf,
    "shoot_basketball": is_shot,
    "push": _push,
    "pull": is_pull,
    "lift_heavy": _lift_heavy,
    "pick_up_from_floor": _pick_up,
}
