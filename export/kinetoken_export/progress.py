"""One progress bar for the export package, on stderr, quiet when nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
WIDTH = 24


def bar(done: float, label: str, tail: str = "") -> None:
    """Draw the bar at `done` (0 to 1) over the current line; nothing when stderr is no terminal."""
    if sys.stderr.isatty():
        filled = int(done * WIDTH)
        end = "\n" if done >= 1 else ""
        sys.stderr.write(
            f"\r\x1b[K{label} {'█' * filled}{'·' * (WIDTH - filled)} {done:4.0%} {tail}{end}"
        )
        sys.stderr.flush()


def progress(items: Sequence[T] | Iterable[T], label: str) -> Iterator[T]:
    """Iterate with a bar and the time left."""
    sequence = list(items)
    began = time.monotonic()
    for i, item in enumerate(sequence):
        left = (time.monotonic() - began) / i * (len(sequence) - i) if i else 0.0
        bar(i / len(sequence), label, f"{left:.0f} s left" if i else "")
        yield item
    if sequence:
        bar(1.0, label)
