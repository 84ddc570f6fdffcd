"""What a renderer is asked for: one camera, some bodies, a size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from .camera import Camera

Pixels = NDArray[np.uint8]

MARK_COLUMNS: Final = 10
GHOST_STRENGTH: Final = 0.25  # how much of a ghost covers what is behind it; bodies cover ghosts


def no_parts() -> NDArray[np.float32]:
    """No round cones, (0, 11)."""
    return np.zeros((0, 11), np.float32)


def no_marks() -> NDArray[np.float32]:
    """No marks on the floor, (0, 10)."""
    return np.zeros((0, MARK_COLUMNS), np.float32)


@dataclass(frozen=True)
class Shot:
    """One picture of bodies on the floor, with what is drawn around them."""

    camera: Camera
    parts: NDArray[np.float32]
    """(n, 11) round cones of all bodies, see bones.parts."""
    spotlight: float = 1.0
    """Radius of the visible floor, times theme.FLOOR_FAR: larger for several bodies."""
    ghosts: NDArray[np.float32] = field(default_factory=no_parts)
    """(m, 11) round cones of bodies that one can see through; they cast no shadow."""
    marks: NDArray[np.float32] = field(default_factory=no_marks)
    """(k, 10) flat strokes on the floor: x and z of both ends, half the width, linear colour (3), strength of the inside,
    strength of the rim (metres and 0 to 1)."""


class Renderer(Protocol):
    """Makes pixels of a shot."""

    name: str
    """For messages: what draws the picture."""

    def render(self, shot: Shot) -> Pixels:
        """(height, width, 3) sRGB, row 0 at the top."""
        ...

    def close(self) -> None:
        """Gives back what the renderer holds."""
        ...
