"""A body that stands, shown until the first frame has come."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import BONE_LENGTHS, JOINT_NAMES, PARENTS

from .playhead import Track


def upright_pose() -> NDArray[np.float64]:
    """A pose (22, 3) at rest at the origin, facing +Z."""
    out = np.zeros((len(JOINT_NAMES), 3))
    out[0] = (0.0, 0.94, 0.0)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        direction = np.array(_direction(JOINT_NAMES[joint]))
        out[joint] = out[parent] + BONE_LENGTHS[joint] * direction / np.linalg.norm(direction)
    out[:, 1] -= out[:, 1].min()
    return out


def _direction(name: str) -> tuple[float, float, float]:
    """The direction of the bone that ends in this joint."""
    side = 1.0 if name.startswith("left") else -1.0
    directions = {
        "hip": (0.72 * side, -1.0, 0.0),
        "knee": (0.06 * side, -1.0, 0.02),
        "ankle": (0.0, -1.0, -0.06),
        "foot": (0.15 * side, -0.42, 1.0),
        "collar": (0.75 * side, 1.0, -0.1),
        "shoulder": (1.0 * side, 0.25, 0.0),
        "elbow": (0.22 * side, -1.0, -0.05),
        "wrist": (0.12 * side, -1.0, 0.22),
        "neck": (0.0, 1.0, -0.06),
        "head": (0.0, 1.0, 0.3),
    }
    return directions.get(name.split("_")[-1], (0.0, 1.0, 0.0))


STANDING: Final = Track(upright_pose()[None])
"""A track of this pose alone."""
