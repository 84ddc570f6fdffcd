"""Stills, strips and films of a finished clip, on the motion's own clock: no window, no display."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.errors import EngineError, InputError
from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import JOINT

from . import camera as cameras
from .bones import parts
from .camera import Camera
from .encode import FASTEST_GIF, FILMS, STILLS, Progress, check_packages, suffix_of, write_film, write_still
from .hud import TimeBar, Words, panels, spoken, stamp
from .playhead import Track
from .shot import Pixels, Renderer, Shot

SIZES: Final = (64, 4096)  # pixels, smallest and largest side
FPS_RANGE: Final = (1.0, 120.0)
DEFAULT_FPS: Final = {".gif": 20.0, ".webp": 25.0, ".mp4": 30.0}
REACH: Final = 0.13  # metres from a joint to the skin at most: head, hands, feet
ARMS_DOWN: Final = 0.9  # of the envelope's height: a known clip says itself whether the arms go up
STRIP_GAP: Final = 0.22  # metres between the poses of a strip
STRIP_FOV: Final = math.radians(11.0)  # narrow, so that the outer poses look like the middle ones
STRIP_HEAD: Final = 0.24  # metres above the head's joint: the head, and a little air
STRIP_WORDS: Final = 0.62  # the same, and room for prompt and thought
MAX_STRIP: Final = 40


@dataclass(frozen=True)
class Recording:
    """How to make a file of a clip."""

    path: Path
    size: tuple[int, int]
    """Width and height in pixels."""
    fps: float | None = None
    """None takes the usual rate of the kind of file."""
    camera: str = "three-quarter"
    strip: int = 0
    """Above 0: so many poses side by side in one picture."""
    words: bool = True
    """Whether prompt, thought and time are written on the pictures."""

    def __post_init__(self) -> None:
        suffix = suffix_of(self.path)
        if not all(SIZES[0] <= side <= SIZES[1] for side in self.size):
            got = "{}x{}".format(*self.size)
            raise InputError(f"size {got} is out of range: each side from {SIZES[0]} to {SIZES[1]} pixels")
        high = FASTEST_GIF if suffix == ".gif" else FPS_RANGE[1]
        if self.fps is not None and not FPS_RANGE[0] <= self.fps <= high:
            raise InputError(f"fps {self.fps:g} is out of range: {FPS_RANGE[0]:g} to {high:g} for {suffix}")
        if not 0 <= self.strip <= MAX_STRIP:
            raise InputError(f"strip {self.strip} is out of range: 1 to {MAX_STRIP} poses")
        if self.strip and suffix not in STILLS:
            raise InputError(f"a strip is one picture: give --out a name that ends in {STILLS[0]}, not {suffix}")
        cameras.parse(self.camera)
        check_packages(suffix)


def record(clip: Clip, recording: Recording) -> None:
    """Writes the file; InputError for a clip without frames, OutputError where it cannot be written."""
    if not len(clip):
        raise InputError("the clip has no frames; there is nothing to show")
    if not np.isfinite(clip.joints).all():
        raise InputError("the clip holds values that are not numbers; it cannot be drawn")
    suffix = suffix_of(recording.path)
    renderer = open_renderer(*recording.size)
    try:
        if recording.strip:
            write_still(recording.path, _strip(clip, recording, renderer))
        elif suffix in STILLS:
            write_still(recording.path, Film(clip, recording, renderer).picture(clip.seconds / 2))
        else:
            fps = recording.fps or DEFAULT_FPS[suffix]
            film, count = Film(clip, recording, renderer), max(1, round(clip.seconds * fps))
            progress = Progress(f"drawing {recording.path.name}", count)
            write_film(recording.path, fps, count, lambda index: film.picture(index / fps), progress)
    finally:
        renderer.close()


def open_renderer(width: int, height: int) -> Renderer:
    """GL off screen where there is any; else the software painter, said in one line."""
    try:
        from .headless import OffscreenRenderer

        return OffscreenRenderer(width, height)
    except (ImportError, EngineError) as error:
        from .painter import Painter

        reason = " ".join(str(error).split())[:120]
        print(f"kinetoken: drawing in software, without OpenGL ({reason})", file=sys.stderr)
        return Painter(width, height)


class Film:
    """One clip in front of one camera that follows it."""

    def __init__(self, clip: Clip, recording: Recording, renderer: Renderer) -> None:
        self._clip, self._renderer, self._size = clip, renderer, recording.size
        self._track, self._file = Track(clip.joints), recording.path
        looks = np.stack([cameras.look_at(pose) for pose in clip.joints])
        self._path = cameras.smooth_path(looks, clip.fps)
        self._camera = self._framed(recording.camera)
        thought = spoken(clip.text)
        self._words = Words(clip.prompt or thought, thought if clip.prompt else "") if recording.words else None

    def _framed(self, choice: str) -> Camera:
        """The camera's direction, as near as keeps the whole motion in the picture, words and all."""
        yaw, pitch, zoom = cameras.parse(choice)
        camera = Camera(yaw=yaw, pitch=pitch)
        offsets = (self._track.frames - self._path[:, None]).reshape(-1, 3)
        around = np.array([[x, y, z] for x in (-REACH, REACH) for y in (-0.05, 0.22) for z in (-REACH, REACH)])
        extremes = np.unique(np.concatenate([_extremes(offsets + shift, camera) for shift in around]), axis=0)
        standing = cameras.ENVELOPE * (1.0, ARMS_DOWN, 1.0) - (0.0, cameras.BODY_CENTRE, 0.0)
        fitted = camera.fitted(np.concatenate([extremes, standing]), self._size[0] / self._size[1])
        return fitted.zoom(1.0 / zoom)

    def picture(self, seconds: float) -> Pixels:
        """The picture at a moment of the motion."""
        position = min(seconds * self._clip.fps, len(self._track) - 1.0)
        index = min(int(position), max(0, len(self._track) - 2))
        nearby = self._path[index : index + 2]
        share = position - index
        target = nearby[0] * (1 - share) + nearby[-1] * share
        shot = Shot(self._camera.at(target), parts(self._track.sample(position)))
        return self._written(self._renderer.render(shot), position)

    def _written(self, pixels: Pixels, position: float) -> Pixels:
        if self._words is None:
            return pixels
        width, height = self._size
        status = f"{position / self._clip.fps:.1f} s" + (
            "" if self._clip.seed is None else f"   seed {self._clip.seed}"
        )
        played = position / max(1.0, len(self._track) - 1.0)
        film = suffix_of(self._file) in FILMS
        bars = TimeBar.of(width, height).bars(played, 1.0)[:3] if film else []
        return stamp(pixels, panels(replace(self._words, status=status), width, height), bars)


