"""A window to open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..render.camera import THREE_QUARTER, CameraView
from ..stage.layers import NO_LAYERS, SceneLayers

WINDOW_SIZE: Final = (1280, 720)


@dataclass(frozen=True)
class WindowRequest:
    """Size and look of a window."""

    size: tuple[int, int] = WINDOW_SIZE
    """Width and height in pixels."""
    camera: CameraView = THREE_QUARTER
    layers: SceneLayers = NO_LAYERS
    """Layers that are on at first."""
    gles: bool = False
    """Draw with OpenGL ES."""
