"""Motion between its frames, and at another frame rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .clip import Clip
from .skeleton import Array64


def resample(joints: Array64, ratio: float) -> Array64:
    """Motion (T, J, 3) with `ratio` new frames per old one, linear between frames."""
    count = max(2, int((len(joints) - 1) * ratio) + 1)
    at = np.minimum(np.arange(count) / ratio, len(joints) - 1)
    low = np.minimum(at.astype(int), len(joints) - 2)
    part = (at - low)[:, None, None]
    return np.asarray(joints[low] * (1 - part) + joints[low + 1] * part)


def at_rate(clip: Clip, fps: float) -> Clip:
    """The same motion at another frame rate.

    Features and codes, which have one of their own, are left out.
    """
    if fps == clip.fps:
        return clip
    joints = clip.joints.astype(np.float64)
    if len(joints) > 1:
        joints = resample(joints, fps / clip.fps)
    return replace(clip, joints=joints.astype(np.float32), fps=fps, features=None, codes=None)


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
