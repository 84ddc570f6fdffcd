"""Stills, strips and films of a finished clip, on the motion's own clock: no window, no display."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import EngineError, InputError
from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import JOINT

from ..hud.name_tags import name_panels
from ..hud.panels import TimeBar, Words, panels, spoken, stamp
from ..render import camera as cameras
from ..render.body_shape import parts
from ..render.camera import Camera
from ..render.shot import Pixels, Renderer, Shot
from ..stage.layers import GHOST_STEP, Layers, Person, ghost_reach, ground, over_heads, shot
from ..stage.playhead import Track
from ..stage.side_by_side import Named, people_of
from .encode import (
    FASTEST_GIF,
    FILMS,
    STILLS,
    Progress,
    check_packages,
    suffix_of,
    write_film,
    write_still,
)

SIZES: Final = (64, 4096)  # pixels, smallest and largest side
MOST_PICTURES: Final = {
    ".mp4": 500_000,
    ".gif": 20_000,
    ".webp": 20_000,
}  # hours of film; GIFs nobody can open
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
    layers: Layers = field(default_factory=Layers)
    """What is drawn around the bodies."""
    gles: bool = False
    """Whether OpenGL ES draws."""
    title: str = ""
    """The name of what is shown, where nothing was asked for."""
    prompt: str = ""
    """What several people answer."""
    begin: float = 0.0
    """Seconds of the motion that were left away before the clip."""

    def __post_init__(self) -> None:
        suffix = suffix_of(self.path)
        if not all(SIZES[0] <= side <= SIZES[1] for side in self.size):
            got = "{}x{}".format(*self.size)
            raise InputError(
                f"size {got} is out of range: each side from {SIZES[0]} to {SIZES[1]} pixels"
            )
        high = FASTEST_GIF if suffix == ".gif" else FPS_RANGE[1]
        if self.fps is not None and not FPS_RANGE[0] <= self.fps <= high:
            raise InputError(
                f"fps {self.fps:g} is out of range: {FPS_RANGE[0]:g} to {high:g} for {suffix}"
            )
        if not 0 <= self.strip <= MAX_STRIP:
            raise InputError(f"strip {self.strip} is out of range: 1 to {MAX_STRIP} poses")
        if self.strip and suffix not in STILLS:
            raise InputError(
                f"a strip is one picture: give --out a name that ends in {STILLS[0]}, not {suffix}"
            )
        cameras.parse(self.camera)
        check_packages(suffix)


def record(cast: Clip | Sequence[Named], recording: Recording) -> bool:
    """Writes the file of one clip or of several side by side; whether all of it, since Ctrl-C ends a film early.

    InputError for a clip without frames, OutputError where it cannot be written.
    """
    people = [Named("", cast)] if isinstance(cast, Clip) else list(cast)
    for named in people:
        _check(named)
    _check_count(people, recording)
    with contextlib.closing(open_renderer(*recording.size, gles=recording.gles)) as renderer:
        if recording.strip:
            write_still(recording.path, _strip(people[0].clip, recording, renderer))
            return True
        film, suffix = Film(people, recording, renderer), suffix_of(recording.path)
        if suffix in STILLS:
            write_still(recording.path, film.picture(film.seconds / 2))
            return True
        fps = recording.fps or DEFAULT_FPS[suffix]
        count = max(1, round(film.seconds * fps))
        progress = Progress(f"drawing {recording.path.name}", count)
        done = write_film(
            recording.path, fps, count, lambda index: film.picture(index / fps), progress
        )
        if done < count:
            print(
                f"\nkinetoken: stopped; {done / fps:.1f} s are in {recording.path}", file=sys.stderr
            )
        return done == count


def _check_count(people: Sequence[Named], recording: Recording) -> None:
    """InputError where the film would have more pictures than anybody can wait for."""
    suffix = suffix_of(recording.path)
    if suffix in STILLS:
        return
    seconds = max(named.clip.seconds for named in people)
    count, most = seconds * (recording.fps or DEFAULT_FPS[suffix]), MOST_PICTURES[suffix]
    if count > most:
        raise InputError(
            f"{recording.path}: {seconds:.0f} s are {count:.0f} pictures, of at most {most} in {suffix}; "
            "lower --fps, or cut the clip"
        )


def _check(named: Named) -> None:
    which = f"the clip {named.name}" if named.name else "the clip"
    if not len(named.clip):
        raise InputError(f"{which} has no frames; there is nothing to show")
    if not np.isfinite(named.clip.joints).all():
        raise InputError(f"{which} holds values that are not numbers; it cannot be drawn")


def open_renderer(width: int, height: int, *, gles: bool = False) -> Renderer:
    """GL off screen where there is any; else the software painter, said in one line."""
    try:
        from .offscreen import OffscreenRenderer

        return OffscreenRenderer(width, height, gles=gles)
    except (ImportError, EngineError) as error:
        from ..render.software.painter import Painter

        reason = " ".join(str(error).split())[:120]
        wanted = "OpenGL ES, in spite of --gles" if gles else "OpenGL"
        print(f"kinetoken: drawing in software, without {wanted} ({reason})", file=sys.stderr)
        return Painter(width, height)


class Film:
    """One clip, or several people side by side, in front of one camera that follows."""

    def __init__(
        self, cast: Clip | Sequence[Named], recording: Recording, renderer: Renderer
    ) -> None:
        self._renderer, self._asked = renderer, recording
        named = [Named("", cast)] if isinstance(cast, Clip) else list(cast)
        self.people, self._fps = people_of(named)
        self._length = max(len(person.track) for person in self.people)
        self.seconds = self._length / self._fps
        self._path = self._looks()
        self._camera = self._framed(recording.camera)
        self._words, self._seed = (
            _words(named, recording),
            named[0].clip.seed if len(named) == 1 else None,
        )

    def _looks(self) -> NDArray[np.float64]:
        """(T, 3): what the camera looks at in every frame, between everybody."""
        looks = np.array([self._frames(person)[:, 0] for person in self.people])
        looks[..., 1] = cameras.BODY_CENTRE
        return cameras.smooth_path((looks.min(axis=0) + looks.max(axis=0)) / 2.0, self._fps)

    def _frames(self, person: Person) -> NDArray[np.float64]:
        """(T, 22, 3) where somebody is in every frame; who is through stays."""
        still = ((0, self._length - len(person.track)), (0, 0), (0, 0))
        return np.asarray(np.pad(person.track.frames, still, mode="edge") + np.array(person.place))

    def _framed(self, choice: str) -> Camera:
        """The camera's direction, as near as keeps the whole motion in the picture, words and all."""
        yaw, pitch, zoom = cameras.parse(choice)
        camera = Camera(yaw=yaw, pitch=pitch)
        around = np.array(
            [[x, y, z] for x in (-REACH, REACH) for y in (-0.05, 0.22) for z in (-REACH, REACH)]
        )
        points = []
        for person in self.people:
            frames = self._frames(person)
            offsets = np.concatenate(
                [self._near(frames, away) for away in self._moments()]
            ).reshape(-1, 3)
            points += [_extremes(offsets + shift, camera) for shift in around]
            standing = cameras.ENVELOPE * (1.0, ARMS_DOWN, 1.0) - (0.0, cameras.BODY_CENTRE, 0.0)
            points.append(
                standing + frames[0, 0] * (1.0, 0.0, 1.0) - self._path[0] * (1.0, 0.0, 1.0)
            )
        fitted = camera.fitted(
            np.unique(np.concatenate(points), axis=0), self._asked.size[0] / self._asked.size[1]
        )
        return fitted.zoom(1.0 / zoom)

    def _moments(self) -> list[int]:
        """Frames from the present to what is shown: the body, and its ghosts."""
        if not self._asked.layers.ghosts:
            return [0]
        reach = ghost_reach(len(self.people))
        return [round(number * GHOST_STEP * self._fps) for number in range(-reach, reach + 1)]

    def _near(self, frames: NDArray[np.float64], away: int) -> NDArray[np.float64]:
        """Frames (T, 22, 3) of another moment as the camera has them, which looks at the present."""
        present = np.arange(self._length)
        seen = (present + away >= 0) & (present + away < self._length)
        moved: NDArray[np.float64] = frames[present[seen] + away] - self._path[present[seen], None]
        return moved

    def picture(self, seconds: float) -> Pixels:
        """The picture at a moment of the motion."""
        position = min(seconds * self._fps, self._length - 1.0)
        index = min(int(position), max(0, self._length - 2))
        nearby = self._path[index : index + 2]
        share = position - index
        camera = self._camera.at(nearby[0] * (1 - share) + nearby[-1] * share)
        spotlight = max(1.0, camera.distance / 6.0)
        taken = shot(self.people, position, self._fps, self._asked.layers, camera, spotlight)
        return self._written(self._renderer.render(taken), camera, position)

    def _written(self, pixels: Pixels, camera: Camera, position: float) -> Pixels:
        if not self._asked.words:
            return pixels
        width, height = self._asked.size
        seed = "" if self._seed is None else f"   seed {self._seed}"
        words = replace(
            self._words, status=f"{self._asked.begin + position / self._fps:.1f} s{seed}"
        )
        film = suffix_of(self._asked.path) in FILMS
        bars = (
            TimeBar.of(width, height).bars(position / max(1.0, self._length - 1.0), 1.0)[:3]
            if film
            else []
        )
        heads = camera.project(over_heads(self.people, position), width, height)
        names = name_panels([person.name for person in self.people], heads, height)
        return stamp(pixels, [*names, *panels(words, width, height)], bars)


