"""The twist of thighs and upper arms: what makes knees and elbows bend as hinges.

Positions alone leave the turn of a limb about its own axis open. A bent limb shows it: the lower bone of a hinge keeps a
constant component along the hinge's axis (its carrying angle), which fixes that turn. As the limb straightens the answer
fades out, and the smallest swing remains; on a straight limb any turn looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .skeleton import JOINT

Array = NDArray[np.floating]
Vector = tuple[float, float, float]

BENT: Final = (0.15, 0.5)  # sine of the bend: below the first the plane is noise, above the second it is trusted
_TINY: Final = 1e-9


@dataclass(frozen=True)
class Hinge:
    """A limb of two bones and the joint in its middle, in the T-pose."""

    top: int
    middle: int
    end: int
    axis: Vector
    """Unit axis about which the middle joint bends; across the upper bone."""
    carry: float
    """Cosine between the axis and the lower bone, the same at every bend."""


def _limb(side: str, names: tuple[str, str, str], axis: Vector, carry: float) -> Hinge:
    top, middle, end = (JOINT[f"{side}_{name}"] for name in names)
    return Hinge(top, middle, end, axis, carry)


_LEG: Final = ("hip", "knee", "ankle")
_ARM: Final = ("shoulder", "elbow", "wrist")
# Axes: a thigh that points down bends its shank back, an upper arm that points aside its forearm to the front.
# Carrying angles: those of the mean body of SMPL in its rest pose.
HINGES: Final = (
    _limb("left", _LEG, (1.0, 0.0, 0.0), -0.125),
    _limb("right", _LEG, (1.0, 0.0, 0.0), 0.125),
    _limb("left", _ARM, (0.0, -1.0, 0.0), -0.085),
    _limb("right", _ARM, (0.0, 1.0, 0.0), -0.085),
)


class HingeRun:
    """One limb in time: the twist goes on from frame to frame, past half a turn too."""

    def __init__(self, hinge: Hinge) -> None:
        self._hinge = hinge
        self._last = 0.0

    def push(self, points: Array, swung: Array) -> NDArray[np.float64]:
        """Joints (T, 22, 3) and the swung orientation (T, 3, 3) of the top joint to that orientation with its twist."""
        hinge = self._hinge
        upper = _unit(points[:, hinge.middle] - points[:, hinge.top])
        lower = _unit(points[:, hinge.end] - points[:, hinge.middle])
        aside = lower - np.sum(lower * upper, axis=-1, keepdims=True) * upper
        bend = np.linalg.norm(aside, axis=-1)
        aside = _unit(aside)
        tilt = np.arcsin(np.clip(hinge.carry / np.maximum(bend, _TINY), -1.0, 1.0))[:, None]
        wanted = np.cos(tilt) * np.cross(upper, aside) + np.sin(tilt) * aside
        axis = swung @ np.array(hinge.axis)
        angle = np.arctan2(np.sum(upper * np.cross(axis, wanted), axis=-1), np.sum(axis * wanted, axis=-1))
        trust = _smoothstep(*BENT, bend)
        return turns(upper, trust * self._unwrapped(angle, trust)) @ swung

    def _unwrapped(self, angle: Array, trust: Array) -> NDArray[np.float64]:
        """Angles (T,) that go on from the frame before; a straight limb starts anew."""
        out = np.array(angle, np.float64)
        for frame in range(len(out)):
            if trust[frame] == 0.0:
                self._last = 0.0
                continue
            out[frame] -= 2.0 * np.pi * round((out[frame] - self._last) / (2.0 * np.pi))
            self._last = float(out[frame])
        return out


def turns(axis: Array, angle: Array) -> NDArray[np.float64]:
    """Rotations (T, 3, 3) about unit axes (T, 3) by angles (T,) in radians (Rodrigues)."""
    x, y, z = axis[:, 0], axis[:, 1], axis[:, 2]
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    sin, cos = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    out: NDArray[np.float64] = np.eye(3) + sin * cross + (1.0 - cos) * (cross @ cross)
    return out


def _smoothstep(low: float, high: float, value: Array) -> NDArray[np.float64]:
    part = np.clip((value - low) / (high - low), 0.0, 1.0)
    out: NDArray[np.float64] = part * part * (3.0 - 2.0 * part)
    return out


def _unit(vectors: Array) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, _TINY))
