"""The twist of thighs and upper arms, with which knees and elbows bend as hinges.

Positions alone do not tell the twist of a limb about its own axis. A bent limb shows it: the lower
bone of a hinge keeps a constant component along the hinge's axis (its carrying angle), which fixes
the twist. As the limb straightens, this answer fades out and the smallest swing remains; on a
straight limb any twist looks the same.

Formula: with e the unit part of the lower bone across the upper bone u, and s the sine of the bend,
the axis is cos a (u x e) + sin a e, where s sin a = carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .skeleton import JOINT, Array, Array64

_BENT: Final = (0.15, 0.5)
"""Sine of the bend: below the first the plane is noise, above the second it is trusted."""
_TINY: Final = 1e-9


@dataclass(frozen=True)
class Hinge:
    """A limb of two bones and the joint in its middle, in the T-pose."""

    top: int
    middle: int
    end: int
    axis: tuple[float, float, float]
    """Unit axis about which the middle joint bends; across the upper bone."""
    carry: float
    """Cosine between the axis and the lower bone, the same at every bend."""
    reach: tuple[float, float]
    """Degrees up to which a twist is trusted, and beyond which it is not.

    Motion capture stays below the first in 99 of 100 frames.
    """


def _limb(
    side: str,
    names: tuple[str, str, str],
    axis: tuple[float, float, float],
    carry: float,
    reach: tuple[float, float],
) -> Hinge:
    top, middle, end = (JOINT[f"{side}_{name}"] for name in names)
    return Hinge(top, middle, end, axis, carry, reach)


_LEG: Final = ("hip", "knee", "ankle")
_ARM: Final = ("shoulder", "elbow", "wrist")
_LEG_REACH: Final = (50.0, 110.0)
_ARM_REACH: Final = (110.0, 175.0)
# Axes: below a thigh that points down the shank bends back, beyond an upper arm that points
# sideways the forearm bends forward.
# Carrying angles: those of the mean body of SMPL in its rest pose.
HINGES: Final = (
    _limb("left", _LEG, (1.0, 0.0, 0.0), -0.125, _LEG_REACH),
    _limb("right", _LEG, (1.0, 0.0, 0.0), 0.125, _LEG_REACH),
    _limb("left", _ARM, (0.0, -1.0, 0.0), -0.085, _ARM_REACH),
    _limb("right", _ARM, (0.0, 1.0, 0.0), -0.085, _ARM_REACH),
)


def twist(hinge: Hinge, upper: Array, lower: Array, swung: Array) -> Array64:
    """Twist `swung`, the orientations (T, 3, 3) of a limb's top joint, about the upper bone.

    `upper` and `lower` (T, 3) are unit directions of the two bones. Every frame is computed alone,
    and similar frames give similar results: where no body could twist so far, trust has faded to 0.
    """
    aside = lower - np.sum(lower * upper, axis=-1, keepdims=True) * upper
    bend = np.linalg.norm(aside, axis=-1)
    aside = aside / np.maximum(bend, _TINY)[:, None]
    tilt = np.arcsin(np.clip(hinge.carry / np.maximum(bend, _TINY), -1.0, 1.0))[:, None]
    wanted = np.cos(tilt) * np.cross(upper, aside) + np.sin(tilt) * aside
    axis = swung @ np.array(hinge.axis)
    angle = np.arctan2(
        np.sum(upper * np.cross(axis, wanted), axis=-1), np.sum(axis * wanted, axis=-1)
    )
    trust = _smoothstep(_BENT, bend) * (1.0 - _smoothstep(np.radians(hinge.reach), np.abs(angle)))
    return rotations_about(upper, trust * angle) @ swung


def rotations_about(axis: Array, angle: Array) -> Array64:
    """Rotations (T, 3, 3) about unit axes (T, 3) by angles (T,) in radians (Rodrigues)."""
    x, y, z = axis[:, 0], axis[:, 1], axis[:, 2]
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    sin, cos = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    out: Array64 = np.eye(3) + sin * cross + (1.0 - cos) * (cross @ cross)
    return out


def _smoothstep(ends: tuple[float, float] | Array, value: Array) -> Array64:
    part = np.clip((value - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0)
    out: Array64 = part * part * (3.0 - 2.0 * part)
    return out
