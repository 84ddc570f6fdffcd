"""Requests to learn from: captions in other words, with more asked, joined, denied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from .action_names import COUNTED, LASTING, STEPPED
from .frames import (
    COUNTS,
    DURATIONS,
    NEGATIONS,
    ONLY_NOT,
    SPEED_FRAMES,
    STEPS,
    STYLE_WORDS,
)
from .gibberish import Gibberish
from .joined import Joiner
from .requests import CaptionSet, Exclusion, Part, Request
from .rewording import Rewording
from .spelling import conjugated, language, number_words, says_how_often, times_words

_COUNT_SHARES: Final = {1: 0.08, 2: 0.24, 3: 0.22, 4: 0.12, 5: 0.1, 6: 0.06, 7: 0.03, 8: 0.04, 9: 0.02,
    10: 0.05, 12: 0.02, 15: 0.01, 20: 0.01}  # fmt: skip
_STEPS_OF_COUNTS: Final = 0.4  # of requests that say how often, those of a gait's steps
_SAYS_STEPS: Final = ("step", "pace", "stride")
_SECONDS: Final = (1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 8, 8, 9, 10, 10, 12, 15, 16, 20)
_GIBBERISH: Final = 0.1  # share of the unknown
_SLOWER: Final = {"walk_forward": "walk_slowly"}
_FASTER: Final = {"walk_forward": "walk_fast"}
_DANCES: Final = ("salsa", "ballet", "Indian")
# Whose name says the speed.
_OF_ONE_SPEED: Final = ("walk_slowly", "walk_fast", "stand_still", "t_pose", "meditate", "run")


@dataclass(frozen=True)
class Mixture:
    """Shares of the kinds of request; what is left is captions of one action as they stand."""

    unknown: float = 0.09
    sequence: float = 0.12
    pair: float = 0.11
    triple: float = 0.08
    seconds: float = 0.05
    count: float = 0.07
    speed: float = 0.03
    negation: float = 0.04
    style: float = 0.02
    plain: float = 0.02
    """Plain names of actions."""


class Wordings:
    """Draws requests without end; never one that the exams exclude."""

    def __init__(
        self, captions: CaptionSet, seed: int, exclusion: Exclusion, mixture: Mixture | None = None
    ) -> None:
        self.captions, self.exclusion = captions, exclusion
        self.random = np.random.default_rng(seed)
        self.rewording = Rewording([r.text for r in captions.all()], self.random)
        self.gibberish = Gibberish(self.random)
        self.actions = list(captions.single)
        # An action with four times the captions comes twice as often.
        roots = np.sqrt([len(mine) for mine in captions.single.values()])
        self._action_shares = roots / roots.sum()
        mix = mixture or Mixture()
        makers: dict[str, Callable[[], Request | None]] = {
            "unknown": self._unknown,
            "sequence": lambda: self._one_of(captions.sequences),
            "pair": lambda: joiner.draw(2),
            "triple": lambda: joiner.draw(3),
            "seconds": self._seconds,
            "count": self._count,
            "speed": self._speed,
            "negation": self._negation,
            "style": self._style,
            "plain": self._plain,
        }
        self._makers: list[Callable[[], Request | None]] = [*makers.values(), self._any_caption]
        shares = [float(getattr(mix, name)) for name in makers]
        self._shares = np.array([*shares, 1 - sum(shares)])
        self._imperatives = {
            action: [r for r in mine if self.rewording.is_imperative(r.text)]
            for action, mine in captions.single.items()
        }
        joiner = Joiner(captions, self.rewording, self._bare, self._with_count)
        self._denied = [
            r.text.lower()
            for r in captions.unknown
            if r.unknown == "motion" and self.rewording.is_imperative(r.text)
        ]

    def draw(self) -> Request:
        """One request."""
        return self._worded(self._of_any_kind)

    def of(self, action: str) -> Request:
        """A caption of one action, open names included, in some wording."""
        return self._worded(lambda: self._caption(action))

    def counting(self) -> Request:
        """A request that says how often, twice or more, in some wording."""
        return self._worded(self._count_of_two_or_more)

    def lasting(self) -> Request:
        """A request that says how long, in some wording."""
        return self._worded(self._seconds)

    def _worded(self, maker: Callable[[], Request | None]) -> Request:
        """The first request of a maker, in some wording, that no exam asks."""
        while True:
            request = maker()
            if request is None:
                continue
            request = replace(request, text=self.rewording.dressed(request.text))
            if not self.exclusion.excludes(request.text):
                return request

    def _of_any_kind(self) -> Request | None:
        return self._makers[int(self.random.choice(len(self._makers), p=self._shares))]()

    def _action(self) -> str:
        return self.actions[int(self.random.integers(len(self.actions)))]

    def _one_of(self, found: list[Request]) -> Request:
        request = found[int(self.random.integers(len(found)))]
        return replace(request, text=self.rewording.framed(request.text))

    def _unknown(self) -> Request:
        if self.random.random() < _GIBBERISH:
            return Request(self.gibberish.draw(), unknown="nonsense")
        return self._one_of(self.captions.unknown)

    def _any_caption(self) -> Request:
        return self._caption(str(self.random.choice(self.actions, p=self._action_shares)))

    def _caption(self, action: str) -> Request:
        return self._one_of(self.captions.single[action])

    def _bare(self, action: str) -> Request | None:
        """An imperative without a count or a duration, from the captions or plain."""
        found = self._imperatives.get(action, [])
        if found and self.random.random() < 0.55:
            request = found[int(self.random.integers(len(found)))]
            return None if request.parts[0].count else request
        return Request(self.rewording.verb(action), (Part(action),))

    def _plain(self) -> Request:
        action = self._action()
        return Request(self.rewording.framed(self.rewording.verb(action)), (Part(action),))

    def _seconds(self) -> Request | None:
        action = LASTING[int(self.random.integers(len(LASTING)))]
        found = self.captions.single[action]
        request = found[int(self.random.integers(len(found)))]
        part, spoken = request.parts[0], language(request.text)
        if self.random.random() < 0.4 and spoken == "en":
            request = Request(self.rewording.verb(action), (Part(action),))
            part = request.parts[0]
        if part.count or len(request.text) > 60 or any(c.isdigit() for c in request.text):
            return None
        if "second" in request.text or "minute" in request.text or "hour" in request.text:
            return None
        seconds = int(self.random.choice(_SECONDS))
        form = self.rewording.pick(DURATIONS[spoken])
        words = number_words(seconds)
        text = request.text.rstrip(".!?\u3002\uff01")
        text = form.format(x=text, n=seconds, w=words)
        if seconds == 1:
            text = text.replace("seconds", "second").replace("Sekunden", "Sekunde")
        return Request(self.rewording.framed(text), (replace(part, seconds=seconds),))

    def _count(self) -> Request | None:
        countable = STEPPED if self.random.random() < _STEPS_OF_COUNTS else COUNTED
        bare = self._bare(countable[int(self.random.integers(len(countable)))])
        if bare is None:
            return None
        request = self._with_count(bare)
        return replace(request, text=self.rewording.framed(request.text))

    def _count_of_two_or_more(self) -> Request | None:
        request = self._count()
        return None if request is None or request.parts[0].count < 2 else request

    def _with_count(self, request: Request) -> Request:
        part, stepped = request.parts[0], request.parts[0].action in STEPPED
        if says_how_often(request.text) or not (stepped or part.action in COUNTED):
            return request
        if stepped and any(word in request.text.lower() for word in _SAYS_STEPS):
            return request
        counts = list(_COUNT_SHARES)
        count = int(self.random.choice(counts, p=list(_COUNT_SHARES.values())))
        count = max(count, 2) if stepped else count
        form = self.rewording.pick(STEPS if stepped else COUNTS)
        number = str(count) if self.random.random() < 0.6 else number_words(count)
        if count == 1 and "{n}" in form:
            form = "{x} {t}"
        text = form.format(x=request.text, t=times_words(count), n=number)
        return Request(text, (replace(part, count=count),))

    def _speed(self) -> Request | None:
        action = self._action()
        bare = self._bare(action)
        if bare is None or bare.parts[0].speed or action in _OF_ONE_SPEED:
            return None
        speed = "slow" if self.random.random() < 0.5 else "fast"
        named = (_SLOWER if speed == "slow" else _FASTER).get(action, action)
        part = replace(bare.parts[0], action=named, speed=speed)
        text = self.rewording.pick(SPEED_FRAMES[speed]).format(x=bare.text)
        return Request(self.rewording.framed(text), (part,))

    def _style(self) -> Request | None:
        styles = list(STYLE_WORDS)
        style = styles[int(self.random.integers(len(styles)))]
        dances = style in _DANCES
        bare = self._bare("dance" if dances else self._action())
        if bare is None or bare.parts[0].style or len(bare.text.split()) > 4:
            return None
        text = f"{bare.text} {self.rewording.pick(STYLE_WORDS[style])}"
        return Request(self.rewording.framed(text), (replace(bare.parts[0], style=style),))

    def _negation(self) -> Request | None:
        if self.random.random() < 0.12:
            return self._only_not()
        action, other = self._action(), self._action()
        if other.split("_")[0] == action.split("_")[0]:
            return None
        bare = self._bare(action)
        if bare is None or "," in bare.text:
            return None
        form = self.rewording.pick(NEGATIONS)
        denied, denied_ing = self._denied_of(other)
        text = form.format(a=bare.text, b=denied, b_ing=denied_ing)
        return Request(self.rewording.framed(text), bare.parts)

    def _denied_of(self, action: str) -> tuple[str, str]:
        if self._denied and self.random.random() < 0.25:
            verb = self.rewording.pick(self._denied)
            return verb, conjugated("~" + verb, "ing")
        return self.rewording.verb(action), self.rewording.verb(action, "ing")

    def _only_not(self) -> Request:
        action = self._action()
        if action == "stand_still":
            action = "run"
        denied, denied_ing = self._denied_of(action)
        text = self.rewording.pick(ONLY_NOT).format(b=denied, b_ing=denied_ing)
        return Request(text, (Part("stand_still"),))
