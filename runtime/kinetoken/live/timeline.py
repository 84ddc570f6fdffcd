"""The timeline of one motion: frames that have arrived, and the moment between them to send now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..motion.playback import JitterBuffer
from ..motion.quaternions import slerp
from ..motion.resample import catmull_rom
from ..motion.skeleton import N_JOINTS, Array, Array64
from ..robots.robot_model import robot_named
from ..robots.robot_rate import robot_between
from ..robots.robot_run import RobotPose, RobotRun
from .avatar_rotations import RigRun

_MAX_AHEAD: Final = 30.0  # seconds in hand; with more, the generator has to wait
MAX_STEP: Final = (
    0.1  # seconds: a machine that hangs for longer delays the motion instead of making it jump
)


@dataclass(frozen=True)
class TimedPose:
    """One moment of the motion."""

    time: float
    """Seconds into the motion."""
    joints: Array64
    """(22, 3) world positions, metres, Y up."""
    rotations: Array64
    """(22, 4) quaternions xyzw relative to the parent and to the T-pose."""
    robot: RobotPose | None = None
    """The same moment of a robot, if one was asked for."""


class Timeline:
    """One motion, played as it arrives."""

    def __init__(
        self, fps: float, *, loop: bool = False, to_come: float = 0.0, robot: str | None = None
    ) -> None:
        """`to_come`: its length in seconds, 0 if unknown. `loop`: begin again after the end.

        `robot`: the name of one that follows.
        """
        self.fps, self.loop = fps, loop
        self.holds = 0
        """Number of times that the motion had to wait for more."""
        self.finished = False
        self._buffer = JitterBuffer()
        self._expected = to_come
        self._rtf = 0.0
        self._rig = RigRun()
        self._robot = None if robot is None else RobotRun(robot_named(robot), fps)
        self._robot_poses: list[RobotPose] = []
        self._joints, self._rotations = np.zeros((0, N_JOINTS, 3)), np.zeros((0, N_JOINTS, 4))
        self._length = 0
        self._position = 0.0

    def push(self, joints: Array, rtf: float = 0.0) -> None:
        """Add the next frames (n, 22, 3); `rtf` of the generator, 0 if unknown."""
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
        """Note that no more frames will come."""
        self.finished = True

    @property
    def ahead(self) -> float:
        """Seconds that have arrived and are not shown yet."""
        return max(0.0, self._edge - self._position) / self.fps

    @property
    def hungry(self) -> bool:
        """True while more frames should be taken in."""
        return self.ahead < _MAX_AHEAD

    @property
    def over(self) -> bool:
        """True once the last frame has been reached for good."""
        return self.finished and not self.loop and self._position >= self._edge

    @property
    def _edge(self) -> float:
        """The last position to show.

        Unless finished, the last frame only shapes the curve before it.
        """
        return float(max(0, self._length - (1 if self.finished else 2)))

    def advance(self, seconds: float) -> None:
        """Let time pass; the motion plays unless it has to wait, slower while little is in hand."""
        passed = min(seconds, MAX_STEP)
        rate = self._rate(passed)
        if not rate:
            return
        self._position += passed * rate * self.fps
        if self._position >= self._edge:
            self._position = 0.0 if self.finished and self.loop else self._edge

    @property
    def waiting(self) -> bool:
        """True while the motion waits for more."""
        return self._buffer.waiting

    def _rate(self, passed: float) -> float:
        """Share of the normal speed; 0 to wait."""
        rested = self.waiting
        to_come = max(0.0, self._expected - self._length / self.fps)
        rate = self._buffer.rate(
            self.ahead, finished=self.finished, rtf=self._rtf, to_come=to_come, passed=passed
        )
        self.holds += self.waiting and not rested
        return rate

    def pose(self) -> TimedPose | None:
        """The pose to show now; None before the first frame has arrived."""
        if not self._length:
            return None
        last = self._length - 1
        index = min(int(self._position), max(last - 1, 0))
        share = self._position - index
        p0, p1, p2, p3 = (self._joints[min(max(i, 0), last)] for i in range(index - 1, index + 3))
        after = min(index + 1, last)
        turned = slerp(self._rotations[index], self._rotations[after], share)
        return TimedPose(
            self._position / self.fps,
            catmull_rom(p0, p1, p2, p3, share),
            turned,
            self._robot_pose(index, after, share),
        )

    def _robot_pose(self, index: int, after: int, share: float) -> RobotPose | None:
        """The robot between two frames, which it follows no sooner than they are shown.

        A frame takes it a few milliseconds: those in hand must not hold up the clock.
        """
        if self._robot is None:
            return None
        while len(self._robot_poses) <= after:
            self._robot_poses.append(self._robot.next(self._joints[len(self._robot_poses)]))
        return robot_between(self._robot_poses[index], self._robot_poses[after], share)


def _grown(rows: Array64, total: int) -> Array64:
    """A larger array that begins with `rows`, at least twice as large, so that growing is cheap."""
    out = np.zeros((max(total, 2 * len(rows)), *rows.shape[1:]))
    out[: len(rows)] = rows
    return out
