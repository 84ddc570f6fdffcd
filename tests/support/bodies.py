"""Bodies that move by formula, with bones of constant length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.hinges import rotations_about
from kinetoken.motion.rotations import RestPose, forward_kinematics

Array = NDArray[np.float64]


def moving_body(seed: int, frames: int = 30, reach: float = 0.6) -> Array:
    """Joints (T, 22, 3) in metres of a standard body whose joints all swing smoothly while it wanders about."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0.0, frames / 20.0, frames)[:, None]
    angles = reach * np.sin(time * rng.uniform(1.0, 4.0, 22) + rng.uniform(0.0, 6.0, 22))
    axes = rng.normal(size=(22, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    local = np.stack(
        [rotations_about(np.repeat(axes[[j]], frames, axis=0), angles[:, j]) for j in range(22)],
        axis=1,
    )
    root = np.stack([np.sin(time[:, 0]), 0.9 + 0.05 * np.cos(3.0 * time[:, 0]), time[:, 0]], axis=1)
    return forward_kinematics(root, local, RestPose.standard())
