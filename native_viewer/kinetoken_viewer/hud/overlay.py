"""Panels and bars over a GL scene."""

from __future__ import annotations

import ctypes

import numpy as np
from PIL import Image
from pyglet import gl

from ..render.gl import shaders
from ..render.gl.glkit import Program, generated_name
from ..render.gl.scene import Scene
from .text import Bar, Panel


class Overlay:
    """Draws panels and bars; a panel's picture is uploaded once."""

    def __init__(self, scene: Scene) -> None:
        self._program = Program(scene.header, shaders.PANEL_VERTEX, shaders.PANEL_FRAGMENT)
        self._quad = scene.quad
        self._textures: dict[int, tuple[Image.Image, int]] = {}

    def draw(self, placed: list[Panel], bars: list[Bar], width: int, height: int) -> None:
        """Draws over the bound framebuffer of this size."""
        self._forget(placed)
        gl.glDisable(gl.GL_DEPTH_TEST)
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFunc(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA)
        program = self._program
        program.use(picture=(float(width), float(height)), panel=0, flat_colour=1.0)
        for bar in bars:
            tint = tuple(value / 255 for value in bar.colour)
            program.set(box=(bar.x, bar.y, bar.width, bar.height), tint=tint)
            self._quad.draw()
        program.set(flat_colour=0.0, tint=(1.0, 1.0, 1.0, 1.0))
        gl.glActiveTexture(gl.GL_TEXTURE0)
        for panel in placed:
            gl.glBindTexture(gl.GL_TEXTURE_2D, self._texture(panel.image))
            place = (panel.x, panel.y, panel.image.width, panel.image.height)
            program.set(box=tuple(map(float, place)))
            self._quad.draw()
        gl.glDisable(gl.GL_BLEND)

    def _forget(self, placed: list[Panel]) -> None:
        wanted = {id(panel.image) for panel in placed}
        for key in [key for key in self._textures if key not in wanted]:
            gl.glDeleteTextures(1, ctypes.byref(gl.GLuint(self._textures.pop(key)[1])))

    def _texture(self, image: Image.Image) -> int:
        # The image is kept beside its texture, so that its id cannot be given to another one.
        if id(image) not in self._textures:
            self._textures[id(image)] = (image, _upload(image))
        return self._textures[id(image)][1]


def _upload(image: Image.Image) -> int:
    texture = generated_name(gl.glGenTextures)
    pixels = np.ascontiguousarray(image)
    gl.glBindTexture(gl.GL_TEXTURE_2D, texture)
    gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
    gl.glTexImage2D(
        gl.GL_TEXTURE_2D, 0, gl.GL_RGBA8, image.width, image.height, 0,
        gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, pixels.ctypes.data_as(ctypes.c_void_p),
    )  # fmt: skip
    for key, value in (
        (gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR), (gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR),
        (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_EDGE), (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE),
    ):  # fmt: skip
        gl.glTexParameteri(gl.GL_TEXTURE_2D, key, value)
    return texture
