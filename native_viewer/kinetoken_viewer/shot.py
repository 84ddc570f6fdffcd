"""What a renderer is asked for: one camera, some bodies, a size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .camera import Camera

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """One picture of bodies on the floor."""

    camera: Camera
    parts: NDArray[np.float32]
    """(n, 11) round cones of all bodies, see bones.parts."""
    spotlight: float = 1.0
    """Radius of the visible floor, times theme.FLOOR_FAR: larger for several bodies."""


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
