"""Windows of walks and runs: from standing, some steps, and back to standing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import FPS, Array64

from ..clips import Joints
from ..joining import between_stands
from ..sources import RUNS, WALKS
from .cycles import curved, gait_loop, strikes
from .styles import clean

_WALK_CYCLE: Final = (18, 44)  # frames of two steps
_RUN_CYCLE: Final = (12, 20)
BEFORE: Final = 1  # frames before a foot comes down, at which a motion sets off
AFTER: Final = 3  # frames after it, at which it begins to stop


def steps_from(gait: Array64, first: int, count: int, turn: float = 0.0) -> Array64 | None:
    """A motion of `count` steps of a gait from its step `first` on, between two stands.

    The last step brings the feet together. `turn` bends the way, degrees a second to the left. None
    where the gait is not long enough.
    """
    marks = strikes(gait)
    last = first + count - 2
    if count < 2 or last >= len(marks) or marks[last].frame + AFTER + 2 > len(gait):
        return None
    start = max(0, marks[first].frame - BEFORE)
    piece = gait[start : marks[last].frame + AFTER + 1]
    return between_stands(curved(piece, turn) if turn else piece)


def seconds_from(gait: Array64, first: int, seconds: float, turn: float = 0.0) -> Array64 | None:
    """A motion of about so many seconds, between two stands; at least two steps."""
    marks = strikes(gait)
    if first >= len(marks):
        return None
    wanted = marks[first].frame + (seconds - 1.1) * FPS
    count = 2 + sum(1 for mark in marks[first + 1 :] if mark.frame <= wanted)
    return steps_from(gait, first, count, turn)


def speed_of(gait: Array64) -> float:
    """Mean speed along the way, m/s."""
    way = gait[-1, 0] - gait[0, 0]
    return float(np.hypot(way[0], way[2]) / (len(gait) - 1) * FPS)


def walk_loops(pool: dict[str, Joints], frames: int) -> Iterator[tuple[str, Array64]]:
    """`frames` frames of every walk that may be learnt from: straight, looped, feet planted."""
    for name in WALKS:
        loop = gait_loop(pool[name], *_WALK_CYCLE, frames) if name in pool else None
        if loop is not None:
            yield name, clean(loop)


def run_loops(pool: dict[str, Joints], frames: int) -> Iterator[tuple[str, Array64]]:
    """`frames` frames of every run that may be learnt from: straight, looped."""
    for name in RUNS:
        loop = gait_loop(pool[name], *_RUN_CYCLE, frames) if name in pool else None
        if loop is not None:
            yield name, loop
