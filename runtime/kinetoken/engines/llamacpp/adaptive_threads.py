"""The number of threads for a token while other programs want the cores too.

The threads of a token wait for each other a thousand times. If one of them has to give up its core
for a while, all wait: on two cores beside one busy program a token took 113 to 220 ms with two
threads, 81 to 94 with one, and 49 to 55 with two if nothing else ran. So the number is found by
trying: fewer threads if cores are taken away, more if cores are idle, and what was faster stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from ...base.operating_system import clock_ticks, read_system_file

WINDOW: Final = 6
"""Last tokens that are looked at, each time so many have come."""
TRIAL: Final = 4
"""Tokens with another number before the two are compared."""
HOPELESS_RATIO: Final = 1.3
"""Of the usual time: two tokens that both take longer are enough to go back."""
BETTER_RATIO: Final = 0.95
"""Of the usual time: another number stays only if it takes less than this."""
LOST_CORES: Final = 0.4
"""Cores taken by other programs from which on fewer threads are tried; 0.0 on a quiet machine."""
FREE_CORES: Final = 0.7
"""Idle cores from which on more threads are tried."""
WATCHED_SECONDS: Final = 0.25
"""Seconds over which idle cores are counted; the system counts in hundredths."""
RETRY_TOKENS: Final = 48
"""Tokens until more threads are tried again, if the last try failed or idle cores are unknown."""
MOST_RETRY_TOKENS: Final = 768
"""Each failed try doubles the tokens until the next one, up to this."""
PROC_STAT: Final = Path("/proc/stat")


def idle_seconds(stat: Path = PROC_STAT) -> float | None:
    """Seconds that all cores of this machine together have been idle; None if it does not tell."""
    ticks, counted = clock_ticks(), read_system_file(stat).partition("\n")[0].split()
    try:
        return None if ticks is None else float(counted[4]) / ticks
    except (ValueError, IndexError):
        return None


class ThreadChoice:
    """The number of threads for the next token, from how the last ones went.

    There is one for all runs of a model, as they share the cores.
    """

    def __init__(self, most: int, idle: Callable[[], float | None] = idle_seconds) -> None:
        """`most` threads; `idle` tells the seconds that all cores have been idle."""
        self.count = self._most = self._settled = most
        self._idle = idle
        self._usual = 0.0
        """Seconds of a token with the settled number, while another is tried."""
        self._tokens: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._since = 0
        """Tokens since the number changed."""
        self._until_fewer, self._until_more = WINDOW, 0
        self._stride = 1
        """Grows if a few threads fewer did not help: one core short is no better than many."""
        self._watched = 0.0
        """Seconds of tokens since idle cores were last read."""
        self._idle_then: float | None = None

    def took(self, seconds: float, cpu_seconds: float, count: int) -> None:
        """Note that a token took `seconds` with `count` threads.

        `cpu_seconds`: time that all threads together were on a core.
        """
        if count != self.count:
            return
        self._tokens.append((seconds, cpu_seconds))
        self._since += 1
        self._watched += seconds
        if self.count != self._settled:
            self._judge()
        elif self._since % WINDOW == 0:
            self._consider()

    def _judge(self) -> None:
        """Keep the number that is being tried, or go back."""
        hopeless = len(self._tokens) > 1 and min(self._tokens)[0] > HOPELESS_RATIO * self._usual
        if not hopeless and len(self._tokens) < TRIAL:
            return
        if self._seconds() < BETTER_RATIO * self._usual:
            self._until_fewer, self._until_more, self._stride = WINDOW, 0, 1
            self._settled = self.count
        elif self.count < self._settled:
            self._until_fewer = min(
                2 * max(self._until_fewer, RETRY_TOKENS // 2), MOST_RETRY_TOKENS
            )
            self._stride = min(2 * self._stride, self._most)
        else:
            self._until_more = min(max(2 * self._until_more, RETRY_TOKENS), MOST_RETRY_TOKENS)
        self._take(self._settled)

    def _consider(self) -> None:
        """Try another number if it may be better."""
        lost = median(self.count - on_core / seconds for seconds, on_core in self._tokens)
        if lost > LOST_CORES and self.count > 1 and self._since >= self._until_fewer:
            self._usual = self._seconds()
            self._take(max(1, self.count - max(1, round(lost)) * self._stride))
        elif self.count < self._most and (free := self._free()):
            self._usual = self._seconds()
            self._take(min(self._most, self.count + free))

    def _free(self) -> int:
        """Number of threads to add now."""
        if self._watched < WATCHED_SECONDS:
            return 0
        now, then, watched = self._idle(), self._idle_then, self._watched
        self._idle_then, self._watched = now, 0.0
        if now is None:
            return int(self._since >= max(RETRY_TOKENS, self._until_more))
        if then is None or self._since < self._until_more:
            return 0
        free = (now - then) / watched
        return max(1, int(free)) if free >= FREE_CORES else 0

    def _take(self, count: int) -> None:
        self.count, self._since, self._idle_then, self._watched = count, 0, None, WATCHED_SECONDS
        self._tokens.clear()

    def _seconds(self) -> float:
        return median(seconds for seconds, _ in self._tokens)
