"""Standing clips: quiet stretches of real capture, endless, facing +Z, feet planted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

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
_SMOOTHING: Final = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0

_MOST_SWAY: Final = 0.025  # metres from the middle: arms that still swing are calmed


@dataclass(frozen=True)
class StandingClip:
    """A quiet stretch of one clip."""

    name: str
    joints: Array64
    """(T, 22, 3), facing +Z on the whole, the middle of the ankles at the origin."""

    def frames(self, count: int, first: int) -> Array64:
        """`count` frames from frame `first` of the stretch run forward and back without end."""
        there_and_back = np.concatenate([self.joints, self.joints[-2:0:-1]])
        at = np.arange(first, first + count + 4) % len(there_and_back)
        still = there_and_back[at].mean(axis=0)
        sway = there_and_back[at] - still
        sway = sway * min(1.0, _MOST_SWAY / float(np.linalg.norm(sway, axis=-1).max()))
        calm = sum(w * sway[i : i + count] for i, w in enumerate(_SMOOTHING))
        return impose_bone_lengths(still + calm)


def standing_clips(pool: dict[str, Joints]) -> list[StandingClip]:
    """The standing stretches of the clips in `pool`."""
    return [
        StandingClip(name, _facing_ahead(pool[name][first : first + count].astype(np.float64)))
        for name, first, count in _STRETCHES
        if name in pool
    ]


def _facing_ahead(joints: Array64) -> Array64:
    """The stretch turned to face +Z on the whole, its feet at the origin on the floor."""
    left, right = (
        joints[:, [JOINT[f"{s}_hip"], JOINT[f"{s}_shoulder"]]] for s in ("left", "right")
    )
    x, _, z = (left - right).mean(axis=(0, 1))
    angle = np.arctan2(z, x)  # brings left to +X
    c, s = np.cos(angle), np.sin(angle)
    turned = joints @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    ankles = turned[:, [JOINT["left_ankle"], JOINT["right_ankle"]]].mean(axis=(0, 1))
    floor = turned[:, [JOINT["left_foot"], JOINT["right_foot"]], 1].min()
    return np.asarray(turned - np.array([ankles[0], floor, ankles[2]]))
