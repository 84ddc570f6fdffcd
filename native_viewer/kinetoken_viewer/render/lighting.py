"""The key light's view of the bodies, from which both renderers make the shadow."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import theme
from .body_shape import FLOOR_Y

_SHADOW_MARGIN: Final = 0.12  # metres around the outline, room for the soft edge


def light_axes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors (3,) across the light's direction: the axes of the shadow's picture."""
    u = np.cross([0.0, 1.0, 0.0], theme.LIGHT_DIRECTION)
    u /= np.linalg.norm(u)
    return u, np.cross(theme.LIGHT_DIRECTION, u)


def shadow_square(parts: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """The square that round cones (n, 11) fill in the light's view: low corner (2,) and side."""
    axes = np.stack(light_axes(), axis=1)
    ends = np.concatenate([parts[:, 0:3], parts[:, 4:7]]) @ axes
    radii = np.concatenate([parts[:, 3], parts[:, 7]])[:, None] + _SHADOW_MARGIN
    low, high = (ends - radii).min(axis=0), (ends + radii).max(axis=0)
    side = float((high - low).max())
    return (low + high - side) / 2.0, side


def shadow_matrix(parts: NDArray[np.float32]) -> NDArray[np.float64]:
    """(4, 4) world to the clip space of the shadow map; nearer to the light is smaller in Z."""
    low, side = shadow_square(parts)
    depths = np.concatenate([parts[:, 0:3], parts[:, 4:7]]) @ theme.LIGHT_DIRECTION
    near, far = float(depths.max()) + 1.0, float(depths.min()) - side - 1.0
    matrix = np.eye(4)
    for row, axis in enumerate(light_axes()):
        matrix[row, :3], matrix[row, 3] = 2.0 * axis / side, -2.0 * low[row] / side - 1.0
    matrix[2, :3], matrix[2, 3] = (
        -2.0 * theme.LIGHT_DIRECTION / (near - far),
        (near + far) / (near - far),
    )
    return matrix


def shadow_patch(parts: NDArray[np.float32]) -> NDArray[np.float64]:
    """(4, 4) from corners (+-1, +-1) of the light's square to the floor where its rays end."""
    low, side = shadow_square(parts)
    middle = low + side / 2.0
    u, v = light_axes()
    matrix = np.zeros((4, 4))
    for column, vector in (
        (0, u * side / 2.0),
        (1, v * side / 2.0),
        (3, u * middle[0] + v * middle[1]),
    ):
        height = vector[1] - (FLOOR_Y if column == 3 else 0.0)
        matrix[:3, column] = vector - theme.LIGHT_DIRECTION * height / theme.LIGHT_DIRECTION[1]
    matrix[3, 3] = 1.0
    return matrix
