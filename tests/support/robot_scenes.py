"""A robot of the program as a scene of MuJoCo, built from the same data."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinetoken.motion.quaternions import from_matrices
from kinetoken.robots.robot_model import RobotModel


def scene_xml(robot: RobotModel) -> str:
    """MJCF: the bodies, joints and ranges of the robot, its capsules, its soles, a floor."""
    return f"""<mujoco model="{robot.key}">
<compiler angle="radian" autolimits="true"/>
<visual><global offwidth="960" offheight="720"/></visual>
<asset><texture name="grid" type="2d" builtin="checker" rgb1=".8 .8 .8" rgb2=".7 .7 .7"
 width="300" height="300"/><material name="grid" texture="grid" texrepeat="8 8"/></asset>
<worldbody><light pos="0 0 4" dir="0 0 -1" castshadow="true"/>
<geom name="floor" type="plane" size="5 5 .1" material="grid"/>
<body name="root"><freejoint/>{_geoms(robot, -1)}<inertial pos="0 0 0" mass="1" diaginertia=".1 .1 .1"/>
{_children(robot, -1)}</body></worldbody></mujoco>"""


def model_of(mujoco: Any, robot: RobotModel) -> Any:
    """The scene as a model of MuJoCo."""
    return mujoco.MjModel.from_xml_string(scene_xml(robot))


def _children(robot: RobotModel, parent: int) -> str:
    return "".join(_body(robot, j) for j, above in enumerate(robot.parents) if above == parent)


def _body(robot: RobotModel, joint: int) -> str:
    x, y, z, w = from_matrices(robot.rests[joint])
    place, axis = _row(robot.local[joint, 0, :3, 3]), _row(robot.axes[joint])
    name, span = robot.joint_names[joint], _row(robot.limits[joint])
    return (
        f'<body name="{name}_body" pos="{place}" quat="{_row(np.array([w, x, y, z]))}">'
        f'<joint name="{name}" axis="{axis}" range="{span}"/>'
        f'<inertial pos="0 0 0" mass="1" diaginertia=".01 .01 .01"/>'
        f"{_geoms(robot, joint)}{_children(robot, joint)}</body>"
    )


def _geoms(robot: RobotModel, link: int) -> str:
    soles = [leg.end for leg in robot.legs]
    shapes = "".join(
        f'<geom type="capsule" fromto="{_row(ends.ravel())}" size="{radius}"/>'
        for at, ends, radius in robot.shape
        if at == link
    )
    if link in soles:
        shapes += "".join(
            f'<geom type="sphere" name="sole_{link}_{index}" size=".001" pos="{_row(corner)}"/>'
            for index, corner in enumerate(robot.sole + np.array((0.0, 0.0, 0.001)))
        )
    return shapes


def _row(values: np.ndarray[Any, Any]) -> str:
    return " ".join(f"{value:.12g}" for value in values)
