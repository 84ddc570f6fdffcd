"""More motion out of little, honestly: mirrors, time warps, looped cycles, bent paths.

The model card names each of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.features import ROOT_HEIGHT, encode
from kinetoken.motion.recover import recover
from kinetoken.motion.resample import resample

from .clips import Joints, mirrored
from .retarget import impose_bone_lengths

Features = NDArray[np.float32]

# m: worst mean joint distance at which the end of a cycle is joined to its beginning
_LOOP_GAP: Final = 0.06


def to_features(joints: Joints) -> Features:
    """Features (T - 1, 263) of a clip.

    The format turns the first frame to +Z by its own facing and the others by a smoothed one, so a
    clip that turns would jump after its first frame. A first frame put before and dropped again
    makes all of them alike.
    """
    return encode(np.concatenate([joints[:1], joints]).astype(np.float64))[1:].astype(np.float32)


def warped(joints: Joints, ratio: float) -> Joints:
    """The same motion in `ratio` times the frames."""
    return impose_bone_lengths(resample(joints.astype(np.float64), ratio)).astype(np.float32)


def variants(joints: Joints, ratios: tuple[float, ...]) -> list[Joints]:
    """A clip and its mirror image, each at every time ratio."""
    return [
        warped(side, r) if r != 1.0 else side for side in (joints, mirrored(joints)) for r in ratios
    ]


def find_cycle(
    features: Features, shortest: int, longest: int, first: int = 0
) -> tuple[int, int, float]:
    """Find the cycle of `shortest`..`longest` rows that closes best: start, end, gap (m)."""
    pose = np.concatenate([features[:, ROOT_HEIGHT], features[:, 4:67]], axis=1).reshape(
        len(features), -1
    )
    speed = features[:, 193:259]
    best = (0, 0, np.inf)
    for length in range(shortest, min(longest, len(features) - 2 - first) + 1):
        apart = pose[first + length : -1] - pose[first : -length - 1]
        moving = speed[first + length : -1] - speed[first : -length - 1]
        gaps = np.linalg.norm(apart.reshape(len(apart), -1), axis=1) / np.sqrt(22)
        gaps = gaps + np.linalg.norm(moving.reshape(len(moving), -1), axis=1) / np.sqrt(22)
        at = int(gaps.argmin())
        if gaps[at] < best[2]:
            best = (first + at, first + at + length, float(gaps[at]))
    return best


def looped(features: Features, start: int, end: int, rows: int) -> Features:
    """Repeat rows start..end to `rows` rows, the seam blended over a quarter of the cycle."""
    one = features[start:end].copy()
    length = len(one)
    fade = max(2, length // 4)
    # The rows that led into the cycle's start stand in for its end, more and more: the seam then
    # closes by itself.
    lead = features[max(0, start - fade) : start]
    if len(lead):
        weight = np.linspace(0.0, 1.0, len(lead) + 1, dtype=np.float32)[1:, None]
        one[-len(lead) :] = one[-len(lead) :] * (1 - weight) + lead * weight
    return np.concatenate([one] * (rows // length + 1))[:rows]


def bent(features: Features, turn: float) -> Features:
    """A straight motion bent into a curve of `turn` degrees per second; positive turns LEFT.

    Column 0 holds half the yaw step and its positive sign turns right, hence the minus.
    """
    out = features.copy()
    step = np.radians(turn) / 20.0
    out[:, 0] -= step / 2
    return _with_velocities(out)


def _with_velocities(features: Features) -> Features:
    """Joint velocities computed anew from the path, so that both agree."""
    joints = recover(features.astype(np.float64))
    yaw = -2.0 * np.concatenate([[0.0], np.cumsum(features[:-1, 0])])
    steps = np.diff(joints, axis=0)
    steps = np.concatenate([steps, steps[-1:]])
    c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    out = features.copy()
    local = np.stack(
        [
            c * steps[..., 0] - s * steps[..., 2],
            steps[..., 1],
            s * steps[..., 0] + c * steps[..., 2],
        ],
        axis=-1,
    )
    out[:, 193:259] = local.reshape(len(features), -1)
    return out
