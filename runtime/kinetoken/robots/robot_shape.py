"""A robot's capsules where a picture shows them: beside the body that it follows, and as large."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..motion.quaternions import to_matrices
from ..motion.skeleton import Array64
from .human_pose import human_scale
from .robot_model import RobotModel
from .robot_run import RobotPose

BESIDE: Final = (1.1, 0.0, 0.0)
"""Metres from the body to the robot in a picture."""
_OUR_AXES: Final = [1, 2, 0]
"""Our x, y, z are robots' y, z, x."""


def shown_capsules(robot: RobotModel, pose: RobotPose) -> Array64:
    """Ends (C, 2, 3) of the capsules, metres, Y up, where the human body is, as large as that."""
    links = robot.place(pose.root, to_matrices(pose.quaternion), pose.angles)
    return np.asarray(robot.capsules(links)[..., _OUR_AXES] / human_scale(robot))


def shown_radii(robot: RobotModel) -> Array64:
    """(C,) metres, as large as a human."""
    return np.array([radius for _, _, radius in robot.shape]) / human_scale(robot)


def capsule_sides(robot: RobotModel) -> list[str]:
    """(C,) "left", "right" or "" for each capsule, by the name of its link."""
    names = ["" if link < 0 else robot.joint_names[link] for link, _, _ in robot.shape]
    return [name.split("_")[0] if name.startswith(("left", "right")) else "" for name in names]
