"""A sprite sheet: poses of one clip at even times in equal cells, cut out of their background.

Each pose is drawn twice as large, with the body and without it; what differs is the body. The floor
is left out, so there is no shadow.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import JOINT

from ..render.body_shape import body_cones
from ..render.camera import BODY_CENTRE, Camera
from ..render.pixels import Pixels
from ..render.shot import Renderer, Shot, no_cones
from ..stage.layers import ground
from ..stage.playhead import Track
from .clip_film import SKIN_METRES
from .request import RecordRequest
from .strip import strip_positions

FINER: Final = 2  # times as large as the picture, in each direction, that cells are drawn
_FIELD_OF_VIEW: Final = math.radians(11.0)
_NO_FLOOR: Final = 1e-4


def cell_size(request: RecordRequest) -> tuple[int, int]:
    """Width and height of a cell in pixels, as it is drawn."""
    return request.size[0] // request.strip * FINER, request.size[1] * FINER


def draw_sprites(clip: Clip, request: RecordRequest, renderer: Renderer) -> NDArray[np.uint8]:
    """The sheet (height, width, 4), the first pose on the left; `renderer` draws one cell.

    All cells have one camera, which stays at the pelvis.
    """
    poses = _poses(clip, request.strip)
    camera = _camera(poses, request)
    empty = renderer.render(Shot(camera, no_cones(), _NO_FLOOR))
    cells = [
        _cut_out(renderer.render(Shot(camera, body_cones(pose), _NO_FLOOR)), empty)
        for pose in poses
    ]
    return np.concatenate(cells, axis=1)


def _poses(clip: Clip, count: int) -> list[NDArray[np.float64]]:
    """The poses (22, 3), each with its pelvis above the origin."""
    track, floor = Track(clip.joints), np.array(ground(clip.joints))
    sampled = [track.sample(float(position)) for position in strip_positions(clip, count)]
    return [pose - pose[JOINT["pelvis"]] * (1.0, 0.0, 1.0) + floor for pose in sampled]


def _camera(poses: list[NDArray[np.float64]], request: RecordRequest) -> Camera:
    """The camera that sees every pose whole in its cell."""
    view = request.camera
    camera = Camera(yaw=view.before(poses[0]), pitch=view.pitch, fov=_FIELD_OF_VIEW)
    target = np.array([0.0, BODY_CENTRE, 0.0])
    skin = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 2) for z in (-1, 1)], np.float64)
    around = np.concatenate([pose + SKIN_METRES * shift for pose in poses for shift in skin])
    width, height = cell_size(request)
    return camera.at(target).fitted(around - target, width / height).zoom(1.0 / view.zoom)


def _cut_out(picture: Pixels, empty: Pixels) -> NDArray[np.uint8]:
    """The body (height, width, 4) of a cell, at the size of the sheet, with soft edges."""
    there = (picture != empty).any(axis=2)
    height, width = there.shape[0] // FINER, there.shape[1] // FINER
    colours = (picture * there[..., None]).reshape(height, FINER, width, FINER, 3)
    count = there.reshape(height, FINER, width, FINER).sum(axis=(1, 3))
    mean = colours.sum(axis=(1, 3), dtype=np.int64) / np.maximum(count, 1)[..., None]
    alpha = count * (255.0 / FINER**2)
    return np.concatenate([mean, alpha[..., None]], axis=2).round().astype(np.uint8)
