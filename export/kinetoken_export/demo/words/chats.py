"""Chats of several turns: follow-ups such as "again", "now faster", "the other way", "and back"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from . import frames
from .action_names import COUNTED, FASTER, LASTING, MIRRORED_ACTION, SLOWER
from .requests import Part, Request
from .spelling import times_words
from .thought_lines import SIDE_PHRASES
from .thoughts import Thoughts
from .wordings import Wordings

_FOLLOW_UPS: Final = 0.6  # share of later turns that lean on the one before
_ALONE: Final = 0.004  # share of chats that begin with a follow-up, which then means nothing
_COUNTS: Final = (1, 2, 2, 3, 3, 4, 5)
_SECONDS: Final = (2, 3, 4, 5, 6, 8, 10)
_GOING: Final = ("walk_forward", "walk_slowly", "walk_fast", "run", "sneak", "tiptoe", "skip", "limp",
    "crouch_walk", "crawl", "hop_one_leg")  # fmt: skip
_BOTH: Final = {"wave_left": "wave_both", "wave_right": "wave_both",
    "raise_left_arm": "raise_arms", "raise_right_arm": "raise_arms"}  # fmt: skip
_GET_UP: Final = {
    "lie_down": "get_up_from_floor", "fall_down": "get_up_from_floor",
    "sit_on_floor": "get_up_from_floor", "meditate": "get_up_from_floor",
    "kneel": "get_up_from_floor", "sit_on_chair": "stand_up_from_chair",
}  # fmt: skip
_HELD: Final = ("stand_still", "t_pose", "meditate", "lie_down", "kneel", "pray")


class Chats:
    """Draws chats: requests in turn, every open name decided."""

    def __init__(self, wordings: Wordings, thoughts: Thoughts) -> None:
        self.wordings, self.thoughts = wordings, thoughts
        self.random = wordings.random
        self.makers: tuple[Callable[[Part], Request | None], ...] = (
            lambda part: self._same(frames.AGAIN, part),
            lambda part: self._same(frames.AGAIN, part),
            self._faster,
            self._slower,
            self._mirrored,
            self._mirrored,
            self._sided,
            self._sided,
            self._counted,
            self._for_seconds,
            self._both,
            self._back,
            self._stopped,
            self._up,
            self._up,
        )

    def draw(self, turns: int) -> list[Request]:
        """A chat of as many turns."""
        if turns == 1 and self.random.random() < _ALONE:
            return [Request(self.wordings.rewording.pick(frames.AGAIN), unknown="unsure")]
        chat = [self._fresh()]
        while len(chat) < turns:
            last = chat[-1]
            follow = None
            if self.random.random() < _FOLLOW_UPS and not last.unknown:
                follow = self._follow(last)
            chat.append(follow or self._fresh())
        return chat

    def counting(self) -> Request:
        """A request that says how often."""
        return self._closed(self.wordings.counting())

    def lasting(self) -> Request:
        """A request that says how long."""
        return self._closed(self.wordings.lasting())

    def _fresh(self) -> Request:
        return self._closed(self.wordings.draw())

    def _closed(self, request: Request) -> Request:
        return replace(request, parts=tuple(self.thoughts.closed(part) for part in request.parts))

    def _follow(self, last: Request) -> Request | None:
        if len(last.parts) > 1:
            if self.random.random() < 0.5:
                return Request(self._said(frames.AGAIN), last.parts)
            return None
        part = last.parts[0]
        return self.makers[int(self.random.integers(len(self.makers)))](part)

    def _said(self, options: tuple[str, ...], **names: object) -> str:
        text = self.wordings.rewording.pick(options).format(**names)
        return self.wordings.rewording.dressed(text)

    def _same(self, options: tuple[str, ...], part: Part) -> Request:
        return Request(self._said(options), (part,))

    def _faster(self, part: Part) -> Request | None:
        if part.action in _HELD or part.speed == "fast" or part.action == "run":
            return None
        action = FASTER.get(part.action, part.action)
        changed = action != part.action or part.speed == "slow"
        speed = "" if changed else "fast"
        return self._same(frames.FASTER_WORDS, replace(part, action=action, speed=speed))

    def _slower(self, part: Part) -> Request | None:
        if part.action in _HELD or part.speed == "slow" or part.action == "walk_slowly":
            return None
        action = SLOWER.get(part.action, part.action)
        changed = action != part.action or part.speed == "fast"
        speed = "" if changed else "slow"
        return self._same(frames.SLOWER_WORDS, replace(part, action=action, speed=speed))

    def _mirrored(self, part: Part) -> Request | None:
        action = MIRRORED_ACTION.get(part.action)
        if action is not None:
            return self._same(frames.OTHER_WAY, replace(part, action=action, side=""))
        if part.side in ("left", "right") and part.action in SIDE_PHRASES:
            side = "left" if part.side == "right" else "right"
            return self._same(frames.OTHER_WAY, replace(part, side=side))
        return None

    def _sided(self, part: Part) -> Request | None:
        side = "left" if self.random.random() < 0.5 else "right"
        text = self._said(frames.WITH_SIDE, side=side)
        for other in ("left", "right"):
            if other in part.action:
                action = part.action.replace(other, side)
                return Request(text, (replace(part, action=action, side=""),))
        if part.action in SIDE_PHRASES:
            return Request(text, (replace(part, side=side),))
        return None

    def _counted(self, part: Part) -> Request | None:
        if part.action not in COUNTED:
            return None
        count = int(self.random.choice(_COUNTS))
        text = self._said(frames.COUNT_WORDS, t=times_words(count), n=count)
        return Request(text, (replace(part, count=count, seconds=0),))

    def _for_seconds(self, part: Part) -> Request | None:
        if part.action not in LASTING:
            return None
        seconds = int(self.random.choice(_SECONDS))
        text = self._said(frames.SECONDS_WORDS, n=seconds)
        return Request(text, (replace(part, seconds=seconds, count=0),))

    def _both(self, part: Part) -> Request | None:
        action = _BOTH.get(part.action)
        if action is None:
            return None
        return self._same(frames.BOTH_WORDS, replace(part, action=action))

    def _back(self, part: Part) -> Request | None:
        if part.action not in _GOING:
            return None
        going = Part(part.action if part.action in ("run", "walk_slowly") else "walk_forward")
        return Request(self._said(frames.AND_BACK), (Part("turn_around"), going))

    def _stopped(self, part: Part) -> Request | None:
        if part.action in _GET_UP:
            return None
        return self._same(frames.STOP_WORDS, Part("stand_still"))

    def _up(self, part: Part) -> Request | None:
        action = _GET_UP.get(part.action)
        return Request(self._said(frames.GET_UP_WORDS), (Part(action),)) if action else None
