"""Simple edits of a clip: a part of it, its mirror image, its motion on the spot.

Features and codes, which belong to the whole motion, are left out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...base.errors import InputError
from ..clip import Clip
from ..skeleton import MIRROR, Array


def edited(clip: Clip, joints: Array, **notes: str) -> Clip:
    """The clip with other joints (T, 22, 3), and what was done as notes."""
    meta = {**clip.meta, **notes}
    joints = np.ascontiguousarray(joints, np.float32)
    return replace(clip, joints=joints, features=None, codes=None, meta=meta)


def trimmed(clip: Clip, begin: float | None, end: float | None) -> Clip:
    """The frames from `begin` up to `end`, seconds; None is the clip's own. InputError."""
    first = round((begin or 0.0) * clip.fps)
    stop = len(clip) if end is None else round(end * clip.fps)
    asked = f"{'' if begin is None else f'{begin:g}'}:{'' if end is None else f'{end:g}'}"
    if 0 <= first == stop < len(clip) and (begin or 0.0) < (end or 0.0):
        raise InputError(
            f"--trim: {asked} is shorter than a frame, which takes {1.0 / clip.fps:g} seconds"
        )
    if not 0 <= first < stop <= len(clip):
        raise InputError(
            f"--trim: expected seconds A:B with A before B within 0 to {clip.seconds:g}, "
            f"got {asked}"
        )
    return edited(clip, clip.joints[first:stop])


def mirror_image(clip: Clip) -> Clip:
    """The mirror image along X: the left side moves as the right one did."""
    return edited(clip, clip.joints[:, list(MIRROR)] * np.array([-1.0, 1.0, 1.0]), mirror="on")


def without_path(clip: Clip) -> Clip:
    """The motion with the pelvis above the origin in every frame; heights stay."""
    return edited(clip, clip.joints - clip.joints[:, :1] * np.array([1.0, 0.0, 1.0]), in_place="on")
