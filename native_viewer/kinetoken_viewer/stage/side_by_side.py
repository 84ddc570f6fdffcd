"""Several people side by side on one clock: clips of files, answers to one prompt, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kinetoken.motion.clip import Clip, MotionChunk

from ..generator.messages import (
    AnswerEnded,
    AnswerStarted,
    Message,
    MessageSource,
    MotionArrived,
    PersonMessage,
)
from .arriving_stage import ArrivingStage
from .layers import Person, ground
from .places import NamedClip, live_places, place_people, track_at
from .playhead import Track
from .stage import Stage
from .standing_pose import STANDING


class ClipsSideBySide(Stage):
    """Finished clips; the longest of them gives the time bar its length."""

    def __init__(self, title: str, clips: Sequence[NamedClip], *, foot_lock: bool = True) -> None:
        unlocked, fps = place_people(clips)
        super().__init__("", title=title)
        longest = max(unlocked, key=lambda person: len(person.track))
        self.track.append(longest.track.frames.astype(np.float32))
        self.playhead.fps = fps
        self._unlocked = unlocked
        locked, _ = place_people(clips, foot_lock=True)
        # The lock would move the places by a hair and people would jump: they keep those without.
        self._locked = [
            person._replace(place=old.place) for person, old in zip(locked, unlocked, strict=True)
        ]
        self.finished = True
        self.can_lock, self.foot_lock = True, foot_lock

    def tick(self, seconds: float) -> None:
        """Moves on by one picture's worth of time."""
        self.jumped = self.playhead.advance(seconds, len(self.track), finished=True)

    def people(self) -> list[Person]:
        """Everybody, first from the left."""
        return self._locked if self.foot_lock else self._unlocked

    @property
    def clip(self) -> Clip | None:
        """None: these clips are files already."""
        return None


class AnswersSideBySide(ArrivingStage):
    """Answers to one prompt while they are written: the first person's messages move the clock."""

    def __init__(
        self,
        prompt: str,
        names: Sequence[str],
        feed: MessageSource,
        beside: Sequence[NamedClip] = (),
        *,
        expected: float = 0.0,
    ) -> None:
        """`names` of the answers; `beside`: clips to stand to their right."""
        super().__init__(prompt, feed, expected=expected)
        self._names = [*names, *(named.name for named in beside)]
        self._beside, self._beside_tracks, self._beside_rate = beside, list[Track](), 0.0
        self._others = [Track() for _ in names[1:]]
        self._all_chunks: list[list[MotionChunk]] = [self._chunks, *([] for _ in names[1:])]
        self._seeds: dict[int, int] = {}
        self._clips: dict[int, Clip] = {}

    def take(self, message: Message) -> None:
        """Takes one message of the generator."""
        if not isinstance(message, PersonMessage):
            super().take(message)
            return
        person, news = message.person, message.message
        if isinstance(news, MotionArrived):
            self._others[person - 1].append(news.chunk.joints)
            self._all_chunks[person].append(news.chunk)
        elif isinstance(news, AnswerStarted):
            self._seeds[person] = news.seed
        elif isinstance(news, AnswerEnded):
            self._clips[person] = news.clip

    def people(self) -> list[Person]:
        """Everybody, first from the left; those without motion stand."""
        tracks = [
            track if len(track) else STANDING
            for track in (self.track, *self._others, *self._clips_at(self.playhead.fps))
        ]
        places = live_places(len(tracks))
        for index, named in enumerate(self._beside, start=len(self._all_chunks)):
            places[index] = (places[index][0], ground(named.clip.joints)[1], places[index][2])
        return [Person(*each) for each in zip(tracks, places, self._names, strict=True)]

    def _clips_at(self, fps: float) -> list[Track]:
        """The clips beside the answers at the clock's rate, known once the model is loaded."""
        if fps != self._beside_rate:
            tracks = [track_at(named.clip, fps) for named in self._beside]
            self._beside_tracks, self._beside_rate = tracks, fps
        return self._beside_tracks

    def thought(self) -> str:
        """Nothing: everybody has their own."""
        return ""

    def seeds(self) -> list[str]:
        """Nothing: everybody has their own."""
        return []

    def answers(self) -> list[NamedClip]:
        """Answers, whole or as far as they have come, but for those without motion."""
        found = [(name, self._answer(index)) for index, name in enumerate(self._names)]
        return [NamedClip(name, clip) for name, clip in found if clip is not None]

    def _answer(self, person: int) -> Clip | None:
        if person in self._clips:
            return self._clips[person]
        if person >= len(self._all_chunks) or not self._all_chunks[person]:
            return None
        chunks = self._all_chunks[person]
        clip = Clip.from_chunks(chunks, prompt=self.prompt, seed=self._seeds.get(person))
        return replace(clip, fps=self.playhead.fps)
