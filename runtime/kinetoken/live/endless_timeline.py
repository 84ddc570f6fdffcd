"""Motion without end: answers as they come, idle motion in between, a stop at any moment."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from ..motion.body_line import BodyLine
from ..motion.playback import JitterBuffer
from ..motion.quaternions import slerp
from ..motion.resample import catmull_rom
from ..motion.skeleton import Array, Array64
from ..robots.robot_model import robot_named
from ..robots.robot_rate import robot_between
from ..robots.robot_run import RobotPose, RobotRun
from .avatar_rotations import RigRun
from .timeline import MAX_STEP, TimedPose

_AHEAD: Final = 2  # poses after the present one: the next, and one that shapes the curve


class EndlessTimeline:
    """The motion of a chat; each frame is placed and blended just before it is sent."""

    hungry: Final = True

    def __init__(self, fps: float, robot: str | None = None) -> None:
        """`robot`: the name of one that follows."""
        self.fps = fps
        self.holds = 0
        """Number of moves broken off because no more frames had arrived."""
        self.finished = False
        self.waiting = False
        """True while a move is broken off."""
        self.rested = 0
        """Number of answers that are over and shown."""
        self._begun = 0
        self._ended = True  # whether all of the present answer has come
        self._moving = False
        self._expected = self._rtf = 0.0
        self._buffer = JitterBuffer()
        self._came = 0  # frames of the present answer
        self._coming: deque[Array64] = deque()
        self._line, self._rig = BodyLine(fps), RigRun()
        self._robot = None if robot is None else RobotRun(robot_named(robot), fps)
        # Joints, rotations and the robot, from the pose before the present one.
        self._poses: list[tuple[Array64, Array64, RobotPose | None]] = []
        self._first = 0  # number of the first of these
        self._position = 0.0
        self._fill()

    @property
    def begun(self) -> int:
        """Number of answers that have begun."""
        return self._begun

    def begin(self, expected: float = 0.0) -> None:
        """Begin another answer, and forget what was not shown of the last one.

        `expected`: its length in seconds, 0 if unknown.
        """
        self._coming.clear()
        if self._moving:
            index = int(self._position) - self._first
            del self._poses[index + _AHEAD :]
            self._line.back_to(np.stack([joints for joints, *_ in self._poses[-2:]]))
            robot = self._poses[-1][2]
            if self._robot is not None and robot is not None:
                self._robot.back_to(robot)
        self._line.cut()
        self._moving = self.waiting = self._ended = False
        self._begun += 1
        self._expected, self._came = expected, 0
        self._buffer = JitterBuffer()

    def end(self) -> None:
        """Note that all frames of the present answer have arrived."""
        self._ended = True
        self._settle()

    def push(self, joints: Array, rtf: float = 0.0) -> None:
        """Add frames (n, 22, 3) of the present answer; `rtf` of the generator, 0 if unknown."""
        self._rtf = rtf or self._rtf
        self._came += len(joints)
        self._coming.extend(np.asarray(joints, np.float64))

    def finish(self) -> None:
        """Note that no more answers will come."""
        self.finished = True
        self.end()

    @property
    def ahead(self) -> float:
        """Seconds that have arrived and are not placed yet."""
        return len(self._coming) / self.fps

    @property
    def over(self) -> bool:
        """True once the last answer has been shown and no other will come."""
        return self.finished and not self._moving and not self._coming

    def advance(self, seconds: float) -> None:
        """Let time pass; a move plays slower while little of it is in hand."""
        passed = min(seconds, MAX_STEP)
        self._position += passed * self._rate(passed) * self.fps
        self._fill()
        while int(self._position) - 1 > self._first:
            del self._poses[0]
            self._first += 1

    def pose(self) -> TimedPose:
        """The pose to show now."""
        index = int(self._position)
        at, share = index - self._first, self._position - index
        p0, p1, p2, p3 = (self._poses[max(0, i)][0] for i in range(at - 1, at + 3))
        turned = slerp(self._poses[at][1], self._poses[at + 1][1], share)
        before, after = self._poses[at][2], self._poses[at + 1][2]
        robot = None if before is None or after is None else robot_between(before, after, share)
        spline = catmull_rom(p0, p1, p2, p3, share)
        return TimedPose(self._position / self.fps, spline, turned, robot)

    def _rate(self, passed: float) -> float:
        """Share of the normal speed."""
        if not self._moving:
            return 1.0
        return self._buffer.speed(self.ahead, finished=self._ended, rtf=self._rtf, passed=passed)

    def _fill(self) -> None:
        while self._first + len(self._poses) <= int(self._position) + _AHEAD:
            joints = self._next()
            robot = None if self._robot is None else self._robot.next(joints[0])
            self._poses.append((joints[0], self._rig.push(joints)[0], robot))

    def _next(self) -> Array64:
        """One more pose (1, 22, 3)."""
        if not self._moving and self._coming and (self._ended or self.ahead >= self._goal()):
            self._moving, self.waiting = True, False
        if self._moving and self._coming:
            return self._line.push(self._coming.popleft()[None])
        if self._moving and not self._ended:
            self.holds += 1
            self.waiting = True
        self._moving = False
        self._settle()
        return self._line.idle(1)

    def _goal(self) -> float:
        return self._buffer.goal(self._rtf, max(0.0, self._expected - self._came / self.fps))

    def _settle(self) -> None:
        if self._ended and not self._coming and not self._moving:
            self.rested = self._begun
