"""Several bodies without end, side by side, on one clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from ..motion.skeleton import Array
from .endless_timeline import EndlessTimeline
from .timeline import TimedPose

PLACES: Final = (0.0, 1.4, -1.4, 2.8)
"""Where each person begins, metres along x from the first."""
MOST_PEOPLE: Final = len(PLACES)


class People:
    """One `EndlessTimeline` for each person; the first is where its frames say."""

    hungry: Final = True

    def __init__(self, fps: float, robot: str | None = None) -> None:
        """`robot`: the name of one that follows the first person."""
        self.fps = fps
        self._bodies = [EndlessTimeline(fps, robot)]
        self._gone = [0] * MOST_PEOPLE  # answers of those who stood in each place before

    def __len__(self) -> int:
        return len(self._bodies)

    def set_number(self, number: int) -> None:
        """Let there be 1 to `MOST_PEOPLE`; the last ones come and go."""
        for place, body in enumerate(self._bodies[number:], start=number):
            self._gone[place] += body.begun
        del self._bodies[number:]
        while len(self._bodies) < number:
            self._bodies.append(EndlessTimeline(self.fps))

    def begin(self, person: int, expected: float = 0.0) -> None:
        """Begin another answer of a person; for one that has gone, it is over at once."""
        if person < len(self):
            self._bodies[person].begin(expected)
        else:
            self._gone[person] += 1

    def push(self, person: int, joints: Array, rtf: float = 0.0) -> None:
        """Add frames (n, 22, 3) of a person's answer; nothing for one that has gone."""
        if person < len(self):
            self._bodies[person].push(joints, rtf)

    def end(self, person: int) -> None:
        """End a person's answer; nothing for one that has gone."""
        if person < len(self):
            self._bodies[person].end()

    def finish(self) -> None:
        """Note that no more answers will come."""
        for body in self._bodies:
            body.finish()

    def advance(self, seconds: float) -> None:
        """Let time pass for all."""
        for body in self._bodies:
            body.advance(seconds)

    @property
    def rested(self) -> tuple[int, ...]:
        """Number of answers in each place that are over and shown; those of who has gone count."""
        now = [body.rested for body in self._bodies]
        now += [0] * (MOST_PEOPLE - len(now))
        return tuple(gone + shown for gone, shown in zip(self._gone, now, strict=True))

    @property
    def holds(self) -> int:
        """Number of moves broken off because no more frames had arrived."""
        return sum(body.holds for body in self._bodies)

    @property
    def waiting(self) -> bool:
        """True while a move of anybody is broken off."""
        return any(body.waiting for body in self._bodies)

    @property
    def over(self) -> bool:
        """True once the last answer of all has been shown and no other will come."""
        return all(body.over for body in self._bodies)

    def pose(self) -> TimedPose:
        """The first person's pose to show now."""
        return self._bodies[0].pose()

    def others(self) -> tuple[TimedPose, ...]:
        """The poses of all but the first, each in its place."""
        return tuple(
            _moved(body.pose(), place)
            for body, place in zip(self._bodies[1:], PLACES[1:], strict=False)
        )


def _moved(pose: TimedPose, x: float) -> TimedPose:
    return replace(pose, joints=pose.joints + np.array([x, 0.0, 0.0]))
