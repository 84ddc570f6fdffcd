"""The same picture in numpy and Pillow, for machines without graphics libraries, and for tests.

The floor is drawn by casting every pixel onto it, with the grid filtered by the pixel's footprint;
raster.py draws the bodies over it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import MissingPackageError

from .. import theme
from ..body_shape import FLOOR_Y
from ..camera import Camera
from ..lighting import light_axes, shadow_square
from ..pixels import Pixels
from ..shot import GHOST_STRENGTH, Shot
from .raster import FloatImage, Raster

try:
    from PIL import Image, ImageDraw, ImageFilter
except ImportError as error:  # pragma: no cover - the extra brings it
    raise MissingPackageError("Pillow", "viewer") from error

_SUPERSAMPLE: Final = 2
_SHADOW_PIXELS: Final = 512
_CIRCLE: Final = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
_AROUND: Final = np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1)  # (48, 2)


class Painter:
    """Draws shots of one size on the processor."""

    name = "software painter"

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._background = _background(height)

    def render(self, shot: Shot) -> Pixels:
        """(height, width, 3) sRGB, row 0 at the top."""
        picture = np.broadcast_to(self._background[:, None], (self._height, self._width, 3)).copy()
        shadow = ShadowMap(shot.bodies) if len(shot.bodies) else None
        self._floor(picture, shot, shadow)
        if len(shot.marks):
            self._marks(picture, shot)
        if len(shot.bodies) or len(shot.ghosts):
            self._bodies(picture, shot)
        assert theme.GAMMA == 2.0
        return (np.sqrt(np.clip(picture, 0.0, 1.0)) * 255.0 + 0.5).astype(np.uint8)

    def close(self) -> None:
        """Nothing is held."""

    def _floor(self, picture: FloatImage, shot: Shot, shadow: ShadowMap | None) -> None:
        """Blends the lit floor, its grid and the shadow into `picture` (h, w, 3), linear light."""
        camera = shot.camera
        rays = _rays(camera, self._width, self._height)
        below = rays[..., 1] * math.copysign(1.0, camera.eye()[1] - FLOOR_Y) < -1e-4
        seen = np.flatnonzero(below.any(axis=1))
        if not len(seen):
            return
        rows = slice(int(seen[0]), int(seen[-1]) + 1)
        rays, below = rays[rows], below[rows]
        eye = camera.eye().astype(np.float32)
        reach = np.where(below, (FLOOR_Y - eye[1]) / np.where(below, rays[..., 1], 1.0), 1e4)
        x, z = eye[0] + reach * rays[..., 0], eye[2] + reach * rays[..., 2]
        away = np.hypot(x - camera.target[0], z - camera.target[2]) / shot.spotlight
        cover = (1.0 - _smoothstep(theme.FLOOR_NEAR, theme.FLOOR_FAR, away)) * below
        colour = (
            np.array(theme.linear(theme.FLOOR), dtype=np.float32) * (0.45 + 0.55 * cover)[..., None]
        )
        line = _grid(x, z)[..., None]
        colour += (np.array(theme.linear(theme.GRID), dtype=np.float32) - colour) * line
        if shadow is not None:
            colour *= 1.0 - theme.SHADOW * shadow.sample(x, z)[..., None]
        picture[rows] += (colour - picture[rows]) * cover[..., None]

    def _marks(self, picture: FloatImage, shot: Shot) -> None:
        """Blends the strokes on the floor into `picture`; later ones lie over earlier ones."""
        scale = _SUPERSAMPLE
        layer = Image.new("RGBA", (self._width * scale, self._height * scale))
        draw = ImageDraw.Draw(layer)
        for mark in shot.marks:
            middle = (
                np.hypot(*((mark[0:2] + mark[2:4]) / 2 - np.array(shot.camera.target)[[0, 2]]))
                / shot.spotlight
            )
            near = 1.0 - float(
                _smoothstep(theme.FLOOR_NEAR, theme.FLOOR_FAR, np.asarray(middle, np.float32))
            )
            colour = tuple(int(255 * math.sqrt(value) + 0.5) for value in mark[5:8])
            rim, inside = max(mark[8:10]), mark[8]
            for radius, strength in ((mark[4], rim), (mark[4] - theme.MARK_RIM, inside)):
                outline = _on_floor(mark[:4], float(radius), shot.camera, layer.size)
                if outline is not None:
                    draw.polygon(outline, fill=(*colour, int(255 * strength * near + 0.5)))
        shrunk = np.asarray(
            layer.convert("RGBa").resize((self._width, self._height), Image.Resampling.BOX)
        )
        seen = shrunk[..., 3] > 0
        drawn = shrunk[seen].astype(np.float32) / 255.0
        picture[seen] = (drawn[:, :3] + np.sqrt(picture[seen]) * (1.0 - drawn[:, 3:])) ** 2

    def _bodies(self, picture: FloatImage, shot: Shot) -> None:
        """Draws the bodies over `picture` inside their bounding box."""
        scale = _SUPERSAMPLE
        raster = Raster(shot, self._width, self._height, scale)
        if raster.empty:
            return
        bodies = _shrunk(raster.bodies())
        left, top = raster.left // scale, raster.top // scale
        patch = picture[top : top + bodies.shape[0], left : left + bodies.shape[1]]
        if len(shot.ghosts):
            _veil(patch, _shrunk(raster.ghosts()))
        patch *= 1.0 - bodies[..., 3:]
        patch += bodies[..., :3]


def _shrunk(rgba: FloatImage) -> FloatImage:
    """A picture (h, w, 4) at `_SUPERSAMPLE` times the size to its size."""
    h, w = rgba.shape[0] // _SUPERSAMPLE, rgba.shape[1] // _SUPERSAMPLE
    out: FloatImage = rgba.reshape(h, _SUPERSAMPLE, w, _SUPERSAMPLE, 4).mean(axis=(1, 3))
    return out


def _veil(patch: FloatImage, ghosts: FloatImage) -> None:
    """Blends the ghosts (h, w, 4) into `patch` (h, w, 3), both linear, in sRGB as GL does."""
    cover = ghosts[..., 3:]
    colour = np.sqrt(ghosts[..., :3] / np.maximum(cover, 1e-6))
    strength = GHOST_STRENGTH * cover
    patch[...] = (strength * colour + (1.0 - strength) * np.sqrt(patch)) ** 2


class ShadowMap:
    """The outline of all bodies as the light sees them, dark where the floor is in shadow."""

    def __init__(self, parts: FloatImage) -> None:
        self._u, self._v = light_axes()
        axes = np.stack([self._u, self._v], axis=1)  # (3, 2)
        a, b = parts[:, 0:3] @ axes, parts[:, 4:7] @ axes
        ra, rb = parts[:, 3], parts[:, 7]
        low, extent = shadow_square(parts)
        self._low, self._scale = low, _SHADOW_PIXELS / extent
        image = Image.new("L", (_SHADOW_PIXELS, _SHADOW_PIXELS))
        draw = ImageDraw.Draw(image)
        for outline in _outlines(
            (a - low) * self._scale, ra * self._scale, (b - low) * self._scale, rb * self._scale
        ):
            draw.polygon([(float(x), float(y)) for x, y in outline], fill=255)
        image = image.filter(ImageFilter.GaussianBlur(theme.SHADOW_BLUR * self._scale))
        self._map = np.asarray(image, dtype=np.float32) / 255.0

    def sample(self, x: FloatImage, z: FloatImage) -> FloatImage:
        """The shadow (0 to 1) on the floor at world x, z of any equal shapes."""
        column = (
            x * self._u[0] + FLOOR_Y * self._u[1] + z * self._u[2] - self._low[0]
        ) * self._scale - 0.5
        row = (
            x * self._v[0] + FLOOR_Y * self._v[1] + z * self._v[2] - self._low[1]
        ) * self._scale - 0.5
        inside = (
            (column >= 0) & (row >= 0) & (column < _SHADOW_PIXELS - 1) & (row < _SHADOW_PIXELS - 1)
        )
        out = np.zeros(np.shape(x), dtype=np.float32)
        column, row = column[inside], row[inside]
        i, j = row.astype(np.int32), column.astype(np.int32)
        fi, fj = row - i, column - j
        upper = self._map[i, j] * (1 - fj) + self._map[i, j + 1] * fj
        lower = self._map[i + 1, j] * (1 - fj) + self._map[i + 1, j + 1] * fj
        out[inside] = upper * (1 - fi) + lower * fi
        return out


def _outlines(
    a: NDArray[np.floating], ra: FloatImage, b: NDArray[np.floating], rb: FloatImage
) -> NDArray[np.float64]:
    """Convex outlines (n, 48, 2) of the pairs of circles a, b (n, 2) with radii ra, rb (n,)."""
    first = a[:, None] + ra[:, None, None] * _AROUND
    second = b[:, None] + rb[:, None, None] * _AROUND
    farther = np.sum((second - first) * _AROUND, axis=-1, keepdims=True) > 0
    outline: NDArray[np.float64] = np.where(farther, second, first)
    return outline


def _on_floor(
    ends: NDArray[np.floating], radius: float, camera: Camera, size: tuple[int, int]
) -> list[tuple[float, float]] | None:
    """Outline in pixels of a flat stroke on the floor between ends (x, z, x, z).

    None if it has no width, or lies behind the camera.
    """
    if radius <= 0.0:
        return None
    width = np.array([radius], np.float32)
    flat = _outlines(ends[None, 0:2], width, ends[None, 2:4], width)[0]
    places = camera.project(np.insert(flat, 1, FLOOR_Y, axis=1), *size)
    return None if places[:, 2].min() < 0.1 else [(float(x), float(y)) for x, y in places[:, :2]]


def _background(height: int) -> FloatImage:
    """(height, 3) linear light, dark at the top."""
    t = _smoothstep(0.0, 0.7, np.linspace(0.0, 1.0, height, dtype=np.float32))[:, None]
    top = np.array(theme.linear(theme.BACKGROUND_TOP), dtype=np.float32)
    low = np.array(theme.linear(theme.BACKGROUND_HORIZON), dtype=np.float32)
    mixed: FloatImage = (top * (1 - t) + low * t).astype(np.float32)
    return mixed


def _rays(camera: Camera, width: int, height: int) -> FloatImage:
    """(height, width, 3) directions through the pixel centres, world axes; not normalised."""
    tangent = math.tan(camera.fov / 2)
    x = ((np.arange(width, dtype=np.float32) + 0.5) * 2 / width - 1) * tangent * width / height
    y = (1 - (np.arange(height, dtype=np.float32) + 0.5) * 2 / height) * tangent
    right, up, backward = camera.axes().astype(np.float32)
    rays: FloatImage = x[None, :, None] * right + y[:, None, None] * up - backward
    return rays


def _grid(x: FloatImage, z: FloatImage) -> FloatImage:
    """Strength of the grid line at floor points (h, w), filtered so that far lines fade."""
    out = np.zeros(x.shape, dtype=np.float32)
    for step, strength in (
        (theme.GRID_STEP, theme.GRID_MINOR_STRENGTH),
        (theme.GRID_STEP * theme.GRID_MAJOR, theme.GRID_MAJOR_STRENGTH),
    ):
        for axis in (x, z):
            foot = np.abs(np.gradient(axis, axis=0)) + np.abs(np.gradient(axis, axis=1))
            gap = np.abs((axis / step + 0.5) % 1.0 - 0.5) * step
            width = np.maximum(theme.GRID_WIDTH, foot)
            fill = np.clip((width - gap) / foot + 0.5, 0.0, 1.0) * theme.GRID_WIDTH / width
            np.maximum(out, fill * strength, out=out)
    return out


def _smoothstep(low: float, high: float, value: FloatImage) -> FloatImage:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    out: FloatImage = t * t * (3.0 - 2.0 * t)
    return out
