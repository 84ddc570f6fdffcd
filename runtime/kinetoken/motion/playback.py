"""Playback of motion that is still being made: its rate, when to wait for more, how fast to play.

One policy for windows and for live output without one. It has no process and no clock of its own.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

PREBUFFER: Final = 0.6
"""Seconds of motion before playback starts, or starts again, while no rate has been measured."""
_WORK_IN_HAND: Final = 0.9
"""Seconds of the generator's work that the buffer covers."""
PREBUFFERS: Final = (0.3, 1.2)  # seconds, least and most
STARVED: Final = 0.02
"""Seconds in hand below which to stop and refill, rather than to stutter."""
SLOWEST: Final = 0.75  # of the speed, when the buffer runs low
FASTEST: Final = 1.1  # of the speed, to make up for what was played slowly
_PLENTY: Final = 2.0  # prebuffers in hand before time is made up for
_MEMORY: Final = 3.0  # seconds of work over which the pace is measured


class Sample(NamedTuple):
    """The progress of a generator in one answer."""

    work: float
    """Seconds of work, waits not counted."""
    motion: float
    """Seconds of motion, final."""
    tokens: int


class Meter:
    """The rates of one answer over its last seconds of work.

    Text takes tokens but makes no motion.
    """

    def __init__(self) -> None:
        self._all: deque[Sample] = deque()
        self._moving: deque[Sample] = deque()

    def push(self, sample: Sample) -> None:
        """The state after a piece of the answer."""
        _remember(self._all, sample)
        if sample.motion > 0.0:
            _remember(self._moving, sample)

    @property
    def rtf(self) -> float:
        """Seconds of motion per second of work since the first motion; 0 while unknown."""
        return _slope(self._moving, 1)

    @property
    def tokens_per_second(self) -> float:
        """Tokens of every kind per second of work; 0 while unknown."""
        return _slope(self._all, 2)


def _remember(samples: deque[Sample], sample: Sample) -> None:
    samples.append(sample)
    while len(samples) > 2 and samples[1].work <= sample.work - _MEMORY:
        samples.popleft()


def _slope(samples: deque[Sample], column: int) -> float:
    if len(samples) < 2 or samples[-1].work <= samples[0].work:
        return 0.0
    return (samples[-1][column] - samples[0][column]) / (samples[-1].work - samples[0].work)


class JitterBuffer:
    """The playback speed of one motion: when to wait for more, and how fast to play."""

    def __init__(self) -> None:
        self.waiting = True
        self.late = 0.0
        """Seconds lost by playing slowly, not yet made up for."""

    def rate(
        self,
        ahead: float,
        *,
        finished: bool,
        rtf: float = 0.0,
        to_come: float = 0.0,
        passed: float = 0.0,
    ) -> float:
        """Share of the normal speed to play at now; 0 to wait.

        ahead: seconds in hand, arrived and not shown. rtf: the generator's real-time factor, 0 if
        unknown. to_come: seconds still to be made, if known. passed: seconds since the last call.
        """
        if not finished and ahead < STARVED:
            self.waiting = True
        if self.waiting and not finished and ahead < self.goal(rtf, to_come):
            return 0.0
        self.waiting = False
        return self.speed(ahead, finished=finished, rtf=rtf, passed=passed)

    def speed(
        self, ahead: float, *, finished: bool, rtf: float = 0.0, passed: float = 0.0
    ) -> float:
        """Share of the normal speed while it plays.

        Time lost by playing slowly is made up for later.
        """
        wanted = prebuffer(rtf)
        if self.late > 0.0 and (finished or ahead >= _PLENTY * wanted):
            speed = FASTEST
        else:
            speed = 1.0 if finished else min(1.0, max(SLOWEST, ahead / wanted))
        self.late = max(0.0, self.late + passed * (1.0 - speed))
        return speed

    def goal(self, rtf: float, to_come: float) -> float:
        """Seconds to have before playing; a generator slower than real time needs a head start."""
        return max(prebuffer(rtf), head_start(to_come, rtf))

    def wait(self, ahead: float, rtf: float, to_come: float) -> float:
        """Seconds until the goal is reached, at this real-time factor; 0 where that is unknown."""
        if rtf <= 0.0:
            return 0.0
        return max(0.0, (prebuffer(rtf) - ahead) / rtf, to_come * (1.0 / rtf - 1.0) - ahead)


def head_start(to_come: float, rtf: float) -> float:
    """Seconds to have in hand if so many more come at this real-time factor (0: unknown)."""
    return max(0.0, to_come) * (1.0 / rtf - 1.0) if 0.0 < rtf < 1.0 else 0.0


def prebuffer(rtf: float) -> float:
    """Seconds of motion to have in hand at this real-time factor; 0: not measured yet."""
    if rtf <= 0.0:
        return PREBUFFER
    return min(PREBUFFERS[1], max(PREBUFFERS[0], _WORK_IN_HAND / rtf))
