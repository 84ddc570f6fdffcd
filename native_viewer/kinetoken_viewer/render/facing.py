"""The direction that a body faces, and a camera's turn after it."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import JOINT
from kinetoken.motion.transition import heading

_LEVEL: Final = 0.5  # of the hips' width, seen from above, below which a body faces nowhere
_STEADY: Final = math.radians(15.0)  # by which a body that is done turning still sways
_ARRIVED: Final = math.radians(2.0)
_FASTEST: Final = math.radians(140.0)  # per second


class Pursuit(NamedTuple):
    """Parameters of a camera's turn after a body."""

    dead_zone: float
    """Radians that the body may turn before the camera does."""
    patience: float
    """Seconds that the body must have been done turning before the camera begins."""
    seconds: float
    """Time constant of the turn."""


EASY: Final = Pursuit(math.radians(50.0), 0.5, 1.2)
"""For watching: waits until a turn is over, so that a walk in a circle does not swing the room."""
CLOSE: Final = Pursuit(math.radians(8.0), 0.0, 0.45)
"""For one side of the body."""


def facing(pose: NDArray[np.floating]) -> float | None:
    """The heading of a pose (22, 3), radians from +Z towards +X; None lying on a side or wheeling."""
    across = pose[JOINT["left_hip"]] - pose[JOINT["right_hip"]]
    if math.hypot(across[0], across[2]) < _LEVEL * float(np.linalg.norm(across)):
        return None
    return heading(np.asarray(pose, dtype=np.float64))


class CameraTurn:
    """The angle of a camera that turns after a body, radians."""

    def __init__(self, angle: float, pursuit: Pursuit) -> None:
        self.angle, self._pursuit = angle, pursuit
        self._goal, self._velocity = angle, 0.0
        self._swayed, self._steady = angle, 0.0
        self._turning = False

    def push(self, facing: float | None, seconds: float) -> float:
        """Moves on by so many seconds in which the body faces there; the angle."""
        self._watch(facing, seconds)
        if not self._turning and self._steady >= self._pursuit.patience:
            gap = math.remainder(self._goal - self.angle, math.tau)
            self._turning = abs(gap) > self._pursuit.dead_zone
            self.angle = self._goal - gap if self._turning else self.angle
        if self._turning:
            self._approach(self._goal - self.angle, seconds)
        return self.angle

    def jump(self, facing: float | None) -> float:
        """Cuts to the body's front if that is far away: after a loop."""
        if facing is not None:
            far = abs(math.remainder(facing - self.angle, math.tau)) > self._pursuit.dead_zone
            if far:
                self.angle = facing
            self._goal = self._swayed = facing
            self._velocity, self._steady, self._turning = 0.0, 0.0, False
        return self.angle

    def take(self, facing: float | None) -> None:
        """Counts the present view as the one to keep: after the camera stood still."""
        if facing is not None:
            self.angle = facing
            self.jump(facing)

    def _watch(self, facing: float | None, seconds: float) -> None:
        """Notes where the body faces, and for how long it has."""
        if facing is None:
            self._steady = 0.0
            return
        self._goal += math.remainder(facing - self._goal, math.tau)
        if abs(math.remainder(self._goal - self._swayed, math.tau)) > _STEADY:
            self._swayed, self._steady = self._goal, 0.0
        else:
            self._steady += seconds

    def _approach(self, gap: float, seconds: float) -> None:
        """Turns towards the goal, critically damped: without jerk or swing."""
        omega = 2.0 / self._pursuit.seconds
        drive = (self._velocity - omega * gap) * seconds
        decay = math.exp(-omega * seconds)
        velocity = (self._velocity - omega * drive) * decay
        moved = gap + (-gap + drive) * decay
        limit = _FASTEST * seconds
        self.angle += min(limit, max(-limit, moved))
        self._velocity = min(_FASTEST, max(-_FASTEST, velocity))
        if abs(self._goal - self.angle) < _ARRIVED and abs(self._velocity) < _ARRIVED:
            self._turning, self._velocity = False, 0.0


def turn_angles(frames: NDArray[np.floating], fps: float, pursuit: Pursuit) -> NDArray[np.float64]:
    """(T,) the angle of a camera that turns after the frames (T, 22, 3), in radians.

    It begins where the first of them faces.
    """
    turn = CameraTurn(facing(frames[0]) or 0.0, pursuit)
    angles = [turn.angle, *(turn.push(facing(pose), 1.0 / fps) for pose in frames[1:])]
    return np.unwrap(np.array(angles))
