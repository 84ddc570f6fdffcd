"""Frames that have arrived at 20 fps, and the moment between them that is sent: when to wait, when to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..motion.playback import JitterBuffer
from ..motion.skeleton import N_JOINTS
from ..motion.splines import catmull_rom
from .rig import RigRun, slerp

Array = NDArray[np.floating]

LONGEST_AHEAD: Final = (
    30.0  # seconds in hand beyond which no more is taken: then the generator waits
)
LONGEST_STEP: Final = (
    0.1  # seconds: a machine that hangs for longer delays the motion instead of making it jump
)


@dataclass(frozen=True)
class Pose:
    """One moment of the motion."""

    time: float
    """Seconds into the motion."""
    joints: NDArray[np.float64]
    """(22, 3) world positions, metres, Y up."""
    rotations: NDArray[np.float64]
    """(22, 4) quaternions xyzw relative to the parent and to the T-pose."""


class Timeline:
    """One motion on its way out, at its own pace."""

    def __init__(self, fps: float, *, loop: bool = False, to_come: float = 0.0) -> None:
        """`to_come`: seconds of motion to expect, 0 where unknown. `loop`: begin again after the end."""
        self.fps, self.loop = fps, loop
        self.holds = 0
        """How often the motion had to rest because no more had come."""
        self.finished = False
        self._buffer = JitterBuffer()
        self._expected = to_come
        self._rtf = 0.0
        self._rig = RigRun()
        self._joints, self._rotations = np.zeros((0, N_JOINTS, 3)), np.zeros((0, N_JOINTS, 4))
        self._length = 0
        self._position = 0.0

    def push(self, joints: Array, rtf: float = 0.0) -> None:
        """Frames (n, 22, 3) that follow the ones so far; the generator's real-time factor, 0 where unknown."""
        self._rtf = rtf or self._rtf
        total = self._length + len(joints)
        if total > len(self._joints):
            self._joints, self._rotations = (
                _grown(rows, total) for rows in (self._joints, self._rotations)
            )
        self._joints[self._length : total] = joints
        self._rotations[self._length : total] = self._rig.push(joints)
        self._length = total

    def finish(self) -> None:
        """No more frames will come."""
        self.finished = True

    @property
    def ahead(self) -> float:
        """Seconds that have arrived and have not been shown."""
        return max(0.0, self._edge - self._position) / self.fps

    @property
    def hungry(self) -> bool:
        """Whether more frames should be taken in."""
        return self.ahead < LONGEST_AHEAD

    @property
    def over(self) -> bool:
        """Whether the last frame has been reached for good."""
        return self.finished and not self.loop and self._position >= self._edge

    @property
    def _edge(self) -> float:
        """The last position to show: unless finished, the last frame only shapes the curve before it."""
        return float(max(0, self._length - (1 if self.finished else 2)))

    def advance(self, seconds: float) -> None:
        """Let time pass; the motion moves unless it has to wait, slower where little is in hand."""
        passed = min(seconds, LONGEST_STEP)
        rate = self._rate(passed)
        if not rate:
            return
        self._position += passed * rate * self.fps
        if self._position >= self._edge:
            self._position = 0.0 if self.finished and self.loop else self._edge

    @property
    def waiting(self) -> bool:
        """Whether it rests because no more has come."""
        return self._buffer.waiting

    def _rate(self, passed: float) -> float:
        """Share of the normal speed; 0 to rest."""
        rested = self.waiting
        to_come = max(0.0, self._expected - self._length / self.fps)
        rate = self._buffer.rate(
            self.ahead, finished=self.finished, rtf=self._rtf, to_come=to_come, passed=passed
        )
        self.holds += self.waiting and not rested
        return rate

    def pose(self) -> Pose | None:
        """What to show now; None before the first frame has come."""
        if not self._length:
            return None
        last = self._length - 1
        index = min(int(self._position), max(last - 1, 0))
        share = self._position - index
        p0, p1, p2, p3 = (self._joints[min(max(i, 0), last)] for i in range(index - 1, index + 3))
        after = min(index + 1, last)
        turned = slerp(self._rotations[index], self._rotations[after], share)
        return Pose(self._position / self.fps, catmull_rom(p0, p1, p2, p3, share), turned)


def _grown(rows: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    """A larger array that begins with `rows`; twice as large at least, so that growing stays cheap."""
    out = np.zeros((max(total, 2 * len(rows)), *rows.shape[1:]))
    out[: len(rows)] = rows
    return out
