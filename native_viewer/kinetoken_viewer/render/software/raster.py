"""Round cones in a depth buffer, in numpy: outlines on the screen with the normals of spheres."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .. import theme
from ..shot import Shot

FloatImage = NDArray[np.float32]


class Raster:
    """A picture of round cones inside their bounding box, at `scale` times the size."""

    def __init__(self, shot: Shot, width: int, height: int, scale: int) -> None:
        camera = shot.camera
        self._axes = camera.axes().astype(np.float32)
        focal = 0.5 * height * scale / math.tan(camera.fov / 2)
        parts = np.concatenate([shot.bodies, shot.ghosts])
        ends = [
            camera.project(parts[:, column : column + 3], width * scale, height * scale)
            for column in (0, 4)
        ]
        depth = np.stack([end[:, 2] for end in ends], axis=1)
        visible = depth.min(axis=1) > 0.2  # metres: nothing is drawn through the eye
        self._solid = int(visible[: len(shot.bodies)].sum())
        self._colour = parts[visible, 8:11]
        self._world = parts[visible][:, [3, 7]]
        self._depth = depth[visible]
        self._xy = np.stack([end[visible, :2] for end in ends], axis=1)  # (n, 2, 2)
        self._radius = self._world * focal / self._depth  # (n, 2) pixels
        low, high = self._bounds()
        self.left, self.top = (int(max(0, v) // scale * scale) for v in low)
        limits = (width * scale, height * scale)
        right, bottom = (
            int(math.ceil(min(limit, max(0, v)) / scale) * scale)
            for v, limit in zip(high, limits, strict=True)
        )
        self._shape = (bottom - self.top, right - self.left)
        self.empty = not len(self._xy) or min(self._shape) <= 0

    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not len(self._xy):
            return np.zeros(2), np.zeros(2)
        reach = self._radius[..., None] + 2.0
        return (self._xy - reach).min(axis=(0, 1)), (self._xy + reach).max(axis=(0, 1))

    def bodies(self) -> FloatImage:
        """(h, w, 4) the bodies, linear light, premultiplied."""
        return self._layer(range(self._solid))

    def ghosts(self) -> FloatImage:
        """(h, w, 4) the ghosts, solid and without the bodies before them."""
        return self._layer(range(self._solid, len(self._xy)))

    def _layer(self, indices: range) -> FloatImage:
        """(h, w, 4) some of the cones, the nearest at each point."""
        nearest = np.full(self._shape, np.inf, dtype=np.float32)
        normal = np.zeros((*self._shape, 3), dtype=np.float32)
        albedo = np.zeros((*self._shape, 3), dtype=np.float32)
        for index in indices:
            self._part(index, normal, albedo, nearest)
        hit = np.isfinite(nearest)
        out = np.zeros((*self._shape, 4), dtype=np.float32)
        world = normal[hit] @ self._axes
        out[hit, :3] = shade(albedo[hit], world, self._axes[2])
        out[hit, 3] = 1.0
        return out

    def _part(
        self, index: int, normal: FloatImage, albedo: FloatImage, nearest: FloatImage
    ) -> None:
        (a, b), (ra, rb) = self._xy[index], self._radius[index]
        corner = np.array([self.left, self.top])
        reach = np.array([[ra], [rb]]) + 1.0
        limit = np.array(self._shape[::-1])
        low = np.clip(np.floor((np.stack([a, b]) - reach).min(axis=0)) - corner, 0, limit).astype(
            int
        )
        high = np.clip(np.ceil((np.stack([a, b]) + reach).max(axis=0)) - corner, low, limit).astype(
            int
        )
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        y, x = np.mgrid[box].astype(np.float32) + 0.5
        if not x.size:
            return
        t = _along(x + self.left - a[0], y + self.top - a[1], b - a, float(ra), float(rb))
        radius = ra + t * (rb - ra)
        nx = (x + self.left - a[0] - t * (b[0] - a[0])) / radius
        ny = -(y + self.top - a[1] - t * (b[1] - a[1])) / radius
        square = 1.0 - nx * nx - ny * ny
        nz = np.sqrt(np.maximum(square, 0.0))
        (za, zb), (wa, wb) = self._depth[index], self._world[index]
        depth = za + t * (zb - za) - nz * (wa + t * (wb - wa))
        front = (square > 0.0) & (depth < nearest[box])
        nearest[box][front] = depth[front]
        normal[box][front] = np.stack([nx[front], ny[front], nz[front]], axis=1)
        albedo[box][front] = self._colour[index]


def _along(
    x: FloatImage, y: FloatImage, axis: NDArray[np.float64], ra: float, rb: float
) -> FloatImage:
    """The sphere of a round cone, 0 at its start to 1 at its end, nearest to pixel offsets x, y."""
    length = float(np.hypot(axis[0], axis[1]))
    sine = (ra - rb) / max(length, 1e-6)
    if abs(sine) >= 0.999:  # one circle covers the other
        return np.full(x.shape, 0.0 if ra > rb else 1.0, dtype=np.float32)
    ux, uy = axis[0] / length, axis[1] / length
    forward, aside = x * ux + y * uy, np.abs(x * uy - y * ux)
    out: FloatImage = np.clip(
        (forward - aside * sine / math.sqrt(1.0 - sine * sine)) / length, 0.0, 1.0
    ).astype(np.float32)
    return out


def shade(albedo: FloatImage, normal: FloatImage, backward: FloatImage) -> FloatImage:
    """Linear colour of surface points (n, 3) with world normals; `backward` points to the eye."""
    light = theme.LIGHT_DIRECTION.astype(np.float32)
    key = np.clip((normal @ light + theme.LIGHT_WRAP) / (1.0 + theme.LIGHT_WRAP), 0.0, None)[
        :, None
    ]
    sky = 0.5 + 0.5 * normal[:, 1:2]
    ambient = (
        np.array(theme.GROUND_LIGHT, np.float32) * (1 - sky)
        + np.array(theme.SKY_LIGHT, np.float32) * sky
    )
    half = light + backward
    half /= np.linalg.norm(half)
    gloss = np.clip(normal @ half, 0.0, None)[:, None] ** theme.SHININESS * theme.SPECULAR
    facing = np.clip(normal @ backward, 0.0, 1.0)[:, None]
    rim = (1.0 - facing) ** theme.RIM_POWER * sky * np.array(theme.RIM_LIGHT, np.float32)
    out: FloatImage = (
        albedo * (ambient + key * np.array(theme.KEY_LIGHT, np.float32)) + gloss * (key > 0) + rim
    )
    return out
