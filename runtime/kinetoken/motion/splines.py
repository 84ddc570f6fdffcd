"""Interpolation between two frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def catmull_rom(
    p0: NDArray[np.floating],
    p1: NDArray[np.floating],
    p2: NDArray[np.floating],
    p3: NDArray[np.floating],
    t: float | NDArray[np.floating],
) -> NDArray[np.float64]:
    """The spline from p1 (t = 0) to p2 (t = 1) with neighbours p0 and p3 (Catmull, Rom 1974)."""
    tangent1, tangent2 = 0.5 * (p2 - p0), 0.5 * (p3 - p1)
    cubic = 2.0 * (p1 - p2) + tangent1 + tangent2
    square = 3.0 * (p2 - p1) - 2.0 * tangent1 - tangent2
    out: NDArray[np.float64] = ((cubic * t + square) * t + tangent1) * t + p1
    return out
