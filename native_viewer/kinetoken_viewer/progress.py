"""A progress bar for work that takes longer than a user likes to wait in silence."""

from __future__ import annotations

import sys
import time
from typing import Final

_LINE_SECONDS: Final = 10.0  # between two lines where there is no terminal
_WIDTH: Final = 24  # characters


class Progress:
    """A bar on standard error that redraws itself; without a terminal, a line now and then."""

    def __init__(self, activity: str, total: int, *, quiet: bool = False) -> None:
        self._activity, self._total, self._done = activity, total, 0
        self._live, self._lines = sys.stderr.isatty() and not quiet, not quiet
        self._said = time.monotonic()

    def step(self) -> None:
        """Counts one more step as done."""
        self._done += 1
        if self._live:
            filled = round(_WIDTH * self._done / self._total)
            bar = "#" * filled + "." * (_WIDTH - filled)
            end = "\n" if self._done >= self._total else ""
            line = f"\r{self._activity} [{bar}] {self._done}/{self._total}"
            print(line, end=end, file=sys.stderr, flush=True)
        elif self._lines and time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            line = f"kinetoken: {self._activity}: {self._done}/{self._total}"
            print(line, file=sys.stderr, flush=True)
