"""Pictures of finished clips at any moment, in front of one camera that follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip

from ..hud.name_tags import name_height, name_panels
from ..hud.panels import word_panels
from ..hud.text import Panel, stamp
from ..hud.time_bar import TimeBar
from ..render.camera import BODY_CENTRE, ENVELOPE, Camera, CameraView, smooth_path
from ..render.facing import turn_angles
from ..render.pixels import Pixels
from ..render.shot import Renderer
from ..stage.layers import GHOST_SECONDS, Person, compose_shot, ghost_reach, name_points, with_robot
from ..stage.places import NamedClip, place_people
from ..stage.robot_beside import RobotBeside
from ..stage.words import PictureWords, thought_of
from .request import RecordRequest

SKIN_METRES: Final = 0.13  # from a joint to the skin at most: head, hands, feet
_MARGIN: Final = 0.93  # of half the picture that the motion may use, without words
_BODY_WIDTH: Final = (
    0.3  # of the picture's height to each side of the middle: words may stand beside
)
_WORDS_ROOM: Final = 0.3  # of the picture's height that words may take from the body on each side
_ARMS_DOWN: Final = 0.9  # of the envelope's height: a known clip shows itself if arms are raised


class ClipFilm:
    """One clip, or several people side by side."""

    def __init__(
        self, clips: Clip | Sequence[NamedClip], request: RecordRequest, renderer: Renderer
    ) -> None:
        self._renderer, self._request = renderer, request
        named = [NamedClip("", clips)] if isinstance(clips, Clip) else list(clips)
        self.people, self._fps = place_people(named)
        if request.robot is not None:
            self.people = with_robot(self.people, RobotBeside(request.robot))
        self._length = max(len(person.track) for person in self.people)
        self.seconds = self._length / self._fps
        self._path = self._targets()
        self._angles = self._turns(request.camera)
        self._words = words_of(named, request)
        self._camera, self._rise = self._framed(request.camera)
        self._seed = named[0].clip.seed if len(named) == 1 else None

    def _targets(self) -> NDArray[np.float64]:
        """(T, 3): the point between everybody that the camera looks at, in every frame."""
        targets = np.array([self._frames(person)[:, 0] for person in self.people])
        targets[..., 1] = BODY_CENTRE
        return smooth_path((targets.min(axis=0) + targets.max(axis=0)) / 2.0, self._fps)

    def _turns(self, view: CameraView) -> NDArray[np.float64]:
        """(T,) radians that the camera turns after the body; none after several, or in the room."""
        if view.pursuit is None or len(self.people) > 1:
            return np.zeros(self._length)
        return turn_angles(self._frames(self.people[0]), self._fps, view.pursuit)

    def _frames(self, person: Person) -> NDArray[np.float64]:
        """(T, 22, 3) on the stage in every frame; a motion that is over holds its last pose."""
        still = ((0, self._length - len(person.track)), (0, 0), (0, 0))
        return np.asarray(np.pad(person.track.frames, still, mode="edge") + np.array(person.place))

    def _framed(self, view: CameraView) -> tuple[Camera, float]:
        """The camera, as near as keeps the whole motion in the picture, clear of the words.

        And metres by which it looks above the path, along the picture's height.
        """
        camera = Camera(yaw=view.yaw, pitch=view.pitch)
        around = np.array(
            [
                [x, y, z]
                for x in (-SKIN_METRES, SKIN_METRES)
                for y in (-0.05, 0.22)
                for z in (-SKIN_METRES, SKIN_METRES)
            ]
        )
        points = []
        for person in self.people:
            frames = self._frames(person)
            offsets = np.concatenate(
                [self._near(frames, away) for away in self._moments()]
            ).reshape(-1, 3)
            points += [_extremes(offsets + shift, camera) for shift in around]
            standing = ENVELOPE * (1.0, _ARMS_DOWN, 1.0) - (0.0, BODY_CENTRE, 0.0)
            beside = (frames[0, 0] - self._path[0]) * (1.0, 0.0, 1.0)
            points.append(standing + _turned_back(beside[None, None], self._angles[:1])[0])
        width, height = self._request.size
        edges = self._free_edges() if self._request.words else (_MARGIN, _MARGIN)
        offsets = np.unique(np.concatenate(points), axis=0)
        fitted = camera.fitted_between(offsets, width / height, *edges)
        rise = (np.array(fitted.target) - np.array(camera.target)) @ camera.axes()[1]
        return fitted.zoom(1.0 / view.zoom), float(rise)

    def _free_edges(self) -> tuple[float, float]:
        """Shares of half the picture above and below its middle that the words leave free."""
        width, height = self._request.size
        top, bottom = 0, height
        for panel in self._all_panels():
            if panel.y > height / 2:
                bottom = min(bottom, panel.y)
            elif panel.x + panel.image.width > width / 2 - _BODY_WIDTH * height:
                top = max(top, panel.y + panel.image.height)
        if any(person.name for person in self.people):
            top += name_height(height)
        most = _WORDS_ROOM * height
        above, below = (1.0 - 2.0 * min(most, side) / height for side in (top, height - bottom))
        return min(_MARGIN, above), min(_MARGIN, below)

    def _all_panels(self) -> Iterator[Panel]:
        """All words of the film, at every caption."""
        status = f"{self.seconds:.1f} s"
        for seconds in (0.0, *(caption.begin for caption in self._request.captions)):
            words = replace(self._words_at(seconds), status=status)
            yield from word_panels(words, *self._request.size)

    def _moments(self) -> list[int]:
        """Frames from the present to the poses that are shown: the body, and its ghosts."""
        if not self._request.layers.ghosts:
            return [0]
        reach = ghost_reach(len(self.people))
        return [round(number * GHOST_SECONDS * self._fps) for number in range(-reach, reach + 1)]

    def _near(self, frames: NDArray[np.float64], away: int) -> NDArray[np.float64]:
        """Frames (T, 22, 3) of another moment relative to the camera, which sees the present."""
        present = np.arange(self._length)
        seen = (present + away >= 0) & (present + away < self._length)
        moved: NDArray[np.float64] = frames[present[seen] + away] - self._path[present[seen], None]
        return _turned_back(moved, self._angles[present[seen]])

    def picture(self, seconds: float) -> Pixels:
        """The picture at a moment of the motion."""
        position = min(seconds * self._fps, self._length - 1.0)
        index = min(int(position), max(0, self._length - 2))
        nearby = self._path[index : index + 2]
        share = position - index
        turns = self._angles[index : index + 2]
        camera = self._camera.orbit(float(turns[0] * (1 - share) + turns[-1] * share), 0.0)
        camera = camera.at(nearby[0] * (1 - share) + nearby[-1] * share)
        camera = camera.pan(0.0, self._rise)
        spotlight = max(1.0, camera.distance / 6.0)
        layers = self._request.layers
        shot = compose_shot(self.people, position, self._fps, layers, camera, spotlight)
        return self._with_words(self._renderer.render(shot), camera, position)

    def _with_words(self, pixels: Pixels, camera: Camera, position: float) -> Pixels:
        if not self._request.words:
            return pixels
        width, height = self._request.size
        seed = "" if self._seed is None else f"   seed {self._seed}"
        seconds = self._request.begin + position / self._fps
        words = replace(self._words_at(seconds), status=f"{seconds:.1f} s{seed}")
        bars = []
        if not self._request.is_still:
            bar = TimeBar.of(width, height)
            bars = bar.bars(position / max(1.0, self._length - 1.0), 1.0)[:3]
        heads = camera.project(name_points(self.people, position), width, height)
        names = name_panels([person.name for person in self.people], heads, height)
        return stamp(pixels, [*names, *word_panels(words, width, height)], bars)

    def _words_at(self, seconds: float) -> PictureWords:
        """Prompt and thought at a moment."""
        begun = [each for each in self._request.captions if each.begin <= seconds]
        if not begun:
            return self._words
        return replace(self._words, prompt=begun[-1].prompt, thought=begun[-1].thought)


def _turned_back(offsets: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets (n, k, 3) from the camera's target as one sees them that has turned by angles (n,)."""
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y, z = np.moveaxis(offsets, -1, 0)
    return np.stack([cos * x - sin * z, y, sin * x + cos * z], axis=-1)


def words_of(clips: Sequence[NamedClip], request: RecordRequest) -> PictureWords:
    """Prompt and thought of one clip, the prompt of several; else the name of what is shown."""
    if len(clips) > 1:
        return PictureWords(request.prompt, title=request.title)
    clip = clips[0].clip
    title = "" if clip.prompt else request.title
    return PictureWords(clip.prompt, thought_of(clip), title=title)


def _extremes(offsets: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """The few of many points that decide the framing: the outermost the camera sees."""
    local = offsets @ camera.axes().T
    angles = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles), np.full(32, 0.3)])
    chosen: NDArray[np.float64] = offsets[np.unique(np.argmax(local @ directions, axis=0))]
    return chosen
