"""A strip: poses of one clip at even times, side by side in one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import JOINT

from ..hud.panels import word_panels
from ..hud.text import SOFT_TEXT, Panel, scale_of, stamp, text_image
from ..render.body_shape import body_cones
from ..render.camera import BODY_CENTRE, Camera
from ..render.pixels import Pixels
from ..render.shot import Renderer, Shot
from ..stage.layers import ground
from ..stage.places import NamedClip
from ..stage.playhead import Track
from .clip_film import SKIN_METRES, words_of
from .request import RecordRequest

_GAP_METRES: Final = 0.22  # between the poses
_FIELD_OF_VIEW: Final = math.radians(11.0)  # narrow, so that outer poses look like middle ones
_ABOVE_HEAD: Final = 0.24  # metres above the head's joint: the head, and a little air
_ABOVE_HEAD_WITH_WORDS: Final = 0.62  # the same, and room for prompt and thought


def strip_positions(clip: Clip, poses: int) -> NDArray[np.float64]:
    """(n,) positions in frames that a strip of so many poses shows; a loop's last is its first."""
    return np.linspace(0.0, len(clip) - 1.0, poses, endpoint="loop" not in clip.meta)


def draw_strip(clip: Clip, request: RecordRequest, renderer: Renderer) -> Pixels:
    """The strip, the first pose on the left, each with its time."""
    view = request.camera
    camera = Camera(yaw=view.before(clip.joints[0]), pitch=view.pitch, fov=_FIELD_OF_VIEW)
    positions = strip_positions(clip, request.strip)
    track = Track(clip.joints)
    right, floor = camera.axes()[0], np.array(ground(clip.joints))
    poses, middles, edge = [], [], 0.0
    for position in positions:
        pose = track.sample(float(position))
        pose -= pose[JOINT["pelvis"]] * (1.0, 0.0, 1.0) - floor
        across = pose @ right
        centre = edge + _GAP_METRES / 2 + SKIN_METRES - float(across.min())
        edge = centre + float(across.max()) + SKIN_METRES + _GAP_METRES / 2
        poses.append(pose + centre * right)
        middles.append(centre * right)
    camera = _framed(camera, poses, edge, request).zoom(1.0 / view.zoom)
    bodies = np.concatenate([body_cones(pose) for pose in poses])
    shot = Shot(camera, bodies, spotlight=max(1.0, edge / 4.0))
    pixels = renderer.render(shot)
    if not request.words:
        return pixels
    panels = word_panels(words_of([NamedClip("", clip)], request), *request.size)
    seconds = [float(position) / clip.fps for position in positions]
    return stamp(pixels, [*panels, *_times(seconds, np.array(middles), camera, request.size)])


def _framed(
    camera: Camera, poses: Sequence[NDArray[np.float64]], edge: float, request: RecordRequest
) -> Camera:
    right = camera.axes()[0]
    target = edge / 2 * right + np.array([0.0, BODY_CENTRE - 0.05, 0.0])
    above = _ABOVE_HEAD_WITH_WORDS if request.words else _ABOVE_HEAD
    corners = np.concatenate(
        [pose + shift for pose in poses for shift in ((0.0, above, 0.0), (0.0, -0.12, 0.0))]
    )
    ends = np.array([0.0, edge])[:, None] * right + (0.0, BODY_CENTRE, 0.0)
    width, height = request.size
    return camera.at(target).fitted(np.concatenate([corners, ends]) - target, width / height)


def _times(
    seconds: Sequence[float], feet: NDArray[np.float64], camera: Camera, size: tuple[int, int]
) -> list[Panel]:
    """The time of each pose under its feet, points (n, 3)."""
    width, height = size
    out = []
    for time, place in zip(seconds, camera.project(feet, width, height), strict=True):
        image = text_image((f"{time:.1f} s",), round(14 * scale_of(height)), SOFT_TEXT)
        x = round(place[0]) - image.width // 2
        out.append(Panel(image, x, min(height - image.height - 4, round(place[1]) + 12)))
    return out
