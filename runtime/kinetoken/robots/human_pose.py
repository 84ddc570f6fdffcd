"""What a human body asks of a robot: places, directions and angles, in the robot's axes and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..motion.rotations import RestPose, RotationRun
from ..motion.skeleton import BONE_LENGTHS, JOINT, Array, Array64
from .chain_angles import about, chain_angles, turned_about
from .robot_model import LEFT_RIGHT, RobotModel

_AXES: Final = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Robots' x, y, z are our z, x, y."""
_SOLE: Final = 0.0545
"""Metres from a human's ankle down to the sole; the demo's bodies stand so."""
_FOOT_DOWN: Final = 0.39
"""Radians by which the bone from ankle to toes points down in a foot that stands flat."""
_LEVEL: Final = (0.35, 0.85)
"""Share of a foot's bone across the vertical: below the first it tells no direction."""
_LEG: Final = float(
    np.mean(
        [sum(BONE_LENGTHS[JOINT[f"{s}_{part}"]] for part in ("knee", "ankle")) for s in LEFT_RIGHT]
    )
)
"""Metres from a human's hip to the ankle."""
_ARM_DOWN: Final = (np.pi / 2, -np.pi / 2)
"""A T-pose's arms from arms that hang, about x."""
_SIDE_OF: Final = (1.0, -1.0)


@dataclass(frozen=True)
class Wishes:
    """What T frames ask of a robot."""

    root: Array64
    """(T, 3) pelvis."""
    pelvis: Array64
    """(T, 3, 3)"""
    chest: Array64
    """(T, 3, 3)"""
    ankles: Array64
    """(T, 2, 3) feet's links."""
    feet: Array64
    """(T, 2, 3, 3)"""
    aside: Array64
    """(T, 2, 3) from a foot to where the robot's wider stance puts it."""
    legs: Array64
    """(T, 2, 3) from hip to knee."""
    arms: Array64
    """(T, 2, 2, 3) from shoulder to elbow, from elbow to hand."""
    angles: Array64
    """(T, J) angles of a chain that turns as the human's joints do."""


def human_scale(robot: RobotModel) -> float:
    """The robot's size as a share of a human's: that of the legs."""
    return robot.leg / (_LEG + _SOLE)


class HumanPoses:
    """Human motion for one robot, in pieces of any size."""

    def __init__(self, robot: RobotModel) -> None:
        self._robot = robot
        self._scale = human_scale(robot)
        self._turns = RotationRun(RestPose.standard())

    def push(self, joints: Array) -> Wishes:
        """Read joint positions (T, 22, 3), metres, Y up."""
        robot, points = self._robot, self._scale * (np.asarray(joints, np.float64) @ _AXES.T)
        turns = _AXES @ self._turns.push(joints) @ _AXES.T
        pelvis, chest = turns[:, JOINT["pelvis"]], turns[:, JOINT["spine3"]]
        hips = points[:, [JOINT["left_hip"], JOINT["right_hip"]]].mean(axis=1)
        feet = np.stack([_foot(points, turns, side) for side in LEFT_RIGHT], axis=1)
        ankles = points[:, [JOINT[f"{side}_ankle"] for side in LEFT_RIGHT]]
        down = self._scale * _SOLE - robot.ankle_height
        legs = np.stack([_direction(points, f"{s}_hip", f"{s}_knee") for s in LEFT_RIGHT], axis=1)
        arms = np.stack([_arm(points, side) for side in LEFT_RIGHT], axis=1)
        return Wishes(
            root=hips - pelvis @ robot.hips,
            pelvis=pelvis,
            chest=chest,
            ankles=ankles - down * feet[..., 2],
            feet=feet,
            aside=robot.stance * feet[..., 1] * np.array(_SIDE_OF)[:, None],
            legs=legs * np.array([leg.upper for leg in robot.legs])[:, None],
            arms=arms * np.array([(arm.upper, arm.lower) for arm in robot.arms])[..., None],
            angles=self._angles(points, turns, feet),
        )

    def _angles(self, points: Array64, turns: Array64, feet: Array64) -> Array64:
        robot = self._robot
        out = np.zeros((len(points), robot.n_joints))
        pelvis, chest = turns[:, JOINT["pelvis"]], turns[:, JOINT["spine3"]]

        def follow(chain: tuple[int, ...], under: Array64, turn: Array64) -> None:
            out[:, list(chain)] = chain_angles(robot, chain, np.swapaxes(under, -1, -2) @ turn)

        follow(robot.waist, pelvis, chest)
        for index, side in enumerate(LEFT_RIGHT):
            leg, arm = robot.legs[index], robot.arms[index]
            thigh = turns[:, JOINT[f"{side}_hip"]]
            follow(leg.chain, pelvis, thigh)
            shank = _direction(points, f"{side}_knee", f"{side}_ankle")
            local = np.einsum("tji,tj->ti", thigh, shank)
            out[:, leg.middle] = np.arctan2(-local[:, 0], -local[:, 2])
            bent = turned_about(np.array([0.0, 1.0, 0.0]), out[:, leg.middle])
            follow(robot.ankles[index], thigh @ bent, feet[:, index])
            hanging = turned_about(np.array([1.0, 0.0, 0.0]), np.array([_ARM_DOWN[index]]))
            follow(arm.chain, chest, turns[:, JOINT[f"{side}_shoulder"]] @ hanging)
            both = _arm(points, side)
            bend = np.arccos(np.clip(np.sum(both[:, 0] * both[:, 1], axis=-1), -1.0, 1.0))
            out[:, arm.middle] = robot.elbow_straight - bend
        return np.clip(out, *robot.used.T)


def _direction(points: Array64, start: str, end: str) -> Array64:
    """Unit vectors (T, 3) between two joints."""
    bone = points[:, JOINT[end]] - points[:, JOINT[start]]
    return np.asarray(bone / np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-8))


def _arm(points: Array64, side: str) -> Array64:
    """Unit vectors (T, 2, 3) of upper arm and forearm."""
    upper = _direction(points, f"{side}_shoulder", f"{side}_elbow")
    return np.stack([upper, _direction(points, f"{side}_elbow", f"{side}_wrist")], axis=1)


def _foot(points: Array64, turns: Array64, side: str) -> Array64:
    """Orientations (T, 3, 3) of a foot that does not roll: its bone tells yaw and pitch.

    Of a bone that points up or down, the hinge of the knee tells the yaw.
    """
    bone = _direction(points, f"{side}_ankle", f"{side}_foot")
    hinge = turns[:, JOINT[f"{side}_knee"], :, 1]
    hinge = _unit(hinge - np.sum(hinge * bone, axis=-1, keepdims=True) * bone)
    flat = np.stack([-bone[:, 1], bone[:, 0], np.zeros(len(bone))], axis=-1)
    across = np.linalg.norm(flat, axis=-1)
    flat = flat * np.where(np.sum(flat * hinge, axis=-1) < 0.0, -1.0, 1.0)[:, None]
    trust = np.clip((across - _LEVEL[0]) / (_LEVEL[1] - _LEVEL[0]), 0.0, 1.0)[:, None]
    left = _unit(trust * _unit(flat) + (1.0 - trust) * hinge)
    front = about(left, bone, -_FOOT_DOWN)
    return np.stack([front, left, np.cross(front, left)], axis=-1)


def _unit(vectors: Array64) -> Array64:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-8))
