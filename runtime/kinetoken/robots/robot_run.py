"""Human motion to a robot's, frame by frame: each frame begins where the last one ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..motion.quaternions import QuaternionRun, to_matrices
from ..motion.skeleton import FPS, Array, Array64
from .human_pose import HumanPoses, Wishes
from .ik_step import Goal, Solver, Stance
from .robot_model import RobotModel

_STEPS: Final = 3
_FIRST_STEPS: Final = 40
_RESCUE_STEPS: Final = 12
_LOST: Final = (0.6, 0.1)
"""Radians of pelvis or chest, metres of a hand: beyond, the solver is in a dead end."""
_BETTER: Final = 0.5
"""Share of the misses that another solution may leave: a turn of an arm must be worth it."""
_STANDING: Final = (0.04, 0.5)
"""Metres over the floor, metres a second: below both a foot stands."""
_FLOOR_SHARE: Final = 0.3
"""Share of a standing foot's height that the floor follows in a frame."""
_FLOOR_RANGE: Final = 0.04
"""Metres that the floor may be off."""


@dataclass(frozen=True)
class RobotMotion:
    """Consecutive frames of a robot."""

    robot: RobotModel
    root: Array64
    """(T, 3) metres, x forward, y left, z up."""
    quaternions: Array64
    """(T, 4) x, y, z, w of the root."""
    angles: Array64
    """(T, J) radians."""
    fps: float

    def __len__(self) -> int:
        return len(self.angles)

    def links(self) -> Array64:
        """Frames (T, J + 1, 4, 4) of all links; the last is the root's."""
        return self.robot.place(self.root, to_matrices(self.quaternions), self.angles)


@dataclass(frozen=True)
class RobotPose:
    """One moment of a robot."""

    root: Array64
    """(3,) metres."""
    quaternion: Array64
    """(4,) x, y, z, w of the root."""
    angles: Array64
    """(J,) radians."""


class RobotRun:
    """One motion, in pieces of any size."""

    def __init__(self, robot: RobotModel, fps: float = float(FPS)) -> None:
        self._robot = robot
        self.fps = fps
        """Frames a second of what comes next; may change."""
        self._poses, self._solver = HumanPoses(robot), Solver(robot)
        self._quaternions = QuaternionRun()
        self._last: Stance | None = None
        self._feet: Array64 | None = None  # (2, 3) ankles of the last frame, floor at 0
        self._aside = np.zeros((2, 3))
        self._floor = 0.0
        self.rescues = 0
        """Frames that had to begin anew."""

    def push(self, joints: Array) -> RobotMotion:
        """Follow the next joint positions (T, 22, 3), metres, Y up."""
        wishes = self._poses.push(joints)
        stances = [self._next(self._goal(wishes, frame)) for frame in range(len(wishes.root))]
        turns = np.array([stance.turn for stance in stances]).reshape(-1, 1, 3, 3)
        return RobotMotion(
            self._robot,
            np.array([stance.root for stance in stances]).reshape(-1, 3),
            self._quaternions.push(turns)[:, 0],
            np.array([stance.angles for stance in stances]).reshape(-1, self._robot.n_joints),
            self.fps,
        )

    def next(self, joints: Array) -> RobotPose:
        """Follow one more pose (22, 3)."""
        one = self.push(joints[None])
        return RobotPose(one.root[0], one.quaternions[0], one.angles[0])

    def back_to(self, pose: RobotPose) -> None:
        """Go on from an earlier pose: what came after it was not shown."""
        self._last = Stance(pose.root, to_matrices(pose.quaternion), pose.angles)

    def _goal(self, wishes: Wishes, frame: int) -> Goal:
        """The frame with feet on the floor, where planted feet put it."""
        ankles, feet = wishes.ankles[frame].copy(), wishes.feet[frame]
        lowest = _soles(self._robot, ankles, feet)
        standing = self._standing(ankles, lowest)
        if standing.any():
            off = float(lowest[standing].min()) - self._floor
            share = 1.0 if self._feet is None else _FLOOR_SHARE
            moved = self._floor + share * off
            self._floor = float(np.clip(moved, -_FLOOR_RANGE, _FLOOR_RANGE))
        fresh = ~standing if self._feet is not None else np.ones(2, np.bool_)
        self._aside[fresh] = wishes.aside[frame][fresh]
        self._feet = ankles.copy()
        ankles += self._aside
        ankles[:, 2] -= np.minimum(lowest, self._floor)  # lifted out of the floor
        root = wishes.root[frame] - np.array([0.0, 0.0, self._floor])
        bones = np.concatenate(
            [wishes.legs[frame], wishes.arms[frame, :, 0], wishes.arms[frame, :, 1]]
        )
        turns = np.stack([wishes.pelvis[frame], wishes.chest[frame], *feet])
        return Goal(root, turns, ankles, bones, wishes.angles[frame])

    def _standing(self, ankles: Array64, lowest: Array64) -> NDArray[np.bool_]:
        """Which feet (2,) stand: low, and slow over the floor."""
        low = np.abs(lowest - self._floor) < _STANDING[0]
        if self._feet is None:
            return np.asarray(low)
        speed = np.linalg.norm((ankles - self._feet)[:, :2], axis=-1) * self.fps
        return np.asarray(low & (speed < _STANDING[1]))

    def _next(self, goal: Goal) -> Stance:
        robot, last = self._robot, self._last
        if last is None:
            self._last = self._from_closed_form(goal, _FIRST_STEPS)
            return self._last
        reach = robot.speeds[:, None] / self.fps * np.array([-1.0, 1.0])
        near = last.angles[:, None] + reach
        box = np.clip(near, robot.used[:, :1], robot.used[:, 1:])
        at = Stance(goal.root, goal.turns[0], last.angles)
        for _ in range(_STEPS):
            at = self._solver.step(at, goal, box)
        missed = self._lost(at, goal)
        if missed > 1.0:
            self.rescues += 1
            other = self._from_closed_form(goal, _RESCUE_STEPS)
            if self._lost(other, goal) < _BETTER * missed:
                at = Stance(other.root, other.turn, np.clip(other.angles, *box.T))
        self._last = at
        return at

    def _lost(self, at: Stance, goal: Goal) -> float:
        """How far the solver is from its goal; above 1 it is in a dead end."""
        missed = self._solver.misses(at, goal)
        return max(miss / most for miss, most in zip(missed, _LOST, strict=True))

    def _from_closed_form(self, goal: Goal, steps: int) -> Stance:
        at = Stance(goal.root, goal.turns[0], goal.angles)
        for _ in range(steps):
            at = self._solver.step(at, goal, self._robot.used)
        return at


def _soles(robot: RobotModel, ankles: Array64, feet: Array64) -> Array64:
    """Heights (2,) of the lowest corners of both soles."""
    return np.asarray((feet[:, 2] @ robot.sole.T).min(axis=-1) + ankles[:, 2])
