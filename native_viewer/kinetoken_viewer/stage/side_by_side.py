"""Several people side by side on one clock: clips of files, answers to one prompt, or both."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip, MotionChunk

from ..generator.feed import Ended, Feed, Message, Moved, Opened
from ..hud.panels import Words
from .layers import Person, ground
from .playhead import Track
from .stage import Stage
from .standing_pose import STANDING

APART: Final = 1.0  # metres between the places of two people at least
TWO_ROWS: Final = 6  # people, from whom on they stand in two rows
ROW: Final = 2.4  # metres between the rows
CLEAR: Final = 0.6  # metres between the joints of neighbours when they are nearest
LIVE_APART: Final = 1.7  # metres between the places of people whose motion is not known yet
FARTHEST: Final = (
    4.0  # metres between two places: people who wander may meet rather than be out of sight
)


class Named(NamedTuple):
    """A clip and what it is called beside others."""

    name: str
    clip: Clip


class Beside(NamedTuple):
    """A message about somebody other than the first of a cast."""

    who: int
    """Its place in the cast, from 0."""
    message: Message
    turn: int = 1


def at_rate(clip: Clip, fps: float) -> Track:
    """The clip's frames as a track of another rate."""
    if clip.fps == fps:
        return Track(clip.joints)
    own = Track(clip.joints)
    count = max(1, int((len(clip) - 1) / clip.fps * fps + 1e-6) + 1)
    return Track(np.array([own.sample(index * clip.fps / fps) for index in range(count)]))


def places(tracks: Sequence[Track]) -> list[tuple[float, float, float]]:
    """Where to put people side by side, so that neighbours never come nearer than CLEAR; the middle is the origin."""
    across = [_across(track, max(len(t) for t in tracks)) for track in tracks]
    out = []
    for row in _rows(len(tracks)):
        xs = [0.0]
        for before, after in itertools.pairwise(across[row.start : row.stop]):
            need = float((before[1] - after[0]).max()) + CLEAR
            xs.append(xs[-1] + min(FARTHEST, max(APART, need)))
        out.append(xs)
    return _centred(out)


def lanes(count: int) -> list[tuple[float, float, float]]:
    """Places for people whose motion is still to come."""
    return _centred([[LIVE_APART * index for index in range(len(row))] for row in _rows(count)])


