"""Motion between its frames, and at another frame rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .clip import Clip
from .skeleton import Array64


def resample(joints: Array64, ratio: float) -> Array64:
    """Motion (T, J, 3) with `ratio` new frames per old one, linear between frames."""
    low, part = _places(len(joints), ratio)
    return np.asarray(joints[low] * (1 - part) + joints[low + 1] * part)


def _on_spline(joints: Array64, ratio: float) -> Array64:
    """Motion (T, J, 3) with `ratio` new frames per old one, without a kink at the old ones."""
    low, part = _places(len(joints), ratio)
    before, behind = 2.0 * joints[:1] - joints[1:2], 2.0 * joints[-1:] - joints[-2:-1]
    longer = np.concatenate([before, joints, behind])
    p0, p1, p2, p3 = (longer[low + step] for step in range(4))
    return catmull_rom(p0, p1, p2, p3, part)


def _places(frames: int, ratio: float) -> tuple[NDArray[np.int64], Array64]:
    """The frame (n,) before each new one, and the part (n, 1, 1) of the way to the next."""
    count = max(2, int((frames - 1) * ratio) + 1)
    at = np.minimum(np.arange(count) / ratio, frames - 1)
    low = np.minimum(at.astype(np.int64), frames - 2)
    return low, (at - low)[:, None, None]


def at_rate(clip: Clip, fps: float) -> Clip:
    """The same motion at another frame rate: on a spline through its frames.

    Features and codes, which have a rate of their own, are left out.
    """
    if fps == clip.fps:
        return clip
    joints = clip.joints.astype(np.float64)
    if len(joints) > 1:
        joints = _on_spline(joints, fps / clip.fps)
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
