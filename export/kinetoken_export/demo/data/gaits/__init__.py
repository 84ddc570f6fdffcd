"""Windows of getting about: cycles of captured steps, made steps, and their styles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from kinetoken.motion.recover import recover
from kinetoken.motion.skeleton import FPS

from ..clips import Joints
from ..cutting import LONGEST_WINDOW, Window, passing_windows
from .makers import gait_windows, long_gaits, long_steps, step_windows, turn_windows
from .places import dance_windows, long_stands, still_windows

Maker = Callable[[dict[str, Joints], bool], Iterator[Window]]
_SHORT: Final[tuple[Maker, ...]] = (
    gait_windows, turn_windows, step_windows, still_windows, dance_windows,
)  # fmt: skip
_LONG: Final[tuple[Maker, ...]] = (long_gaits, long_steps, long_stands)
# m/s and m/s3 of any joint: what is faster or more jerky has a spike of its capture.
_FASTEST: Final = 11.0
_HARDEST: Final = 3500.0


def getting_about(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Windows of at most six seconds."""
    for maker in _SHORT:
        short = (w for w in maker(pool, mirror) if len(w.features) <= LONGEST_WINDOW)
        yield from passing_windows(w for w in short if _steady(w))


def getting_about_long(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Windows of 8 to 24 seconds of what can go on."""
    for maker in _LONG:
        yield from passing_windows(w for w in maker(pool, mirror) if _steady(w))


def _steady(window: Window) -> bool:
    joints = recover(window.features.astype(np.float64))
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() * FPS
    jerk = np.linalg.norm(np.diff(joints, 3, axis=0), axis=-1).max() * FPS**3
    return bool(speed < _FASTEST and jerk < _HARDEST)
