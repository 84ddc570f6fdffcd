"""Keeping up: how many levels the next block has, and how many words may stand before it.

A body in real time needs `latent frames per second x levels` codes a second, and every word between
two blocks is paid for in the same time. On a slow engine something has to give. Both are decided
block by block, from the measured times of codes and words, from how far the body is ahead, and from
the rest of the answer: motion first, at two levels or more where that holds; words come out of what
the body is ahead. Every decision is written down: with the same decisions and the same seed the
clip is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ...sampling.grammar import MoveGrammar
from .decisions import Decisions
from .levels import sustained_levels
from .pace import Pace
from .playback_clock import PlaybackClock

FIRST_WORDS_SECONDS: Final = 1.0
"""Time for words before the first block: the first pose waits for them."""
CLAUSE: Final = 6
"""Words before a block that the levels above the second give way to."""
FEWEST_WORDS: Final = 3
"""Where there is no time for so many, none are said: a single word tells nothing."""
WORTHWHILE_LEVELS: Final = 2
"""Levels that words do not take from the motion."""
RESERVE_SECONDS: Final = 0.3
"""Seconds of motion in hand that words leave alone: with less, a player slows down (`JitterBuffer`)."""


@dataclass
class PacingRun:
    """The decisions of one answer, as the grammar asks for them."""

    grammar: MoveGrammar
    frame_seconds: float
    """Seconds of a latent frame."""
    pace: Pace
    continues: Callable[[int], bool]
    """Tells whether a text token goes on with the word before it."""
    given: Decisions | None = None
    """Decisions that are repeated, or were asked for."""
    clock: PlaybackClock = field(default_factory=PlaybackClock)
    now: int | None = None
    """Levels of the block before, in this answer or the last one of its session."""
    _levels: list[int] = field(default_factory=list)
    _words: list[int] = field(default_factory=list)
    _wanted: float = 0.0  # words before a block, as far as the model has shown

    def levels(self, block: int, frames: int, words: int) -> int:
        """Decide the levels of a block that opens.

        `frames`: latent frames before it; `words`: text tokens since the last one.
        """
        self._learn(block, words)
        given = self.given
        self.now = self._sustained(block, frames) if given is None else given.levels_of(block)
        self._levels.append(self.now)
        return self.now

    def words(self, block: int) -> int | None:
        """Decide how many text tokens may stand before a block; None: as many as the grammar lets.

        Before the first block it is asked behind the second word, whose time is known.
        """
        if self.given is not None:
            return self.given.words_before(block)
        usual = self.grammar.pause_limit if block else self.grammar.max_thought
        limit = min(usual, self._affordable(block))
        # A block that opened at once, or in the prompt, was not asked for.
        self._words += [usual] * (block - len(self._words)) + [limit]
        return limit

    @property
    def decisions(self) -> Decisions:
        """The decisions so far, which make the same clip again."""
        if self.given is not None:
            return self.given
        most = self.grammar.levels
        return Decisions(tuple(self._levels or [most]), tuple(self._words), most)

    def _learn(self, block: int, words: int) -> None:
        """Note how many words the model wants before a block; one that was cut short wants more."""
        if block:
            cut = self._words and words >= self._words[-1]
            self._wanted = (self._wanted + (max(CLAUSE, words) if cut else words)) / 2

    def _sustained(self, block: int, frames: int) -> int:
        """Levels at which the rest of the answer keeps up, with a clause before each block."""
        pace, others = self.pace, self.pace.under_way
        if pace.rate is None:
            return self.grammar.levels
        rate, beside = pace.rate / others, pace.beside * others
        length = frames / block if block else self._usual_block
        between = min(CLAUSE, self._wanted) * (pace.word_seconds or 0.0) * others / length
        rest = max(1, self.grammar.max_frames - frames)
        seconds = self.frame_seconds + max(0.0, self.clock.ahead - RESERVE_SECONDS) / rest
        most = self.grammar.levels
        held = sustained_levels(rate, most, seconds, self.now, beside + between)
        if held < WORTHWHILE_LEVELS:
            held = min(WORTHWHILE_LEVELS, sustained_levels(rate, most, seconds, self.now, beside))
        return held

    def _affordable(self, block: int) -> int:
        """Words that the body has time for."""
        pace, others = self.pace, self.pace.under_way
        if pace.rate is None or pace.word_seconds is None:
            return self.grammar.max_tokens
        word = pace.word_seconds * others
        if not block and not self.grammar.min_frames:
            return self.grammar.max_tokens  # words may be all that comes: no pose waits for them
        if not block:
            return max(FEWEST_WORDS, int(FIRST_WORDS_SECONDS / word))
        code, beside = others / pace.rate, pace.beside * others
        if code + beside > self.frame_seconds:
            return 0  # even a single level is behind: all the time is the motion's
        first_frame = (1 + (self.now or 1)) * code + beside
        words = int((self.clock.ahead - RESERVE_SECONDS - first_frame) / word)
        return words if words >= FEWEST_WORDS else 0

    @property
    def _usual_block(self) -> int:
        return max(1, self.grammar.min_block)
