"""The picture in GL: backdrop, floor with grid and shadow, bodies as instanced round cones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyglet import gl

from .. import theme
from ..lighting import shadow_matrix, shadow_patch, shadow_square
from ..shot import GHOST_STRENGTH, Shot
from . import shaders
from .glkit import DepthMap, GpuMesh, Program, depth_range, is_gles, is_software, renderer_name

_Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """The work that is put into a picture."""

    around: int
    """Segments around a limb."""
    along: int
    """Segments from the tangent ring to the pole, at each end."""
    shadow: int
    """Pixels along a side of the shadow map."""
    reach: int
    """Soft taps to each side in the shadow map for the floor; one less for the bodies."""


FULL_QUALITY: Final = Quality(around=32, along=9, shadow=1024, reach=2)
SMOOTH_QUALITY: Final = Quality(around=24, along=6, shadow=512, reach=2)
_LIGHT_QUALITY: Final = Quality(around=16, along=4, shadow=384, reach=1)
_QUAD: Final = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float32)
_QUAD_INDICES: Final = np.array([0, 1, 2, 0, 2, 3], dtype=np.uint32)
_INSTANCE: Final = (
    4,
    4,
    3,
)  # start and radius, stop and radius, colour: a row of body_shape.body_cones
_STROKE: Final = (4, 4, 2)  # both ends, half the width and colour, strengths: a row of Shot.marks


def _shader_header(quality: Quality, *, gles: bool = False) -> str:
    """The first lines of every shader."""
    version = (
        "#version 300 es\nprecision highp float;\nprecision highp int;\n"
        if gles
        else "#version 330 core\n"
    )
    return f"{version}#define FLOOR_REACH {quality.reach}\n#define BODY_REACH {quality.reach - 1}\n"


class Scene:
    """GL programs and meshes; needs a current context and draws into any framebuffer of it."""

    def __init__(self, quality: Quality | None = None) -> None:
        self.driver = renderer_name()
        self.software = is_software(self.driver)
        quality = quality or (_LIGHT_QUALITY if self.software else FULL_QUALITY)
        top = self.header = _shader_header(quality, gles=is_gles())
        self._body = Program(top, shaders.BODY_VERTEX, shaders.BODY_FRAGMENT)
        self._caster = Program(top, shaders.BODY_VERTEX, shaders.SHADOW_FRAGMENT)
        self._floor = Program(top, shaders.FLOOR_VERTEX, shaders.FLOOR_FRAGMENT)
        self._patch = Program(top, shaders.SHADOW_PATCH_VERTEX, shaders.SHADOW_PATCH_FRAGMENT)
        self._backdrop = Program(top, shaders.BACKGROUND_VERTEX, shaders.BACKGROUND_FRAGMENT)
        self._mark = Program(top, shaders.MARK_VERTEX, shaders.MARK_FRAGMENT)
        self._strokes = GpuMesh(_QUAD, _QUAD_INDICES, instance=_STROKE)
        self._limb = GpuMesh(*_limb_mesh(quality.around, quality.along), instance=_INSTANCE)
        self.quad = GpuMesh(_QUAD, _QUAD_INDICES)
        self._shadow = DepthMap(quality.shadow)

    def draw(self, shot: Shot, frame: int, width: int, height: int) -> None:
        """Fills framebuffer `frame`, width x height pixels, with the picture."""
        gl.glDisable(gl.GL_BLEND)
        gl.glEnable(gl.GL_DEPTH_TEST)
        gl.glDepthFunc(gl.GL_LESS)
        gl.glDisable(gl.GL_CULL_FACE)
        light = self._cast(shot)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, frame)
        gl.glViewport(0, 0, width, height)
        gl.glClear(gl.GL_DEPTH_BUFFER_BIT)
        gl.glDepthMask(gl.GL_FALSE)
        self._backdrop.draw(self.quad)
        gl.glDepthMask(gl.GL_TRUE)
        matrix = shot.camera.projection(width / height) @ shot.camera.view()
        self._shadow.bind()
        if len(shot.bodies):
            self._draw_bodies(shot, matrix, light)
        self._draw_floor(shot, matrix, height)
        if len(shot.bodies):
            self._draw_shadow(shot, matrix, light)
        if len(shot.marks):
            self._draw_marks(shot, matrix)
        if len(shot.ghosts):
            self._draw_ghosts(shot, matrix, light)

    def _cast(self, shot: Shot) -> _Matrix:
        """Draws the shadow map; returns the matrix (4, 4) from the world to its clip space."""
        self._shadow.begin()
        if not len(shot.bodies):
            return np.eye(4)
        light = shadow_matrix(shot.bodies)
        self._limb.upload(shot.bodies)
        self._caster.draw(self._limb, len(shot.bodies), view_projection=light)
        return light

    def _draw_bodies(self, shot: Shot, matrix: _Matrix, light: _Matrix) -> None:
        gl.glEnable(gl.GL_CULL_FACE)
        self._draw_limbs(shot, len(shot.bodies), matrix, light, 1.0)
        gl.glDisable(gl.GL_CULL_FACE)

    def _draw_limbs(
        self, shot: Shot, count: int, matrix: _Matrix, light: _Matrix, strength: float
    ) -> None:
        x, y, z = shot.camera.eye().tolist()
        self._body.draw(
            self._limb,
            count,
            strength=strength,
            view_projection=matrix,
            shadow_matrix=light,
            eye=(x, y, z),
            shadow_radius=1.5 / self._shadow.size,
        )

    def _draw_ghosts(self, shot: Shot, matrix: _Matrix, light: _Matrix) -> None:
        """Draws their depth alone, then the nearest surface once.

        So limbs that overlap do not add up, and no ghost covers a body.
        """
        gl.glColorMask(gl.GL_FALSE, gl.GL_FALSE, gl.GL_FALSE, gl.GL_FALSE)
        if len(shot.bodies):  # whose pixels come to lie before everything
            depth_range(0.0, 0.0)
            self._limb.upload(shot.bodies)
            self._draw_bodies(shot, matrix, light)
            depth_range(0.0, 1.0)
        self._limb.upload(shot.ghosts)
        gl.glEnable(gl.GL_CULL_FACE)
        self._draw_limbs(shot, len(shot.ghosts), matrix, light, GHOST_STRENGTH)
        gl.glColorMask(gl.GL_TRUE, gl.GL_TRUE, gl.GL_TRUE, gl.GL_TRUE)
        gl.glDepthFunc(gl.GL_EQUAL)
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFuncSeparate(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA, gl.GL_ZERO, gl.GL_ONE)
        self._draw_limbs(shot, len(shot.ghosts), matrix, light, GHOST_STRENGTH)
        gl.glDisable(gl.GL_BLEND)
        gl.glDisable(gl.GL_CULL_FACE)
        gl.glDepthFunc(gl.GL_LESS)

    def _draw_marks(self, shot: Shot, matrix: _Matrix) -> None:
        self._strokes.upload(shot.marks)
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFuncSeparate(gl.GL_SRC_ALPHA, gl.GL_ONE_MINUS_SRC_ALPHA, gl.GL_ZERO, gl.GL_ONE)
        gl.glDepthMask(gl.GL_FALSE)
        gl.glDepthFunc(gl.GL_LEQUAL)
        gl.glEnable(gl.GL_POLYGON_OFFSET_FILL)
        gl.glPolygonOffset(-1.0, -8.0)  # over the shadow, which lies over the floor
        self._mark.draw(
            self._strokes,
            len(shot.marks),
            view_projection=matrix,
            centre=shot.camera.target,
            spotlight=shot.spotlight,
        )
        gl.glDisable(gl.GL_POLYGON_OFFSET_FILL)
        gl.glDepthFunc(gl.GL_LESS)
        gl.glDepthMask(gl.GL_TRUE)
        gl.glDisable(gl.GL_BLEND)

    def _draw_floor(self, shot: Shot, matrix: _Matrix, height: int) -> None:
        self._floor.draw(
            self.quad,
            view_projection=matrix,
            centre=shot.camera.target,
            reach=theme.FLOOR_FAR * shot.spotlight,
            spotlight=shot.spotlight,
            picture_height=float(height),
        )

    def _draw_shadow(self, shot: Shot, matrix: _Matrix, light: _Matrix) -> None:
        gl.glEnable(gl.GL_BLEND)
        gl.glBlendFunc(gl.GL_ZERO, gl.GL_SRC_COLOR)
        gl.glDepthFunc(gl.GL_LEQUAL)
        gl.glEnable(gl.GL_POLYGON_OFFSET_FILL)
        gl.glPolygonOffset(-1.0, -4.0)  # the patch lies in the floor's own plane
        self._patch.draw(
            self.quad,
            view_projection=matrix,
            shadow_matrix=light,
            patch_matrix=shadow_patch(shot.bodies),
            centre=shot.camera.target,
            spotlight=shot.spotlight,
            shadow_radius=theme.SHADOW_BLUR / shadow_square(shot.bodies)[1],
        )
        gl.glDisable(gl.GL_POLYGON_OFFSET_FILL)
        gl.glDisable(gl.GL_BLEND)


def _limb_mesh(around: int, along: int) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Vertices (n, 3) and triangles of a limb with a pole at both tips.

    A vertex is an angle around the limb, a share of the way along an end, and the end: 0 or 1.
    """
    rings = [(k / along, end) for end in (0.0, 1.0) for k in range(along + 1)]
    angles = np.arange(around + 1) * (2.0 * np.pi / around)
    vertices = np.array(
        [(angle, share, end) for share, end in rings for angle in angles], dtype=np.float32
    )
    columns = around + 1
    first = (np.arange(len(rings) - 1)[:, None] * columns + np.arange(around)[None]).reshape(-1, 1)
    # Counter-clockwise seen from outside.
    quads = first + np.array([0, columns + 1, 1, 0, columns, columns + 1])
    return vertices, quads.astype(np.uint32).reshape(-1)
