"""One line on a terminal that says how a generation is doing."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from ..pipeline import Generation

REFRESH = 0.05
"""Seconds between two repaints."""


class ProgressLine:
    """The thought as it is written, the seconds of motion, the real-time factor; silent where nobody watches."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._painted = 0.0

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live and self._painted:
            self._paint("")
            self._stream.write("\r")
            self._stream.flush()

    def show(self, generation: Generation) -> None:
        """Repaint, unless it was painted a moment ago."""
        now = time.monotonic()
        if self._live and now - self._painted >= REFRESH:
            self._painted = now
            stats = generation.stats
            self._paint(
                f" | {stats.seconds_of_motion:4.1f} s of motion | {stats.rtf:.1f}x real time", generation.thought
            )

    def _paint(self, end: str, thought: str = "") -> None:
        width = shutil.get_terminal_size().columns - 1
        room = max(0, width - len(end))
        shown = printable(thought)
        shown = shown if len(shown) <= room else "..." + shown[len(shown) - max(0, room - 3) :]
        self._stream.write("\r" + (shown + end)[:width].ljust(width))
        self._stream.flush()


class StepLine:
    """What is being done right now; silent where nobody watches."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live, self._began = self._stream.isatty(), time.monotonic()

    def __enter__(self) -> StepLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._paint("")
        if self._live:
            self._stream.write("\r")
            self._stream.flush()

    def show(self, step: str) -> None:
        """Another step begins."""
        self._paint(f"{time.monotonic() - self._began:5.0f} s | {step} ...")

    def _paint(self, text: str) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r" + text[:width].ljust(width))
            self._stream.flush()


def printable(text: str) -> str:
    """Text without anything that could steer a terminal: a model may write escape codes."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
