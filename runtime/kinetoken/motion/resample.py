"""Motion at another frame rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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
