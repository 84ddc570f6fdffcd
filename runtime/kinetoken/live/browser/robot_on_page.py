"""A robot beside the body on the page: its capsules behind every binary frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...robots.robot_model import CAUTION, robot_named
from ...robots.robot_shape import BESIDE, capsule_sides, shown_capsules, shown_radii
from ..target import LiveFrame


class RobotOnPage:
    """One robot; frames grow by the ends of its capsules, float32 (C, 2, 3), metres."""

    def __init__(self, key: str) -> None:
        """`key`: the robot's name on the command line. InputError."""
        self._robot = robot_named(key)

    def added_to(self, header: dict[str, Any]) -> dict[str, Any]:
        """The header of the stream with the robot in it."""
        ends = 24 * len(self._robot.shape)
        robot = {
            "name": self._robot.name,
            "note": CAUTION,
            "radii": np.round(shown_radii(self._robot), 4).tolist(),
            "sides": capsule_sides(self._robot),
        }
        return {**header, "frame_bytes": header["frame_bytes"] + ends, "robot": robot}

    def to_bytes(self, frame: LiveFrame) -> bytes:
        """What follows the frame."""
        assert frame.pose.robot is not None
        ends = shown_capsules(self._robot, frame.pose.robot) + BESIDE
        return ends.astype("<f4").tobytes()
