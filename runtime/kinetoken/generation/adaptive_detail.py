"""How much detail a machine can hold: codes per frame, decided for each block by the rate at which tokens were written.

A body in real time needs `latent frames per second x levels` tokens a second. Where the engine is slower, fewer levels keep the
time and lose detail; level 0 alone needs a quarter of four. The decision is taken when a block opens and holds to its end, so
that a frame is never of two minds, and it is written down: the same decisions and the same seed give the same clip.
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
"""Of the rate that a number of levels needs: what lies below drops a level."""
RAISE_ABOVE: Final = 1.2
"""Of the rate that one more level needs: what lies above brings it back, so that a rate that wavers does not flicker."""
MEMORY_SECONDS: Final = 2.0
"""Seconds of work that a pace looks back, about: older ones fade by e in that time."""
_END: Final = object()
_SPELLED: Final = re.compile(r"(?:auto([1-9][0-9]*):)?([0-9]+(?:,[0-9]+)*)")


_Item = TypeVar("_Item")


class Pace:
    """How long things took of late, for all answers of a bundle: codes, words, and what is beside the codes of a frame.

    Several answers share one machine. Where they take turns, each is timed without the others, and the time has to reach for all
    that are under way. Where they run at once, in threads, each one's time has the others in it already.
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
        """One more token took the language model so long; a word that stands before the first block."""
        self._count(seconds, code, 1)

    def add_beside(self, seconds: float, frames: float = 0) -> None:
        """So long for what comes on top of codes, decoding frames and the tokens between two blocks; latent frames that came of it."""
        self._count(seconds, None, frames)

    def _count(self, seconds: float, what: bool | None, count: float) -> None:
        with self._lock:
            seconds /= max(1, self._at_once)
            kept = math.exp(-seconds / MEMORY_SECONDS)
            self._seconds[what] = self._seconds[what] * kept + MEMORY_SECONDS * (1 - kept)
            self._counts[what] = self._counts[what] * kept + count

    @property
    def rate(self) -> float | None:
        """Codes per second; before the first code, words per second, which are no faster; None before any token."""
        heard = next((code for code in (True, False) if self._counts[code]), None)
        return None if heard is None else self._counts[heard] / max(self._seconds[heard], 1e-9)

    @property
    def beside(self) -> float:
        """Seconds of a latent frame beside its codes; 0 before the first."""
        return self._seconds[None] / self._counts[None] if self._counts[None] else 0.0

    @property
    def under_way(self) -> int:
        """Answers that have begun and are neither over nor closed, 1 at the least."""
        return max(1, self._under_way)

    def shared(self, chunks: Generator[_Item, None, None]) -> Generator[_Item, None, None]:
        """The same chunks; from the first one to the last, or until they are closed, one answer more is under way."""
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
    """Levels, 1 to `most`, that codes at a rate keep in real time; all of them where nothing is known.

    `now`: levels of the block before. One that still holds stays, and more come back only where there is plenty. `beside`: seconds
    that a frame takes however many levels it has.
    """
    if rate is None:
        return most
    held = min(most, max(1, int((1 / frames_per_second / DROP_BELOW - beside) * rate)))
    if now is None or held <= now:
        return held
    return max(now, min(most, int((1 / frames_per_second / RAISE_ABOVE - beside) * rate)))


def asked_levels(detail: str | None) -> tuple[int, ...] | None:
    """Levels that are spelled out block by block, "4,2,1" or "auto4:4,2,1"; None where the detail is a word. InputError."""
    if detail in (None, AUTO_DETAIL, FULL_DETAIL, COARSE_DETAIL):
        return None
    said = _SPELLED.fullmatch(str(detail).replace(" ", ""))
    if said is None or not all(map(int, said[2].split(","))):
        raise InputError(
            f"detail: expected auto, full, coarse or levels of each block such as 4,2,1, got {detail!r}"
        )
    return tuple(map(int, said[2].split(",")))


def levels_vary(detail: str | None) -> bool:
    """Whether the blocks of an answer with this detail may have different numbers of levels."""
    return detail == AUTO_DETAIL or asked_levels(detail) is not None


def most_levels(detail: str | None) -> int | None:
    """Of "auto4:4,2,1", which "auto" decided where 4 were the most: the 4. None for any other detail.

    While "auto" decides, every block to come is counted at the most, and what may be written depends on that where tokens are few.
    """
    said = _SPELLED.fullmatch(str(detail).replace(" ", ""))
    return int(said[1]) if said is not None and said[1] else None


def planned_levels(detail: str | None) -> tuple[int, ...]:
    """Levels of each block, the last for those after, where they are known before the answer begins; else nothing."""
    levels = () if most_levels(detail) else asked_levels(detail) or ()
    while len(levels) > 1 and levels[-1] == levels[-2]:
        levels = levels[:-1]
    return levels


@dataclass
class DetailRun:
    """The decisions of one answer: a `Detail` of the grammar."""

    most: int
    """Levels of a frame at most."""
    frames_per_second: float
    """Latent frames."""
    pace: Pace
    given: tuple[int, ...] | None = None
    """Decided already, block by block; the last holds for those after."""
    asked: str = ""
    """How that was said."""
    decided: list[int] = field(default_factory=list)
    now: int | None = None
    """Levels of the block before, in this answer or the one before it in a session."""

    def __call__(self, block: int) -> int:
        """Levels of a block that opens."""
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
        """For a clip's notes: the detail that makes the same clip again."""
        if self.given is not None:
            return {"detail": self.asked}
        return {
            "detail": f"{AUTO_DETAIL}{self.most}:{','.join(map(str, self.decided or [self.most]))}"
        }
