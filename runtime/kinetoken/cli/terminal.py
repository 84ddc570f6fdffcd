"""One line of a terminal that says how work is going, for all three packages: a bar, or words."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, TextIO, TypeVar

from .standard_streams import PrintableStream, escaped

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..generation.generator import Generation

_T = TypeVar("_T")
REPAINT_SECONDS: Final = 0.1
LOG_SECONDS: Final = 60.0
"""Between two lines about long work where nobody watches a terminal."""
BAR_WIDTH: Final = 20  # letters


class TerminalLine:
    """One line, painted over and over and gone at the end; silent where there is no terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        if isinstance(self._stream, PrintableStream):  # a line is painted with \r
            self._stream = self._stream.stream
        self._live = self._stream.isatty()
        self._painted = 0.0  # when; 0: nothing to erase

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.erase()

    def erase(self) -> None:
        """Leave an empty line."""
        if self._painted:
            self._paint("")
            self._stream.write("\r")
            self._stream.flush()
            self._painted = 0.0

    def _due(self) -> bool:
        """True on a terminal that was not painted a moment ago."""
        return self._live and time.monotonic() - self._painted >= REPAINT_SECONDS

    def _paint(self, end: str, thought: str = "") -> None:
        """Fill the line with as much of the end of a thought as fits, then `end`."""
        self._painted = time.monotonic()
        end = in_one_line(end)
        width = shutil.get_terminal_size().columns - 1
        room = max(0, width - len(end))
        shown = printable(thought)
        shown = shown if len(shown) <= room else "..." + shown[len(shown) - max(0, room - 3) :]
        self._stream.write("\r" + (shown + end)[:width].ljust(width))
        self._stream.flush()


class ProgressLine(TerminalLine):
    """The thought as it is written, the seconds of motion, the real-time factor."""

    def show(self, generation: Generation) -> None:
        """Repaint, unless it was painted a moment ago."""
        if self._due():
            stats = generation.stats
            made = f"{stats.seconds_of_motion:4.1f} s of motion"
            figures = filter(None, (made, real_time(stats.rtf)))
            self._paint("".join(f" | {figure}" for figure in figures), generation.thought)


class ProgressLines:
    """The seconds of motion as lines of JSON on standard error: ten a second at most, and the last.

    `expected`: seconds at the end, null if nobody knows.
    """

    def __init__(self, expected: float | None) -> None:
        self._expected = expected
        self._printed = 0.0  # when
        self._seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._print()

    def show(self, generation: Generation) -> None:
        """Print a line, unless there was one a moment ago."""
        self._seconds = generation.stats.seconds_of_motion
        if time.monotonic() - self._printed >= REPAINT_SECONDS:
            self._print()

    def _print(self) -> None:
        self._printed = time.monotonic()
        facts = {"seconds": self._seconds, "expected": self._expected}
        print(json.dumps(facts), file=sys.stderr, flush=True)


class StepLine(TerminalLine):
    """The step that is being done."""

    def show(self, step: str) -> None:
        """Another step begins."""
        if self._live:
            self._paint(f"{step} ...")


class ProgressBar(TerminalLine):
    """A bar with the time left; where there is no terminal, one line a minute."""

    def __init__(
        self, label: str, total: float = 1.0, *, before: float = 0, stream: TextIO | None = None
    ) -> None:
        """An int `total` shows a count, a float a percentage; `before` was done earlier."""
        super().__init__(stream)
        self._label, self._total, self._before = label, total, before
        self._done = before
        self._began = self._logged = time.monotonic()
        self._told = False  # a line was printed, so the last one must follow

    def show(self, done: float, note: object = "") -> None:
        """So much is done; repaint, unless it was painted a moment ago.

        `note` becomes text only when it is shown.
        """
        self._done = done
        now = time.monotonic()
        if done >= self._total:
            self.erase()
            if self._told and not self._live:
                self._told = False
                self._log(done, now, note)
        elif self._due():
            self._paint(self.text(done, now - self._began, note))
        elif not self._live and now - self._logged >= LOG_SECONDS:
            self._logged, self._told = now, True
            self._log(done, now, note)

    def _log(self, done: float, now: float, note: object) -> None:
        line = self.text(done, now - self._began, note, bar=False)
        print(f"kinetoken: {in_one_line(line)}", file=self._stream, flush=True)

    def step(self, note: object = "") -> None:
        """One more is done."""
        self.show(self._done + 1, note)

    def text(self, done: float, elapsed: float, note: object = "", *, bar: bool = True) -> str:
        """The line after so many seconds of work."""
        share = done / self._total if self._total else 1.0
        filled = int(BAR_WIDTH * share)
        drawn = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]" if bar else ""
        count = f"{done:,} of {self._total:,}" if isinstance(self._total, int) else f"{share:.0%}"
        new, left = done - self._before, self._total - done
        wait = f"{duration(elapsed / new * left)} left" if new > 0 and left > 0 else ""
        begin = " ".join(filter(None, (self._label, drawn, count)))
        return " | ".join(filter(None, (begin, str(note), wait)))


def image_bar(stream: TextIO | None = None) -> ProgressBar:
    """The bar of a vision tower's work."""
    return ProgressBar("looking at the image", stream=stream)


def progress(items: Iterable[_T], label: str) -> Iterator[_T]:
    """The same items, behind a bar."""
    sequence = list(items)
    with ProgressBar(label, len(sequence)) as bar:
        for number, item in enumerate(sequence):
            bar.show(number)
            yield item
        bar.show(len(sequence))


def counted(number: int, noun: str) -> str:
    """Such as "1 code frame" or "1,200 code frames"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def real_time(factor: float) -> str:
    """Such as "38.2x real time"; empty where no motion was made."""
    if not factor > 0:
        return ""
    return f"{factor:.1f}x real time" if factor >= 1 else f"{factor:.2g}x real time"


def duration(seconds: float) -> str:
    """A duration in words, such as "1 min 20 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def printable(text: str) -> str:
    """The text in one line, with control characters escaped: a model may write them."""
    return escaped(" ".join(text.split()))


def in_one_line(text: str) -> str:
    """The same, with its spaces as they are: a file's name or a server's note may be in it."""
    return escaped(text).replace("\n", " ").replace("\t", " ")
