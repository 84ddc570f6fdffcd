"""Signs that several gestures share: a hand raised, an arm that points, a throw, pumping fists."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .evidence import LEFT, RIGHT
from .posture import Posture, turns

FrameFlags = NDArray[np.bool_]
BOTH_HANDS: Final = (LEFT, RIGHT)


def other_side(side: str) -> str:
    return RIGHT if side == LEFT else LEFT


def raised(p: Posture, side: str) -> FrameFlags:
    """Frames in which the wrist is above the head."""
    return np.asarray(p.wrist(side)[:, 1] > p.head_above_shoulder + 0.08)


def aimed(p: Posture, side: str, direction: tuple[float, float, float]) -> FrameFlags:
    """Frames in which a straight arm points that way (left, up, forward), within 40 degrees."""
    arm = p.wrist(side) / np.linalg.norm(p.wrist(side), axis=1, keepdims=True)
    return np.asarray((arm @ np.array(direction) > 0.77) & (p.reach(side) > 0.88))


def pumping(p: Posture) -> int:
    """How often raised wrists turn up and down, both, without sinking to the belly between."""
    high = np.min([p.wrist(s)[:, 1] for s in BOTH_HANDS], axis=0) > -0.25
    edges = np.flatnonzero(np.diff(np.concatenate([[0], high.astype(int), [0]])))
    most = 0
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start > 6:
            most = max(
                most,
                min(turns(p.hand_height(s)[start:end], 0.1) for s in BOTH_HANDS),
            )
    return most


def thrown(p: Posture, side: str) -> bool:
    """The wrist comes from behind or above the shoulder to the front, fast."""
    wrist, speed = p.wrist(side), p.hand_speed(side)
    ahead = np.diff(wrist[:, 2]) * 20
    for at in np.flatnonzero((ahead > 2.1) & (speed > 2.8)):
        before, after = wrist[max(0, at - 8) : at + 1], wrist[at : at + 8]
        wound = (before[:, 2] < -0.06) & (before[:, 1] > -0.25) | (before[:, 2] < -0.2)
        released = (after[:, 2] > 0.22) & (after[:, 1] > -0.3)
        if wound.any() and (p.reach(side)[at : at + 8] > 0.8)[released].any():
            return True
    return False
