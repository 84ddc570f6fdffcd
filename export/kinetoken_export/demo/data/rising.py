"""Ways up: motions from a low posture to standing, to be put between two joined windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from kinetoken.motion.recover import recover
from kinetoken.motion.skeleton import Array64

from .cutting import POSTURES, Window
from .joining import join

_STANDING: Final = POSTURES[0]


def ways_up(windows: Iterable[Window]) -> dict[str, list[Array64]]:
    """Motions (T, 22, 3) from each posture to standing, found among windows.

    Where none leads up from a posture, those that lead down into it are played backward.
    """
    up: dict[str, list[Array64]] = {posture: [] for posture in POSTURES}
    down: dict[str, list[Array64]] = {posture: [] for posture in POSTURES}
    for window in windows:
        if window.begins != _STANDING and window.ends == _STANDING:
            up[window.begins].append(recover(window.features.astype(np.float64)))
        elif window.begins == _STANDING and window.ends != _STANDING:
            down[window.ends].append(recover(window.features.astype(np.float64))[::-1])
    low = POSTURES[1:]
    return {posture: up[posture] or down[posture] for posture in low}


def follow(
    windows: Iterable[Window], ways: Mapping[str, list[Array64]], draw: np.random.Generator
) -> Array64:
    """The windows' motions one after another (T, 22, 3).

    Where one ends low and the next begins upright, a way up goes between, by chance one of `ways`.
    """
    whole: Array64 | None = None
    posture = _STANDING
    for window in windows:
        motion = recover(window.features.astype(np.float64))
        if whole is None:
            whole = motion
        else:
            choice = ways[posture] if posture not in (window.begins, _STANDING) else []
            rise = choice[int(draw.integers(len(choice)))] if choice else None
            whole = join(whole, motion, rise)
        posture = window.ends
    if whole is None:
        raise ValueError("expected one window or more, got none")
    return whole
