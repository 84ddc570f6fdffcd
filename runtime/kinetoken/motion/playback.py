"""The pace of what arrives: how fast it is made, when to wait for more, how fast to play what there is.

One policy for windows and for live output without one. No process and no clock in here.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

PREBUFFER: Final = (
    0.6  # seconds of motion before playing starts, or starts again, while nothing has been measured
)
# Seconds of the generator's work that the buffer covers: 0.6 s of motion at 1.5 times real time.
WORK_IN_HAND: Final = 0.9
PREBUFFERS: Final = (0.3, 1.2)  # seconds, least and most
STARVED: Final = (
    0.02  # seconds ahead below which to rest and refill, rather than stutter along the edge
)
SLOWEST: Final = 0.75  # of the speed, when the buffer runs low
FASTEST: Final = 1.1  # of the speed, to make up for what was played slowly
PLENTY: Final = 2.0  # prebuffers in hand before time is made up for
MEMORY: Final = 3.0  # seconds of work over which the pace is measured


class Sample(NamedTuple):
    """How far a generator has come in one answer."""

    work: float
    """Seconds of work, waits not counted."""
    motion: float
    """Seconds of motion, final."""
    tokens: int


class Meter:
    """One answer's pace over its last seconds of work: words take tokens but make no motion."""

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
        """Seconds of motion made per second of work since the first motion came; 0 while that is unknown."""
        return _slope(self._moving, 1)

    @property
    def tokens_per_second(self) -> float:
        """Tokens of every kind per second of work; 0 while that is unknown."""
        return _slope(self._all, 2)


def _remember(samples: deque[Sample], sample: Sample) -> None:
    samples.append(sample)
    while len(samples) > 2 and samples[1].work <= sample.work - MEMORY:
        samples.popleft()


def _slope(samples: deque[Sample], column: int) -> float:
    if len(samples) < 2 or samples[-1].work <= samples[0].work:
        return 0.0
    return (samples[-1][column] - samples[0][column]) / (samples[-1].work - samples[0].work)


class JitterBuffer:
    """One motion's pace on the screen: when to wait for more, and how fast to play what there is."""

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

        ahead: seconds that have arrived and are not shown. rtf: the generator's real-time factor, 0 when unknown.
        to_come: seconds of motion still to be made, where the length is known. passed: seconds since the last call.
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
        """Share of the normal speed while it plays; what is lost by playing slowly is made up for later."""
        wanted = prebuffer(rtf)
        if self.late > 0.0 and (finished or ahead >= PLENTY * wanted):
            speed = FASTEST
        else:
            speed = 1.0 if finished else min(1.0, max(SLOWEST, ahead / wanted))
        self.late = max(0.0, self.late + passed * (1.0 - speed))
        return speed

    def goal(self, rtf: float, to_come: float) -> float:
        """Seconds to have before playing: a generator slower than real time needs a head start for the rest."""
        return max(prebuffer(rtf), head_start(to_come, rtf))

    def wait(self, ahead: float, rtf: float, to_come: float) -> float:
        """Seconds until the goal is reached, at this real-time factor; 0 where that is unknown."""
        if rtf <= 0.0:
            return 0.0
        return max(0.0, (prebuffer(rtf) - ahead) / rtf, to_come * (1.0 / rtf - 1.0) - ahead)


def head_start(to_come: float, rtf: float) -> float:
    """Seconds to have in hand for a rest of so many seconds from a generator of this real-time factor, 0 where unknown."""
    return max(0.0, to_come) * (1.0 / rtf - 1.0) if 0.0 < rtf < 1.0 else 0.0


def prebuffer(rtf: float) -> float:
    """Seconds of motion to have in hand with a generator of this real-time factor; 0: not measured yet."""
    if rtf <= 0.0:
        return PREBUFFER
    return min(PREBUFFERS[1], max(PREBUFFERS[0], WORK_IN_HAND / rtf))
