"""Adaptive detail: codes per frame, decided for each block by the rate at which tokens came.

A body in real time needs `latent frames per second x levels` tokens a second. On a slower engine
fewer levels keep the time and lose detail; level 0 alone needs a quarter of the tokens of four. The
decision is taken when a block opens and holds to its end. It is written down: the same decisions
and the same seed give the same clip.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ..base.errors import InputError

AUTO_DETAIL: Final = "auto"
FULL_DETAIL: Final = "full"
COARSE_DETAIL: Final = "coarse"
DROP_BELOW: Final = 1.05
"""Of the rate that a number of levels needs: below this, a level is dropped."""
RAISE_ABOVE: Final = 1.2
"""Of the rate that one more level needs: above this it comes back.

The gap between the two keeps a wavering rate from flickering.
"""
MEMORY_SECONDS: Final = 2.0
"""Seconds of work that a pace looks back, about: older ones fade by e in that time."""
_END: Final = object()
_SPELLED: Final = re.compile(r"(?:auto([1-9][0-9]*):)?([0-9]+(?:,[0-9]+)*)")


_Item = TypeVar("_Item")


class Pace:
    """Times of late, for all answers of a bundle: of codes, of words, and of the rest of a frame.

    Several answers share one machine. If they take turns, each is timed without the others, and the
    time must do for all of them. If they run at once, in threads, each one's time already includes
    the others.
    """

    def __init__(self) -> None:
        self._seconds = {
            True: 0.0,
            False: 0.0,
            None: 0.0,
        }  # codes, words, beside codes; all fade alike
        self._counts = {True: 0.0, False: 0.0, None: 0.0}  # codes, words, latent frames
        self._lock = threading.Lock()
        self._under_way = self._at_once = 0

    def add(self, seconds: float, *, code: bool) -> None:
        """Note the seconds of one more token: a code, or a word before the first block."""
        self._count(seconds, code, 1)

    def add_beside(self, seconds: float, frames: float = 0) -> None:
        """Note seconds beside the codes: decoding `frames` latent frames, tokens between blocks."""
        self._count(seconds, None, frames)

    def _count(self, seconds: float, what: bool | None, count: float) -> None:
        with self._lock:
            seconds /= max(1, self._at_once)
            kept = math.exp(-seconds / MEMORY_SECONDS)
            self._seconds[what] = self._seconds[what] * kept + MEMORY_SECONDS * (1 - kept)
            self._counts[what] = self._counts[what] * kept + count

    @property
    def rate(self) -> float | None:
        """Codes per second; before the first code, words per second; None before any token.

        Words are no faster than codes.
        """
        heard = next((code for code in (True, False) if self._counts[code]), None)
        return None if heard is None else self._counts[heard] / max(self._seconds[heard], 1e-9)

    @property
    def beside(self) -> float:
        """Seconds of a latent frame beside its codes; 0 before the first."""
        return self._seconds[None] / self._counts[None] if self._counts[None] else 0.0

    @property
    def under_way(self) -> int:
        """Answers that have begun and are neither over nor closed, at least 1."""
        return max(1, self._under_way)

    def shared(self, chunks: Generator[_Item, None, None]) -> Generator[_Item, None, None]:
        """Pass the chunks on; one more answer counts as under way until they end or are closed."""
        self._move(under_way=1)
        try:
            while True:
                self._move(at_once=1)
                try:
                    chunk = next(chunks, _END)
                finally:
                    self._move(at_once=-1)
                if chunk is _END:
                    return
                yield chunk  # type: ignore[misc]
        finally:
            chunks.close()
            self._move(under_way=-1)

    def _move(self, under_way: int = 0, at_once: int = 0) -> None:
        with self._lock:
            self._under_way += under_way
            self._at_once += at_once


def sustained_levels(
    rate: float | None,
    most: int,
    frames_per_second: float,
    now: int | None = None,
    beside: float = 0.0,
) -> int:
    """Levels, 1 to `most`, that keep real time at a rate of codes; all of them if none is known.

    `now`: levels of the block before; if they still hold they stay, and more come back only if
    there is plenty of time. `beside`: seconds of a frame that do not depend on its levels.
    """
    if rate is None:
        return most
    held = min(most, max(1, int((1 / frames_per_second / DROP_BELOW - beside) * rate)))
    if now is None or held <= now:
        return held
    return max(now, min(most, int((1 / frames_per_second / RAISE_ABOVE - beside) * rate)))


def asked_levels(detail: str | None) -> tuple[int, ...] | None:
    """Levels spelled out block by block, "4,2,1" or "auto4:4,2,1"; None if the detail is a word.

    InputError for anything else.
    """
    if detail in (None, AUTO_DETAIL, FULL_DETAIL, COARSE_DETAIL):
        return None
    said = _SPELLED.fullmatch(str(detail).replace(" ", ""))
    if said is None or not all(map(int, said[2].split(","))):
        raise InputError(
            "detail: expected auto, full, coarse or levels of each block such as 4,2,1, got "
            f"{detail!r}"
        )
    return tuple(map(int, said[2].split(",")))


def levels_vary(detail: str | None) -> bool:
    """Tell whether blocks with this detail may have different numbers of levels."""
    return detail == AUTO_DETAIL or asked_levels(detail) is not None


def most_levels(detail: str | None) -> int | None:
    """The 4 of "auto4:4,2,1", which "auto" decided with 4 levels at most; None for other details.

    While "auto" decides, every block to come counts with the most levels, and what may be written
    depends on that if tokens are few.
    """
    said = _SPELLED.fullmatch(str(detail).replace(" ", ""))
    return int(said[1]) if said is not None and said[1] else None


def planned_levels(detail: str | None) -> tuple[int, ...]:
    """Levels of each block, the last for all later ones, if they are known from the start."""
    levels = () if most_levels(detail) else asked_levels(detail) or ()
    while len(levels) > 1 and levels[-1] == levels[-2]:
        levels = levels[:-1]
    return levels


@dataclass
class DetailRun:
    """The decisions of one answer, as the grammar asks for them."""

    most: int
    """Most levels of a frame."""
    frames_per_second: float
    """Latent frames per second."""
    pace: Pace
    given: tuple[int, ...] | None = None
    """Levels decided already, block by block; the last is for all later blocks."""
    asked: str = ""
    """The detail as it was spelled."""
    decided: list[int] = field(default_factory=list)
    now: int | None = None
    """Levels of the block before, in this answer or the last one of its session."""

    def __call__(self, block: int) -> int:
        """Decide the levels of a block that opens."""
        if self.given is not None:
            levels = self.given[min(block, len(self.given) - 1)]
        else:
            pace, others = self.pace, self.pace.under_way
            rate = None if pace.rate is None else pace.rate / others
            levels = sustained_levels(
                rate, self.most, self.frames_per_second, self.now, pace.beside * others
            )
        self.now = levels
        self.decided.append(levels)
        return levels

    @property
    def note(self) -> dict[str, str]:
        """The detail that makes the same clip again, for the clip's notes."""
        if self.given is not None:
            return {"detail": self.asked}
        return {
            "detail": f"{AUTO_DETAIL}{self.most}:{','.join(map(str, self.decided or [self.most]))}"
        }
