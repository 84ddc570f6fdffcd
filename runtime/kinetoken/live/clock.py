"""A clock that ticks at a steady rate and records how late each tick was."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

_REMEMBERED: Final = 36_000  # ticks: ten minutes at 60 Hz


class Clock:
    """Deadlines at `rate` Hz; a tick late by more than a period shifts the later ones."""

    def __init__(self, rate: float) -> None:
        self.period = 1.0 / rate
        self._next = time.perf_counter() + self.period
        self._late: deque[float] = deque(maxlen=_REMEMBERED)

    def wait(self) -> float:
        """Sleep until the next deadline; seconds since the last one."""
        while (left := self._next - time.perf_counter()) > 0.0:
            time.sleep(left)
        late = time.perf_counter() - self._next
        self._late.append(late)
        skipped = int(late / self.period)
        passed = (1 + skipped) * self.period
        self._next += passed
        return passed

    def lateness(self) -> tuple[float, float]:
        """Median and 99th percentile of the lateness in seconds; zeros before the first tick."""
        ordered = sorted(self._late) or [0.0]
        return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
