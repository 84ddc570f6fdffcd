"""Windows: motion that shows one action, and the judges' word on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from kinetoken.motion.recover import recover
from kinetoken.motion.skeleton import Array

from .augment import Features, to_features
from .judges import JUDGES, obeys

STRIDE: Final = 4  # feature frames per latent frame: windows are whole latent frames
LONGEST_WINDOW: Final = 120  # frames: six seconds
# Postures that a motion can begin or end in; standing: upright, feet together, arms down.
POSTURES: Final = ("standing", "seated", "on_floor", "kneeling", "lying")


@dataclass(frozen=True)
class Window:
    """One stretch of motion that shows one action."""

    action: str
    features: Features
    """(T, 263), T a multiple of 4."""
    clip: str
    side: str = ""
    """left or right, where the action has one."""
    style: str = ""
    """A word that the caption may use: happy, old, graceful, ..."""
    count: int = 0
    """How often the action is done; 0 where it cannot be counted."""
    speed: str = ""
    """slow or fast, where it is done unlike its usual pace."""
    begins: str = "standing"
    """The posture at the first frame: one of POSTURES."""
    ends: str = "standing"
    """The posture at the last frame: one of POSTURES."""


def whole_rows(joints: Array) -> Features:
    """Feature rows of a whole motion (T, 22, 3), a multiple of 4.

    Where some are missing, the body stands in its last pose for up to three frames more.
    """
    more = -(len(joints) - 1) % STRIDE
    points = np.concatenate([joints, np.repeat(joints[-1:], more, axis=0)])
    return to_features(points.astype(np.float32))


def _passes(window: Window) -> bool:
    return window.action not in JUDGES or obeys(
        window.action, recover(window.features.astype(np.float64))
    )


def passing_windows(candidates: Iterable[Window]) -> Iterator[Window]:
    """Those that are long enough and pass their judge."""
    return (w for w in candidates if len(w.features) >= 24 and _passes(w))
