"""How far a batch is and how long it will still take: a line on a terminal, a line a minute in a log."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Final, TextIO

REFRESH: Final = 0.2  # seconds between two repaints on a terminal
LOGGED: Final = 60.0  # and between two lines elsewhere
BAR: Final = 20


class BatchLine:
    """Counts lines of the prompts file, those that were done before among them."""

    def __init__(self, total: int, before: int, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._total, self._before = total, before
        self._began = self._shown = time.monotonic()

    def __enter__(self) -> BatchLine:
        if self._live:
            self._write(self.text(self._before, 0.0, 0.0))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._live:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()

    def show(self, done: int, seconds: float) -> None:
        """So many lines are done, and so many seconds of motion were made; repaint, unless it was done a moment ago."""
        now = time.monotonic()
        if now - self._shown >= (REFRESH if self._live else LOGGED):
            self._shown = now
            self._write(self.text(done, seconds, now - self._began))

    def text(self, done: int, seconds: float, elapsed: float) -> str:
        """The line after so many seconds of work."""
        filled = BAR * done // max(1, self._total)
        bar = "#" * filled + "." * (BAR - filled)
        made, left = done - self._before, self._total - done
        wait = f"{duration(elapsed / made * left)} left" if made else "time left: not known yet"
        pace = f"{seconds / elapsed:.1f}x real time | " if elapsed > 0 else ""
        return f"[{bar}] {done:,} of {self._total:,} | {pace}{wait}"

    def _write(self, text: str) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r" + text[:width].ljust(width))
        else:
            self._stream.write(text + "\n")
        self._stream.flush()


def duration(seconds: float) -> str:
    """In words that can be read at a glance."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
