"""Joint positions to what avatars want: rotations relative to the T-pose, as quaternions that never flip their sign."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..motion.rotations import RestPose, global_rotations, local_rotations
from ..motion.skeleton import N_JOINTS, PARENTS

Array = NDArray[np.floating]
_TINY: Final = 1e-6
IDENTITY: Final = np.array([0.0, 0.0, 0.0, 1.0])


class RigRun:
    """One motion's rotations, in pieces of any size. The rest pose is a mean body's: a stream has no whole to fit to."""

    def __init__(self) -> None:
        self._rest = RestPose.standard()
        self._last = np.broadcast_to(IDENTITY, (N_JOINTS, 4))

    def push(self, joints: Array) -> NDArray[np.float64]:
        """Positions (n, 22, 3) to unit quaternions xyzw (n, 22, 4), each relative to its parent's; the root's to the world.

        Right-handed, Y up; in T-pose facing +Z all are (0, 0, 0, 1).
        """
        if not len(joints):
            return np.zeros((0, N_JOINTS, 4))
        quaternions = from_matrices(local_rotations(global_rotations(joints, self._rest)))
        for index, frame in enumerate(quaternions):
            frame[np.sum(frame * self._last, axis=-1) < 0.0] *= -1.0
            self._last = quaternions[index]
        return quaternions


def rest_offsets() -> NDArray[np.float64]:
    """Offsets (22, 3) in metres of each joint from its parent in T-pose; the root's is its height over the lowest joint."""
    offsets = RestPose.standard().offsets.copy()
    height = np.zeros(N_JOINTS)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        height[joint] = height[parent] + offsets[joint, 1]
    offsets[0, 1] = -height.min()
    return offsets


def from_matrices(matrices: Array) -> NDArray[np.float64]:
    """Rotation matrices (..., 3, 3) to unit quaternions xyzw (..., 4).

    From the largest of the four components, which keeps the division safe (Shepperd, 1978).
    """
    m = np.asarray(matrices, np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack(
        [1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz, 1 + xx + yy + zz], axis=-1
    )
    xy, xz, yz = (
        m[..., 0, 1] + m[..., 1, 0],
        m[..., 0, 2] + m[..., 2, 0],
        m[..., 1, 2] + m[..., 2, 1],
    )
    x, y, z = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    rows = np.stack(
        [
            np.stack([squares[..., 0], xy, xz, x], axis=-1),
            np.stack([xy, squares[..., 1], yz, y], axis=-1),
            np.stack([xz, yz, squares[..., 2], z], axis=-1),
            np.stack([x, y, z, squares[..., 3]], axis=-1),
        ],
        axis=-2,
    )
    largest = squares.argmax(axis=-1)[..., None, None]
    row = np.take_along_axis(rows, np.broadcast_to(largest, (*largest.shape[:-1], 4)), axis=-2)[
        ..., 0, :
    ]
    return np.asarray(row / np.linalg.norm(row, axis=-1, keepdims=True))


def slerp(a: Array, b: Array, t: float) -> NDArray[np.float64]:
    """From quaternions a to b (..., 4) of like sign along the shortest arc, at constant speed (Shoemake, 1985)."""
    cos = np.clip(np.sum(a * b, axis=-1, keepdims=True), -1.0, 1.0)
    angle = np.arccos(cos)
    sin = np.sin(angle)
    near = sin < _TINY
    safe = np.where(near, 1.0, sin)
    first = np.where(near, 1.0 - t, np.sin((1.0 - t) * angle) / safe)
    second = np.where(near, t, np.sin(t * angle) / safe)
    out = first * a + second * b
    return np.asarray(out / np.linalg.norm(out, axis=-1, keepdims=True))
