"""Rotation matrices to unit quaternions (x, y, z, w) that never change sign between frames."""

from __future__ import annotations

from typing import Final

import numpy as np

from .skeleton import Array, Array64

IDENTITY: Final = np.array([0.0, 0.0, 0.0, 1.0])
_TINY: Final = 1e-6


class QuaternionRun:
    """Keeps each frame's quaternions on the side of the last: interpolation takes the short way."""

    def __init__(self) -> None:
        self._last: Array64 | None = None

    def push(self, rotations: Array) -> Array64:
        """(T, J, 3, 3) to (T, J, 4), x y z w."""
        out = from_matrices(rotations)
        for frame in range(len(out)):
            last = IDENTITY if self._last is None else self._last
            out[frame] *= np.where(
                np.sum(out[frame] * last, axis=-1, keepdims=True) < 0.0, -1.0, 1.0
            )
            self._last = out[frame]
        return out


def from_matrices(rotations: Array) -> Array64:
    """Matrices (..., 3, 3) to unit quaternions (..., 4), x y z w.

    The largest component is positive.

    Each row of the symmetric matrix 4 q q^T is q times one of its components; the row of the
    largest loses no digits (Shepperd 1978).
    """
    r = np.asarray(rotations, np.float64)
    x, y, z = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    a, b, c = r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]
    d, e, f = r[..., 0, 1] + r[..., 1, 0], r[..., 0, 2] + r[..., 2, 0], r[..., 1, 2] + r[..., 2, 1]
    square = np.stack(
        [
            1 + x - y - z,
            d,
            e,
            a,
            d,
            1 - x + y - z,
            f,
            b,
            e,
            f,
            1 - x - y + z,
            c,
            a,
            b,
            c,
            1 + x + y + z,
        ],
        axis=-1,
    ).reshape(*r.shape[:-2], 4, 4)
    largest = np.argmax(np.diagonal(square, axis1=-2, axis2=-1), axis=-1)
    row = np.take_along_axis(square, largest[..., None, None], axis=-2)[..., 0, :]
    return np.asarray(row / np.linalg.norm(row, axis=-1, keepdims=True))


def slerp(a: Array, b: Array, t: float | Array) -> Array64:
    """Quaternions (..., 4) a share t of the arc from a to b of like sign (Shoemake 1985)."""
    cos = np.clip(np.sum(a * b, axis=-1, keepdims=True), -1.0, 1.0)
    angle = np.arccos(cos)
    sin = np.sin(angle)
    near = sin < _TINY
    safe = np.where(near, 1.0, sin)
    first = np.where(near, 1.0 - t, np.sin((1.0 - t) * angle) / safe)
    second = np.where(near, t, np.sin(t * angle) / safe)
    out = first * a + second * b
    return np.asarray(out / np.linalg.norm(out, axis=-1, keepdims=True))


def to_matrices(quaternions: Array) -> Array64:
    """Unit quaternions (..., 4), x y z w, to matrices (..., 3, 3)."""
    x, y, z, w = np.moveaxis(np.asarray(quaternions, np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
