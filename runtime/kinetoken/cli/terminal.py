"""One line on a terminal that says how something is doing."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from ..generation.generator import Generation

REFRESH = 0.05
"""Seconds between two repaints."""
BAR = 20
"""Letters of a bar."""


class Line:
    """One line of a terminal, painted over and over, gone at the end; silent where nobody watches."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._painted = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._live and self._painted:
            self._paint("")
            self._stream.write("\r")
            self._stream.flush()

    def _due(self) -> bool:
        """Whether to paint now; not where it was painted a moment ago."""
        now = time.monotonic()
        if not self._live or now - self._painted < REFRESH:
            return False
        self._painted = now
        return True

    def _paint(self, end: str, thought: str = "") -> None:
        width = shutil.get_terminal_size().columns - 1
        room = max(0, width - len(end))
        shown = printable(thought)
        shown = shown if len(shown) <= room else "..." + shown[len(shown) - max(0, room - 3) :]
        self._stream.write("\r" + (shown + end)[:width].ljust(width))
        self._stream.flush()


class ProgressLine(Line):
    """The thought as it is written, the seconds of motion, the real-time factor."""

    def show(self, generation: Generation) -> None:
        """Repaint, unless it was painted a moment ago."""
        if self._due():
            stats = generation.stats
            self._paint(
                f" | {stats.seconds_of_motion:4.1f} s of motion | {stats.rtf:.1f}x real time",
                generation.thought,
            )


class Looking(Line):
    """How far looking at an image is."""

    def show(self, share: float) -> None:
        """Repaint, unless it was painted a moment ago; `share` 0 to 1."""
        if self._due():
            done = round(share * BAR)
            self._paint(f"looking at the image [{'=' * done}{' ' * (BAR - done)}] {share:4.0%}")


class StepLine(Line):
    """What is being done right now."""

    def show(self, step: str) -> None:
        """Another step begins."""
        if self._live:
            self._painted = time.monotonic()
            self._paint(f"{step} ...")


def printable(text: str) -> str:
    """Text without anything that could steer a terminal: a model may write escape codes."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