def _words(cast: Sequence[Named], recording: Recording) -> Words:
    """Prompt and thought of one clip, the prompt of several; the name of what is shown where there is none."""
    if len(cast) > 1:
        return Words(recording.prompt, title=recording.title)
    clip = cast[0].clip
    return Words(clip.prompt, spoken(clip.text), title="" if clip.prompt else recording.title)


def _extremes(offsets: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """Of many points the few that decide the framing: the outermost in many directions as the camera sees them."""
    local = offsets @ camera.axes().T
    angles = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles), np.full(32, 0.3)])
    chosen: NDArray[np.float64] = offsets[np.unique(np.argmax(local @ directions, axis=0))]
    return chosen


def strip_positions(clip: Clip, poses: int) -> NDArray[np.float64]:
    """(n,) in frames: what a strip of so many poses shows."""
    return np.linspace(0.0, len(clip) - 1.0, poses)


def _strip(clip: Clip, recording: Recording, renderer: Renderer) -> Pixels:
    """Poses at even times side by side, first on the left, each with its time."""
    yaw, pitch, zoom = cameras.parse(recording.camera)
    camera = Camera(yaw=yaw, pitch=pitch, fov=STRIP_FOV)
    times = strip_positions(clip, recording.strip)
    track = Track(clip.joints)
    right, floor = camera.axes()[0], np.array(ground(clip.joints))
    poses, middles, edge = [], [], 0.0
    for position in times:
        pose = track.sample(float(position))
        pose -= pose[JOINT["pelvis"]] * (1.0, 0.0, 1.0) - floor
        across = pose @ right
        centre = edge + STRIP_GAP / 2 + REACH - float(across.min())
        edge = centre + float(across.max()) + REACH + STRIP_GAP / 2
        poses.append(pose + centre * right)
        middles.append(centre * right)
    target = edge / 2 * right + np.array([0.0, cameras.BODY_CENTRE - 0.05, 0.0])
    above = STRIP_WORDS if recording.words else STRIP_HEAD
    corners = np.concatenate(
        [p + shift for p in poses for shift in ((0.0, above, 0.0), (0.0, -0.12, 0.0))]
    )
    ends = np.array([0.0, edge])[:, None] * right + (0.0, cameras.BODY_CENTRE, 0.0)
    camera = camera.at(target).fitted(
        np.concatenate([corners, ends]) - target, recording.size[0] / recording.size[1]
    )
    bodies = np.concatenate([parts(pose) for pose in poses])
    shot = Shot(camera.zoom(1.0 / zoom), bodies, spotlight=max(1.0, edge / 4.0))
    return _labelled(renderer.render(shot), shot.camera, clip, times, np.array(middles), recording)


def _labelled(
    pixels: Pixels,
    camera: Camera,
    clip: Clip,
    times: NDArray[np.float64],
    feet: NDArray[np.float64],
    asked: Recording,
) -> Pixels:
    if not asked.words:
        return pixels
    from ..hud.panels import SOFT, Panel, scale_of, text_image

    width, height = asked.size
    placed = panels(_words([Named("", clip)], asked), width, height)
    for time, place in zip(times, camera.project(feet, width, height), strict=True):
        image = text_image((f"{time / clip.fps:.1f} s",), round(14 * scale_of(height)), SOFT)
        placed.append(
            Panel(
                image,
                round(place[0]) - image.width // 2,
                min(height - image.height - 4, round(place[1]) + 12),
            )
        )
    return stamp(pixels, placed)
