"""Directions of bones as two coordinates around a middle direction, and rotations by angles.

Between two directions a straight line in these coordinates is a sweep past the middle: an arm goes
from hanging to raised in front of the body, never through it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from kinetoken.motion.skeleton import Array64

_TINY: Final = 1e-9


def unit(vectors: Array64) -> Array64:
    """Vectors (..., 3) scaled to length one."""
    scaled: Array64 = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _TINY)
    return scaled


def _basis(middle: Array64) -> tuple[Array64, Array64, Array64]:
    middle = unit(middle)
    across = unit(np.array([middle[2], 0.0, -middle[0]]))
    return middle, across, np.cross(middle, across)


def to_plane(directions: Array64, middle: Array64) -> Array64:
    """Coordinates (..., 2), radians, of directions (..., 3) around `middle`."""
    centre, across, above = _basis(middle)
    aimed = unit(directions)
    x, y = aimed @ across, aimed @ above
    sine = np.hypot(x, y)
    angle = np.arctan2(sine, aimed @ centre)
    ratio = np.where(sine > _TINY, angle / np.maximum(sine, _TINY), 1.0)
    return np.stack([x * ratio, y * ratio], axis=-1)


def from_plane(coordinates: Array64, middle: Array64) -> Array64:
    """Unit directions (..., 3) of coordinates (..., 2): the inverse of to_plane."""
    centre, across, above = _basis(middle)
    angle = np.linalg.norm(coordinates, axis=-1, keepdims=True)
    ratio = np.sinc(angle / np.pi)  # sin(angle) / angle
    directions: Array64 = np.cos(angle) * centre + ratio * (
        coordinates[..., :1] * across + coordinates[..., 1:] * above
    )
    return directions


def rotation_of(angles: Array64) -> Array64:
    """Rotations (..., 3, 3) of angles (..., 3) in radians: bend forward, lean left, turn left."""
    pitch, roll, yaw = angles[..., 0], -angles[..., 1], angles[..., 2]
    rotations: Array64 = _about(yaw, 1) @ _about(roll, 2) @ _about(pitch, 0)
    return rotations


def _about(angle: Array64, axis: int) -> Array64:
    c, s = np.cos(angle), np.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((*np.shape(angle), 3, 3))
    out[..., axis, axis] = 1.0
    out[..., i, i], out[..., j, j] = c, c
    out[..., i, j], out[..., j, i] = -s, s
    return out


def rotate(rotations: Array64, vectors: Array64) -> Array64:
    """Vectors (..., 3) turned by rotations (..., 3, 3)."""
    return np.asarray(np.einsum("...ij,...j->...i", rotations, vectors))


def bend_limb(
    root: Array64, target: Array64, pole: Array64, lengths: tuple[float, float]
) -> tuple[Array64, Array64]:
    """Directions (..., 3) of the two bones that reach from `root` to `target`, bent toward `pole`.

    A target out of reach is reached for: the limb is then all but straight.
    """
    upper, lower = lengths
    line = target - root
    distance = np.linalg.norm(line, axis=-1, keepdims=True)
    reach = np.clip(distance, abs(upper - lower) + 0.02, (upper + lower) * 0.998)
    along = line / np.maximum(distance, _TINY)
    side = unit(pole - np.sum(pole * along, axis=-1, keepdims=True) * along)
    cosine = (upper**2 + reach**2 - lower**2) / (2 * upper * reach)
    first = along * cosine + side * np.sqrt(np.maximum(1 - cosine**2, 0.0))
    return first, unit(along * reach - first * upper)
