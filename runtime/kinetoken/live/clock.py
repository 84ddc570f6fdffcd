"""A clock that strikes at a steady rate, and remembers how punctual it was."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

KEPT: Final = 36_000  # strikes whose lateness is remembered: ten minutes at 60 Hz


class Clock:
    """Deadlines at `rate` Hz. What is late by more than a period starts a new row of deadlines instead of hurrying."""

    def __init__(self, rate: float) -> None:
        self.period = 1.0 / rate
        self._next = time.perf_counter() + self.period
        self._late: deque[float] = deque(maxlen=KEPT)

    def wait(self) -> float:
        """Sleeps until the next deadline; seconds from the last deadline to this one."""
        while (left := self._next - time.perf_counter()) > 0.0:
            time.sleep(left)
        late = time.perf_counter() - self._next
        self._late.append(late)
        skipped = int(late / self.period)
        passed = (1 + skipped) * self.period
        self._next += passed
        return passed

    def lateness(self) -> tuple[float, float]:
        """Median and 99th percentile of how late the strikes were, in seconds; zeros before the first."""
        ordered = sorted(self._late) or [0.0]
        return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
