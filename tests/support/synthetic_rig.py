"""Rigid motion by formula, and quaternions as matrices, for tests of rotations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.rotations import RestPose, forward_kinematics
from kinetoken.motion.skeleton import N_JOINTS


def matrices(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quaternions xyzw (..., 4) to rotation matrices, by the textbook formula."""
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def rigid(frames: int) -> NDArray[np.float64]:
    """Motion (frames, 22, 3) of the mean body, turned at random and more from frame to frame."""
    random = np.random.default_rng(3)
    axes = random.normal(size=(N_JOINTS, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    half = np.linspace(0.0, 0.9, frames)[:, None, None]
    quaternions = np.concatenate(
        [np.sin(half) * axes, np.broadcast_to(np.cos(half), (frames, N_JOINTS, 1))], axis=-1
    )
    roots = np.linspace([0.0, 0.9, 0.0], [1.0, 1.1, 2.0], frames)
    return forward_kinematics(roots, matrices(quaternions), RestPose.standard())
