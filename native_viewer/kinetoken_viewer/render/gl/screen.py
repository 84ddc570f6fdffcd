"""The scene on a window of any size: on a software driver a large one is drawn smaller, and stretched."""

from __future__ import annotations

import math
from typing import Final

from ..shot import Shot
from .glkit import Canvas
from .scene import Scene

SOFTWARE_PIXELS: Final = 1280 * 720  # of one picture, that two cores draw thirty times a second


class Screen:
    """Draws one scene into the window's own framebuffer. Words come over it in the window's full size."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._canvas: Canvas | None = None
        self._size = (0, 0)

    def draw(self, shot: Shot, width: int, height: int) -> None:
        """Fills the window's framebuffer of this size, and leaves it bound."""
        share = drawn_share(width, height) if self._scene.software else 1.0
        if share == 1.0:
            self._scene.draw(shot, 0, width, height)
            return
        size = (round(width * share), round(height * share))
        if self._canvas is None or size != self._size:
            if self._canvas is not None:
                self._canvas.close()
            self._canvas, self._size = Canvas(*size), size
        self._scene.draw(shot, self._canvas.frame, *size)
        self._canvas.stretch(width, height)


def drawn_share(width: int, height: int) -> float:
    """Of a window's sides, what a software driver draws."""
    return min(1.0, math.sqrt(SOFTWARE_PIXELS / (width * height)))
