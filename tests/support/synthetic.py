"""A body that walks without any capture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinetoken_export.demo.data.retarget import impose_bone_lengths

STANDING = np.array(
    [
        [0, 0.93, 0], [0.06, 0.84, 0], [-0.06, 0.84, 0], [0, 1.05, -0.02], [0.1, 0.46, 0.02], [-0.1, 0.46, 0.02],
        [0, 1.19, -0.02], [0.1, 0.06, -0.02], [-0.1, 0.06, -0.02], [0, 1.25, 0], [0.12, 0.02, 0.1], [-0.12, 0.02, 0.1],
        [0, 1.46, -0.04], [0.08, 1.36, -0.02], [-0.08, 1.36, -0.02], [0, 1.55, 0.02], [0.19, 1.37, -0.03],
        [-0.19, 1.37, -0.03], [0.24, 1.12, -0.05], [-0.24, 1.12, -0.05], [0.26, 0.88, 0.02], [-0.26, 0.88, 0.02],
    ]
)  # fmt: skip


def walker(
    frames: int, speed: float = 1.2, turn: float = 0.0, seed: int = 0
) -> NDArray[np.float32]:
    """A body (T, 22, 3) that swings its limbs and goes forward at `speed` m/s, turning `turn` degrees a second to the left."""
    t = np.arange(frames) / 20
    phase = np.sin(2 * np.pi * t + seed)
    joints = np.repeat(STANDING[None], frames, axis=0)
    for left, right, reach in (
        (7, 8, 0.28),
        (10, 11, 0.3),
        (4, 5, 0.15),
        (21, 20, 0.2),
        (19, 18, 0.1),
    ):
        joints[:, left, 2] += reach * phase
        joints[:, right, 2] -= reach * phase
    heading = np.radians(turn) * t
    c, s = np.cos(heading)[:, None], np.sin(heading)[:, None]
    x, z = joints[..., 0].copy(), joints[..., 2].copy()
    joints[..., 0], joints[..., 2] = c * x + s * z, c * z - s * x
    path = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], axis=1) * speed / 20, axis=0)
    joints[..., 0] += path[:, :1]
    joints[..., 2] += path[:, 1:]
    return impose_bone_lengths(joints).astype(np.float32)
