"""The scene in a window of any size; a software driver draws a large one smaller, stretched."""

from __future__ import annotations

import math
from typing import Final

from ..shot import Shot
from .glkit import Canvas
from .scene import Scene

_SOFTWARE_PIXELS: Final = 1280 * 720  # of one picture; two cores draw thirty of them a second


class ScreenCanvas:
    """Draws one scene into the window's own framebuffer, without the words."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._canvas: Canvas | None = None
        self.size = (0, 0)
        """Size of a smaller picture that is stretched."""

    def draw(self, shot: Shot, width: int, height: int) -> None:
        """Fills the window's framebuffer of this size, and leaves it bound."""
        share = _drawn_share(width, height) if self._scene.software else 1.0
        if share == 1.0:
            self._scene.draw(shot, 0, width, height)
            return
        size = (round(width * share), round(height * share))
        if self._canvas is None or size != self.size:
            if self._canvas is not None:
                self._canvas.close()
            self._canvas, self.size = Canvas(*size), size
        self._scene.draw(shot, self._canvas.frame, *size)
        self._canvas.stretch(width, height)


def _drawn_share(width: int, height: int) -> float:
    """The share of a window's sides that a software driver draws."""
    return min(1.0, math.sqrt(_SOFTWARE_PIXELS / (width * height)))