def _extremes(offsets: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """Of many points the few that decide the framing: the outermost in many directions as the camera sees them."""
    local = offsets @ camera.axes().T
    angles = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles), np.full(32, 0.3)])
    chosen: NDArray[np.float64] = offsets[np.unique(np.argmax(local @ directions, axis=0))]
    return chosen


def _strip(clip: Clip, recording: Recording, renderer: Renderer) -> Pixels:
    """Poses at even times side by side, first on the left, each with its time."""
    yaw, pitch, zoom = cameras.parse(recording.camera)
    camera = Camera(yaw=yaw, pitch=pitch, fov=STRIP_FOV)
    times = np.linspace(0.0, len(clip) - 1.0, recording.strip)
    track = Track(clip.joints)
    right = camera.axes()[0]
    poses, middles, edge = [], [], 0.0
    for position in times:
        pose = track.sample(float(position))
        pose -= pose[JOINT["pelvis"]] * (1.0, 0.0, 1.0)
        across = pose @ right
        centre = edge + STRIP_GAP / 2 + REACH - float(across.min())
        edge = centre + float(across.max()) + REACH + STRIP_GAP / 2
        poses.append(pose + centre * right)
        middles.append(centre * right)
    target = edge / 2 * right + np.array([0.0, cameras.BODY_CENTRE - 0.05, 0.0])
    above = STRIP_WORDS if recording.words else STRIP_HEAD
    corners = np.concatenate([p + shift for p in poses for shift in ((0.0, above, 0.0), (0.0, -0.12, 0.0))])
    ends = np.array([0.0, edge])[:, None] * right + (0.0, cameras.BODY_CENTRE, 0.0)
    camera = camera.at(target).fitted(np.concatenate([corners, ends]) - target, recording.size[0] / recording.size[1])
    bodies = np.concatenate([parts(pose) for pose in poses])
    shot = Shot(camera.zoom(1.0 / zoom), bodies, spotlight=max(1.0, edge / 4.0))
    return _labelled(renderer.render(shot), shot.camera, clip, times, np.array(middles), recording)


def _labelled(
    pixels: Pixels, camera: Camera, clip: Clip, times: NDArray[np.float64], feet: NDArray[np.float64], asked: Recording
) -> Pixels:
    if not asked.words:
        return pixels
    from .hud import SOFT, Panel, scale_of, text_image

    width, height = asked.size
    thought = spoken(clip.text)
    placed = panels(Words(clip.prompt or thought, thought if clip.prompt else ""), width, height)
    for time, place in zip(times, camera.project(feet, width, height), strict=True):
        image = text_image((f"{time / clip.fps:.1f} s",), round(14 * scale_of(height)), SOFT)
        placed.append(
            Panel(image, round(place[0]) - image.width // 2, min(height - image.height - 4, round(place[1]) + 12))
        )
    return stamp(pixels, placed)
