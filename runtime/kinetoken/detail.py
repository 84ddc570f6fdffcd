"""How much detail a machine can hold: codes per frame, decided for each block by the rate at which tokens were written.

A body in real time needs `latent frames per second x levels` tokens a second. Where the engine is slower, fewer levels keep the
time and lose detail; level 0 alone needs a quarter of four. The decision is taken when a block opens and holds to its end, so
that a frame is never of two minds, and it is written down: the same decisions and the same seed give the same clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from .errors import InputError

AUTO: Final = "auto"
FULL: Final = "full"
COARSE: Final = "coarse"
ENOUGH: Final = 1.05
"""Of the rate that a number of levels needs: what lies below drops a level. Block markers and words have to fit as well."""
PLENTY: Final = 1.2
"""Of the rate that one more level needs: what lies above brings it back, so that a rate that wavers does not flicker."""
REMEMBERED: Final = 2.0
"""Seconds of work that a pace looks back, about: older ones fade by e in that time."""


class Pace:
    """Tokens a second of late: codes and words apart, for inside a block the head is smaller.

    One for all answers of a loaded model, on purpose: they share the machine, and an answer knows the rate before its first
    token. What is decided by it belongs to each answer. Threads may add at once.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds = {True: 0.0, False: 0.0}  # both fade alike
        self._tokens = {True: 0.0, False: 0.0}

    def add(self, seconds: float, *, code: bool) -> None:
        """One more token took so long."""
        kept = math.exp(-seconds / REMEMBERED)
        with self._lock:
            self._seconds[code] = self._seconds[code] * kept + REMEMBERED * (1 - kept)
            self._tokens[code] = self._tokens[code] * kept + 1

    @property
    def rate(self) -> float | None:
        """Codes per second; before the first code, words per second, which are no faster; None before any token."""
        with self._lock:
            heard = next((code for code in (True, False) if self._tokens[code]), None)
            return None if heard is None else self._tokens[heard] / max(self._seconds[heard], 1e-9)


def sustained(rate: float | None, most: int, frames_per_second: float, now: int | None = None) -> int:
    """Levels, 1 to `most`, that tokens at a rate keep in real time; all of them where nothing is known.

    `now`: levels of the block before. One that still holds stays, and more come back only where there is plenty.
    """
    if rate is None:
        return most
    per_level = rate / frames_per_second
    held = min(most, max(1, int(per_level / ENOUGH)))
    if now is None or held <= now:
        return held
    return max(now, min(most, int(per_level / PLENTY)))


def asked_levels(detail: str | None) -> tuple[int, ...] | None:
    """Levels that are spelled out block by block: "4,2,1"; None where the detail is a word. InputError for anything else."""
    if detail in (None, AUTO, FULL, COARSE):
        return None
    parts = str(detail).split(",")
    if not all(part.strip().isdecimal() and int(part) >= 1 for part in parts):
        raise InputError(f"detail: expected auto, full, coarse or levels of each block such as 4,2,1, got {detail!r}")
    return tuple(int(part) for part in parts)


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
    decided: list[int] = field(default_factory=list)
    now: int | None = None
    """Levels of the block before, in this answer or the one before it in a session."""

    def __call__(self, block: int) -> int:
        """Levels of a block that opens."""
        if self.given is not None:
            levels = self.given[min(block, len(self.given) - 1)]
        else:
            levels = sustained(self.pace.rate, self.most, self.frames_per_second, self.now)
        self.now = levels
        self.decided.append(levels)
        return levels

    @property
    def note(self) -> dict[str, str]:
        """The decisions for a clip's notes, as `detail` takes them."""
        return {"detail": ",".join(map(str, self.decided))} if self.decided else {}