def _rows(count: int) -> list[range]:
    """Who stands in which row, the back row first: it is seen between those before it."""
    if count < TWO_ROWS:
        return [range(count)]
    return [range(count // 2), range(count // 2, count)]


def _centred(rows: Sequence[Sequence[float]]) -> list[tuple[float, float, float]]:
    """Of places along each row: around the origin, and the rows behind each other; in rows of equal length one aside."""
    out, aside = [], 0.0
    if len(rows) > 1 and len(rows[0]) == len(rows[1]):
        aside = 0.25 * (rows[0][1] - rows[0][0])
    for number, xs in enumerate(rows):
        middle = (xs[0] + xs[-1]) / 2.0 + (aside if number else -aside)
        out += [(x - middle, 0.0, ROW * (number - (len(rows) - 1) / 2.0)) for x in xs]
    return out


def _across(track: Track, length: int) -> NDArray[np.float64]:
    """(2, length): the smallest and the largest X of every frame; the last frame goes on."""
    xs = track.frames[..., 0]
    ends = np.stack([xs.min(axis=1), xs.max(axis=1)])
    return np.pad(ends, ((0, 0), (0, length - len(track))), mode="edge")


def people_of(cast: Sequence[Named], *, foot_lock: bool = False) -> tuple[list[Person], float]:
    """Everybody with a place, and the rate of their common clock: that of the first."""
    clips = [named.clip.foot_locked() if foot_lock else named.clip for named in cast]
    fps = clips[0].fps
    tracks = [at_rate(clip, fps) for clip in clips]
    stands = [
        (place[0], ground(clip.joints)[1], place[2])
        for place, clip in zip(places(tracks), clips, strict=True)
    ]
    return [
        Person(track, place, named.name)
        for track, place, named in zip(tracks, stands, cast, strict=True)
    ], fps


class Cast(Stage):
    """Finished clips side by side; the longest of them gives the time bar its length."""

    def __init__(self, title: str, cast: Sequence[Named], *, foot_lock: bool = True) -> None:
        plain, fps = people_of(cast)
        longest = max(plain, key=lambda person: len(person.track))
        super().__init__(
            "", title=title, clip=Clip(longest.track.frames.astype(np.float32), fps=fps)
        )
        self._plain = plain
        locked, _ = people_of(cast, foot_lock=True)
        # Where it differs by a hair, the places would jump: everybody keeps the one that they have without the lock.
        self._locked = [
            person._replace(place=old.place) for person, old in zip(locked, plain, strict=True)
        ]
        self.can_lock, self.foot_lock = True, foot_lock
        self.cast: list[Named] = []
        """What is to be saved: these clips are files already."""

    def people(self) -> list[Person]:
        """First from the left."""
        return self._locked if self.foot_lock else self._plain

    def close(self) -> None:
        """Nothing is held."""


class LiveCast(Stage):
    """Answers to one prompt side by side, while they are written: the first's messages move the clock."""

    def __init__(
        self,
        prompt: str,
        names: Sequence[str],
        feed: Feed,
        beside: Sequence[Named] = (),
        *,
        expected: float = 0.0,
    ) -> None:
        """`names` of the answers; `beside`: clips to stand to their right."""
        super().__init__(prompt, feed=feed, expected=expected)
        self._answers = feed
        self._answered, self._names = len(names), [*names, *(named.name for named in beside)]
        self._beside, self._beside_tracks, self._beside_rate = beside, list[Track](), 0.0
        self._others = [Track() for _ in names[1:]]
        self._pieces: list[list[MotionChunk]] = [self._chunks, *([] for _ in names[1:])]
        self._seeds: dict[int, int] = {}
        self._clips: dict[int, Clip] = {}

    def _take(self, message: Message | Beside) -> None:
        if not isinstance(message, Beside):
            super()._take(message)
            return
        who, news = message.who, message.message
        if isinstance(news, Moved):
            self._others[who - 1].append(news.chunk.joints)
            self._pieces[who].append(news.chunk)
        elif isinstance(news, Opened):
            self._seeds[who] = news.seed
        elif isinstance(news, Ended):
            self._clips[who] = news.clip

    def people(self) -> list[Person]:
        """First from the left; who has not moved yet stands."""
        tracks = [
            track if len(track) else STANDING
            for track in (self.track, *self._others, *self._clips_at(self.playhead.fps))
        ]
        spots = lanes(len(tracks))
        for index, named in enumerate(self._beside, start=self._answered):
            spots[index] = (spots[index][0], ground(named.clip.joints)[1], spots[index][2])
        return [Person(*each) for each in zip(tracks, spots, self._names, strict=True)]

    def _clips_at(self, fps: float) -> list[Track]:
        """The clips beside the answers at the rate of the clock, which the model says when it is loaded."""
        if fps != self._beside_rate:
            self._beside_tracks, self._beside_rate = (
                [at_rate(named.clip, fps) for named in self._beside],
                fps,
            )
        return self._beside_tracks

    def words(self, picture_rate: float, *, help_shown: bool = False) -> Words:
        """Without a thought: everybody has their own."""
        return replace(super().words(picture_rate, help_shown=help_shown), thought="")

    def _seed(self) -> list[str]:
        return []  # everybody has their own

    @property
    def cast(self) -> list[Named]:
        """Answers, whole or as far as they have come; not those of which no motion has."""
        found = [(self._names[who], self._answer(who)) for who in range(self._answered)]
        return [Named(name, clip) for name, clip in found if clip is not None]

    def _answer(self, who: int) -> Clip | None:
        if who in self._clips:
            return self._clips[who]
        if not self._pieces[who]:
            return None
        clip = Clip.from_chunks(self._pieces[who], prompt=self.prompt, seed=self._seeds.get(who))
        return replace(clip, fps=self.playhead.fps)

    def close(self) -> None:
        """Ends the generator's process."""
        self._answers.close()
