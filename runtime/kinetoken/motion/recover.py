"""Feature rows to joint positions, frame by frame; batches and single rows give the same sums.

Source of the formula: recover_from_ric of HumanML3D; the yaw is the running sum of half angles.
"""

from __future__ import annotations

import numpy as np

from .features import N_FEATURES, POSITIONS
from .skeleton import N_JOINTS, Array, Array64


class RecoveryRun:
    """The root path of one motion. Each `push` continues where the last one ended."""

    def __init__(self) -> None:
        self._yaw = 0.0  # half the heading, radians
        self._root = np.zeros(2)  # world X, Z in metres
        # yaw and root velocity of the last row: they move the NEXT frame
        self._pending = np.zeros(3)

    def push(self, features: Array) -> Array64:
        """Features (n, 263) to world joint positions (n, 22, 3) in metres."""
        if features.ndim != 2 or features.shape[1] != N_FEATURES:
            raise ValueError(f"expected features (n, {N_FEATURES}), got {features.shape}")
        rows = np.asarray(features, dtype=np.float64)
        if not len(rows):
            return np.zeros((0, N_JOINTS, 3))
        moves = np.concatenate([self._pending[None], rows[:-1, :3]])
        yaw = self._yaw + np.cumsum(moves[:, 0])
        cos, sin = np.cos(2.0 * yaw), np.sin(2.0 * yaw)
        steps = np.stack(
            [cos * moves[:, 1] - sin * moves[:, 2], sin * moves[:, 1] + cos * moves[:, 2]], axis=1
        )
        root = self._root + np.cumsum(steps, axis=0)
        local = rows[:, POSITIONS].reshape(len(rows), N_JOINTS - 1, 3)
        joints = np.empty((len(rows), N_JOINTS, 3))
        joints[:, 0] = np.stack([root[:, 0], rows[:, 3], root[:, 1]], axis=1)
        c, s = cos[:, None], sin[:, None]
        joints[:, 1:, 0] = c * local[..., 0] - s * local[..., 2] + root[:, :1]
        joints[:, 1:, 1] = local[..., 1]
        joints[:, 1:, 2] = s * local[..., 0] + c * local[..., 2] + root[:, 1:]
        self._yaw, self._root, self._pending = float(yaw[-1]), root[-1].copy(), rows[-1, :3].copy()
        return joints


def recover(features: Array) -> Array64:
    """Features (T, 263) of a whole motion to joint positions (T, 22, 3) in metres."""
    return RecoveryRun().push(features)
