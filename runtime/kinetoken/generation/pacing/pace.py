"""How long tokens took of late, for all answers of a bundle: codes, words, and what is beside them."""

from __future__ import annotations

import math
import threading
from collections.abc import Generator
from typing import Final, TypeVar

MEMORY_SECONDS: Final = 2.0
"""Seconds of work that a pace looks back, about: older ones fade by e in that time."""
_END: Final = object()


_Item = TypeVar("_Item")


class Pace:
    """Times of late, for all answers of a bundle: of codes, of words, and of the rest of a frame.

    Several answers share one machine. If they take turns, each is timed without the others, and the
    time must do for all of them. If they run at once, in threads, each one's time already includes
    the others.
    """

    def __init__(self) -> None:
        # Of codes (True), of words (False), and beside the codes (None); all fade alike.
        self._seconds = {True: 0.0, False: 0.0, None: 0.0}
        self._counts = {True: 0.0, False: 0.0, None: 0.0}  # codes, words, latent frames
        self._lock = threading.Lock()
        self._under_way = self._at_once = 0

    def add(self, seconds: float, *, code: bool) -> None:
        """Note the seconds of one more token: a code, or a word."""
        self._count(seconds, code, 1)

    def add_beside(self, seconds: float, frames: float = 0) -> None:
        """Note seconds beside the codes: decoding `frames` latent frames, opening a block."""
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
        seconds = self._mean(True) or self._mean(False)
        return 1 / seconds if seconds else None

    @property
    def word_seconds(self) -> float | None:
        """Seconds of a word; before the first word, of a code; None before any token."""
        return self._mean(False) or self._mean(True)

    def _mean(self, what: bool) -> float | None:
        counted = self._counts[what]
        return max(self._seconds[what], 1e-9) / counted if counted else None

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
