"""Standing: the pose between motions, swaying as bodies do in quiet stretches of real capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from kinetoken.motion.idle import standing_pose
from kinetoken.motion.skeleton import JOINT, Array64

from ..clips import Joints
from ..retarget import impose_bone_lengths

# Clip, first frame, frames: arms down, feet together, nothing faster than 0.4 m/s.
_STRETCHES: Final = (
    ("cmu_60_02", 24, 24), ("cmu_60_04", 0, 24), ("cmu_60_11", 0, 24), ("cmu_60_12", 512, 24),
    ("cmu_60_14", 0, 18), ("cmu_60_15", 0, 24), ("cmu_61_01", 12, 40), ("cmu_61_02", 8, 24),
    ("cmu_61_03", 12, 24), ("cmu_61_04", 0, 40), ("cmu_61_10", 0, 40), ("cmu_61_12", 524, 18),
    ("cmu_61_13", 0, 40), ("cmu_61_14", 0, 24), ("cmu_61_15", 8, 24), ("cmu_10_02", 0, 24),
    ("cs_test_jumping_1", 0, 18), ("cmu_14_33", 0, 18),
)  # fmt: skip
_STILL: Final = 3  # frames at either end without sway
_FADE: Final = 10.0  # frames in which the sway sets in
_SMOOTHING: Final = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0

_MOST_SWAY: Final = 0.025  # metres from the middle: arms that still swing are calmed


@dataclass(frozen=True)
class StandingClip:
    """The sway of a body that stands still, from one clip."""

    name: str
    sway: Array64
    """(T, 22, 3): where the joints are from their middle, metres, facing +Z on the whole."""

    def frames(self, count: int, first: int) -> Array64:
        """`count` frames of standing: at both ends the pose between motions, the sway between.

        The sway begins at frame `first` of the stretch and is run forward and back without end.
        """
        there_and_back = np.concatenate([self.sway, self.sway[-2:0:-1]])
        at = np.arange(first, first + count + 4) % len(there_and_back)
        calm = sum(w * there_and_back[at][i : i + count] for i, w in enumerate(_SMOOTHING))
        from_end = np.minimum(np.arange(count), np.arange(count)[::-1]) - _STILL
        share = np.clip(from_end / _FADE, 0.0, 1.0)[:, None, None]
        return impose_bone_lengths(standing_pose() + share**2 * (3.0 - 2.0 * share) * calm)


def standing_clips(pool: dict[str, Joints]) -> list[StandingClip]:
    """The standing stretches of the clips in `pool`."""
    return [
        StandingClip(name, _sway(pool[name][first : first + count].astype(np.float64)))
        for name, first, count in _STRETCHES
        if name in pool
    ]


def _sway(joints: Array64) -> Array64:
    """How a stretch moves about its middle, turned so that it faces +Z on the whole."""
    left, right = (
        joints[:, [JOINT[f"{s}_hip"], JOINT[f"{s}_shoulder"]]] for s in ("left", "right")
    )
    x, _, z = (left - right).mean(axis=(0, 1))
    angle = np.arctan2(z, x)  # brings left to +X
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    sway = (joints - joints.mean(axis=0)) @ turn
    return np.asarray(sway * min(1.0, _MOST_SWAY / float(np.linalg.norm(sway, axis=-1).max())))
