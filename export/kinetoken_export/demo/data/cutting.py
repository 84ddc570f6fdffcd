"""Windows, and the tools that cut them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.recover import recover
from kinetoken.motion.skeleton import Array

from .augment import Features, find_cycle, looped, to_features
from .clips import Joints
from .judges import JUDGES, obeys

STRIDE: Final = 4  # feature frames per latent frame: windows are whole latent frames
LONGEST_WINDOW: Final = 120  # frames: six seconds
# Postures that a motion can begin or end in; standing: upright, feet together, arms down.
POSTURES: Final = ("standing", "seated", "on_floor", "kneeling", "lying")
_LOOP_GAP: Final = 0.15  # m and m/frame together: a seam above it is seen


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
    """A word that the caption may use: salsa, ballet, slowly, ..."""
    count: int = 0
    """How often the action is done; 0 where it cannot be counted."""
    speed: str = ""
    """slow or fast, where it is done unlike its usual pace."""
    begins: str = "standing"
    """The posture at the first frame: one of POSTURES."""
    ends: str = "standing"
    """The posture at the last frame: one of POSTURES."""


def cut_rows(rows: Features, start: int, length: int) -> Features:
    """Rows start.. of about `length`, inside the clip, a multiple of 4."""
    length = min(length, LONGEST_WINDOW, len(rows)) // STRIDE * STRIDE
    start = max(0, min(start, len(rows) - length))
    return rows[start : start + length].copy()


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


def loop_rows(joints: Joints, shortest: int, longest: int, rows: int) -> Features | None:
    """`rows` feature rows of the best cycle of a clip; None where it closes badly."""
    features = to_features(joints)
    start, end, gap = find_cycle(features, shortest, longest, first=2)
    return looped(features, start, end, rows) if gap < _LOOP_GAP and end > start else None


def peak_frames(values: NDArray[np.floating], above: float, apart: int) -> list[int]:
    """Indices of the highest values above a bound, at least `apart` from each other."""
    out: list[int] = []
    for at in np.argsort(-values):
        if values[at] < above:
            break
        if all(abs(int(at) - other) >= apart for other in out):
            out.append(int(at))
    return sorted(out)
