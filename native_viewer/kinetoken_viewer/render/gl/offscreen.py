"""GL pictures without a display, through EGL.

Importing this makes pyglet headless for the rest of the process.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

from kinetoken.base.errors import EngineError

# A window that could not be opened has left pyglet set up for X: only a fresh import is headless.
for _name, _module in list(sys.modules.items()):
    if _module is not None and (
        _name.split(".")[0] == "pyglet" or _name.endswith((".glkit", ".scene"))
    ):
        del sys.modules[_name]

import pyglet  # noqa: E402

pyglet.options["headless"] = True  # before anything imports pyglet.window

from ..pixels import Pixels  # noqa: E402
from ..shot import Shot  # noqa: E402
from .glkit import Canvas, driver_config, is_software, renderer_name  # noqa: E402
from .scene import FULL_QUALITY, SMOOTH_QUALITY, Scene  # noqa: E402


class OffscreenRenderer:
    """Draws shots of one size, larger and averaged, so that edges are smooth with every driver."""

    def __init__(
        self, width: int, height: int, supersample: int = 2, *, gles: bool = False
    ) -> None:
        self._size = (width, height)
        self._scale = supersample
        try:
            with warnings.catch_warnings():  # pyglet's, of a display that it then does without
                warnings.simplefilter("ignore")
                from pyglet import window

                screen = pyglet.display.get_display().get_default_screen()
            config = screen.get_best_config(driver_config(gles=gles))
            context = config.create_context(None)  # shares with no other kind
            self._window = window.Window(8, 8, visible=False, context=context)
        except Exception as error:  # pyglet has no common base for what a missing driver raises
            raise EngineError(f"no off-screen graphics: {error}") from error
        self._window.switch_to()
        self._scene = Scene(SMOOTH_QUALITY if is_software(renderer_name()) else FULL_QUALITY)
        self._canvas = Canvas(width * supersample, height * supersample)
        self.name = f"GL, {self._scene.driver}"

    def render(self, shot: Shot) -> Pixels:
        """(height, width, 3) sRGB, row 0 at the top."""
        (width, height), scale = self._size, self._scale
        self._window.switch_to()
        self._scene.draw(shot, self._canvas.frame, width * scale, height * scale)
        large = self._canvas.pixels().reshape(height, scale, width, scale, 3)
        total = np.zeros((height, width, 3), dtype=np.uint16)
        for i in range(scale):
            for j in range(scale):
                total += large[:, i, :, j]
        return ((total + scale * scale // 2) // (scale * scale)).astype(np.uint8)

    def close(self) -> None:
        """Closes the hidden context."""
        self._window.close()
