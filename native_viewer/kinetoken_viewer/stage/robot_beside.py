"""A robot that stands beside the body on show and does what it does."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.robots.robot_model import robot_named
from kinetoken.robots.robot_run import RobotRun
from kinetoken.robots.robot_shape import capsule_sides, shown_capsules, shown_radii

from ..render import theme
from ..render.body_shape import CONE_COLUMNS

_JUMP_SECONDS: Final = 0.25
"""A longer step, or one back, is another moment: the robot begins anew there."""
_COLOURS: Final = {"left": theme.LEFT_COLOUR, "right": theme.RIGHT_COLOUR, "": theme.VISOR_COLOUR}


class RobotBeside:
    """Follows the poses of the pictures, one after another."""

    def __init__(self, key: str) -> None:
        """`key`: the robot's name on the command line. InputError."""
        self._robot = robot_named(key)
        self._run = RobotRun(self._robot)
        self._at: float | None = None
        self._rows = np.zeros((len(self._robot.shape), CONE_COLUMNS), np.float32)
        self._rows[:, 3] = self._rows[:, 7] = shown_radii(self._robot)
        self._rows[:, 8:] = [theme.linear(_COLOURS[side]) for side in capsule_sides(self._robot)]

    def cones(
        self, joints: NDArray[np.floating], place: tuple[float, float, float], seconds: float
    ) -> NDArray[np.float32]:
        """Instance rows (C, 11) of the robot that follows joints (22, 3), moved to its place.

        `seconds`: the moment in the motion.
        """
        if self._at is None or seconds != self._at:
            passed = 0.0 if self._at is None else seconds - self._at
            if 0.0 < passed < _JUMP_SECONDS:
                self._run.fps = 1.0 / passed
            else:
                self._run = RobotRun(self._robot)
            self._at = seconds
            ends = shown_capsules(self._robot, self._run.next(joints))
            self._rows[:, 0:3], self._rows[:, 4:7] = ends[:, 0], ends[:, 1]
        rows = self._rows.copy()
        rows[:, 0:3] += np.array(place, np.float32)
        rows[:, 4:7] += np.array(place, np.float32)
        return rows
