"""One picture to draw: a camera, bodies, and marks on the floor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .pixels import Pixels

MARK_COLUMNS: Final = 10
GHOST_STRENGTH: Final = 0.25  # opacity of a ghost; bodies cover ghosts


def no_cones() -> NDArray[np.float32]:
    """No round cones, (0, 11)."""
    return np.zeros((0, 11), np.float32)


def no_marks() -> NDArray[np.float32]:
    """No marks on the floor, (0, 10)."""
    return np.zeros((0, MARK_COLUMNS), np.float32)


@dataclass(frozen=True)
class Shot:
    """Bodies on the floor, and what is drawn around them."""

    camera: Camera
    bodies: NDArray[np.float32]
    """(n, 11) round cones of all bodies, see body_shape.body_cones."""
    spotlight: float = 1.0
    """Radius of the visible floor, times theme.FLOOR_FAR: larger for several bodies."""
    ghosts: NDArray[np.float32] = field(default_factory=no_cones)
    """(m, 11) round cones of transparent bodies, which cast no shadow."""
    marks: NDArray[np.float32] = field(default_factory=no_marks)
    """(k, 10) flat strokes on the floor: x and z of both ends, half the width (metres), linear
    colour (3), strength of the inside and of the rim (0 to 1)."""


class Renderer(Protocol):
    """Anything that draws shots."""

    name: str
    """Name of what draws, for messages."""

    def render(self, shot: Shot) -> Pixels:
        """(height, width, 3) sRGB, row 0 at the top."""
        ...

    def close(self) -> None:
        """Frees what the renderer holds."""
        ...
