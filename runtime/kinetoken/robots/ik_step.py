"""Inverse kinematics: damped Gauss-Newton steps within a box, for one frame of one robot.

Unknown are the root's place and turn and the angles of the joints that motion uses. The residuals
are weighted so that feet come first; a weak pull to the angles of the human's own joints decides
what the rest leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..motion.skeleton import Array64
from .robot_model import RobotModel

_ROOT_UNKNOWNS: Final = 6
_WEIGHTS: Final = {
    "root": 3.0, "pelvis": 0.7, "chest": 0.7, "ankle": 30.0, "foot": 1.5, "leg": 1.0, "arm": 10.0,
}  # fmt: skip
"""Of a metre or a radian."""
_LEG_PULL: Final = 0.2
_PULL: Final = 0.05
"""Weights of a radian away from the human's angles."""
_DAMPING: Final = 1e-3
_BOX_ROUNDS: Final = 3


@dataclass(frozen=True)
class Goal:
    """What one frame asks of the robot; as `Wishes`, of one frame, feet where they shall be."""

    root: Array64
    turns: Array64
    """(4, 3, 3) pelvis, chest, left foot, right foot."""
    ankles: Array64
    """(2, 3)"""
    bones: Array64
    """(6, 3): thighs, upper arms, forearms; left before right."""
    angles: Array64
    """(J,)"""


@dataclass(frozen=True)
class Stance:
    """Where the robot is in one frame."""

    root: Array64
    """(3,)"""
    turn: Array64
    """(3, 3)"""
    angles: Array64
    """(J,) radians"""


class Solver:
    """The constants of one robot's equations."""

    def __init__(self, robot: RobotModel) -> None:
        self._robot = robot
        self._free = np.flatnonzero(robot.used[:, 1] > robot.used[:, 0])
        legs, arms = robot.legs, robot.arms
        self._turned = [-1, robot.waist[-1], legs[0].end, legs[1].end]
        ends = [*legs, *arms]
        self._points = [
            -1, legs[0].end, legs[1].end,
            *(limb.start for limb in ends), *(limb.middle for limb in ends),
            arms[0].end, arms[1].end,
        ]  # fmt: skip
        self._tips = np.stack([arm.end_point for arm in arms])
        moves = _moves(robot)[:, self._free]
        self._moved, self._spun = moves[self._points], moves[self._turned]
        in_arms = [joint for arm in arms for joint in (*arm.chain, arm.middle)]
        self._in_arms = np.zeros(_ROOT_UNKNOWNS + len(self._free))
        """1 for the unknowns that arms may move: they never pull at the trunk."""
        self._in_arms[_ROOT_UNKNOWNS:] = np.isin(self._free, in_arms)
        w = _WEIGHTS
        turn = np.repeat([w["pelvis"], w["chest"], w["foot"], w["foot"]], 3)
        place = np.repeat([w["root"], w["ankle"], w["ankle"]], 3)
        bone = np.repeat([w["leg"], w["leg"], *[w["arm"]] * 4], 3)
        self._weights = np.concatenate([turn, place, bone])
        pull = np.zeros(_ROOT_UNKNOWNS + len(self._free))
        in_legs = [
            j
            for leg, ankle in zip(legs, robot.ankles, strict=True)
            for j in (*leg.chain, leg.middle, *ankle)
        ]
        pull[_ROOT_UNKNOWNS:] = np.where(np.isin(self._free, in_legs), _LEG_PULL, _PULL) ** 2
        self._pull = pull

    def step(self, at: Stance, goal: Goal, box: Array64) -> Stance:
        """One step toward the goal; angles stay in the box (J, 2)."""
        residual, slope = self._linear(at, goal)
        n, free = _ROOT_UNKNOWNS + len(self._free), self._free
        weighted = slope * self._weights[:, None]
        normal = weighted.T @ weighted
        normal.flat[:: n + 1] += self._pull + _DAMPING
        away = np.zeros(n)
        away[_ROOT_UNKNOWNS:] = goal.angles[free] - at.angles[free]
        right = weighted.T @ (residual * self._weights) + self._pull * away
        limits = np.full((n, 2), (-np.inf, np.inf))
        limits[_ROOT_UNKNOWNS:] = box[free] - at.angles[free, None]
        move = _boxed(normal, right, limits)
        angles = at.angles.copy()
        angles[free] = np.clip(angles[free] + move[_ROOT_UNKNOWNS:], *box[free].T)
        return Stance(at.root + move[:3], _turned(move[3:6]) @ at.turn, angles)

    def misses(self, at: Stance, goal: Goal) -> tuple[float, float]:
        """How far pelvis or chest are off, in radians, and how far a hand is, in metres."""
        residual, _ = self._linear(at, goal)
        turns, hands = residual[:6].reshape(2, 3), residual[27:39].reshape(2, 2, 3).sum(axis=0)
        return (
            float(np.linalg.norm(turns, axis=-1).max()),
            float(np.linalg.norm(hands, axis=-1).max()),
        )

    def _linear(self, at: Stance, goal: Goal) -> tuple[Array64, Array64]:
        """Residuals (39,) and their slope (39, 6 + F)."""
        links = self._robot.place(at.root, at.turn, at.angles)
        turns = links[:, :3, :3]
        points = links[self._points, :3, 3]
        hands = [arm.end for arm in self._robot.arms]
        points[-2:] += np.einsum("hij,hj->hi", turns[hands], self._tips)
        axes = np.einsum("jik,jk->ji", turns[self._free], self._robot.axes[self._free])
        arms = points[:, None] - links[self._free, :3, 3]
        swept = np.zeros((len(points), 3, _ROOT_UNKNOWNS + len(axes)))
        swept[:, :, :3] = np.eye(3)
        swept[:, :, 3:6] = -_cross(points - at.root)
        swept[:, :, 6:] = np.swapaxes(_product(axes, arms) * self._moved[..., None], 1, 2)
        spun = np.zeros((4, 3, swept.shape[2]))
        spun[:, :, 3:6] = np.eye(3)
        spun[:, :, 6:] = axes.T * self._spun[:, None, :]
        bones = points[_BONE_ENDS] - points[_BONE_STARTS]
        residual = np.concatenate([
            _turn_between(turns[self._turned], goal.turns).ravel(),
            goal.root - points[0], (goal.ankles - points[1:3]).ravel(), (goal.bones - bones).ravel(),
        ])  # fmt: skip
        swung = swept[_BONE_ENDS] - swept[_BONE_STARTS]
        swung[2:] *= self._in_arms
        slope = np.concatenate([spun, swept[:3], swung])
        return residual, slope.reshape(-1, slope.shape[2])


_BONE_STARTS: Final = [3, 4, 5, 6, 9, 10]
"""Rows of the points: hips, shoulders, elbows."""
_BONE_ENDS: Final = [7, 8, 9, 10, 11, 12]
"""Knees, elbows, hands."""


def _moves(robot: RobotModel) -> NDArray[np.bool_]:
    """(J + 1, J): whether a joint moves a link; the last row is the root's."""
    out = np.zeros((robot.n_joints + 1, robot.n_joints), np.bool_)
    for joint, parent in enumerate(robot.parents):
        out[joint] = out[parent]
        out[joint, joint] = True
    return out


def _boxed(normal: Array64, right: Array64, limits: Array64) -> Array64:
    """Solve the equations within limits (n, 2): what would leave them is held at them."""
    move = np.linalg.solve(normal, right)
    held = np.zeros(len(right), np.bool_)
    for _ in range(_BOX_ROUNDS):
        out = (move < limits[:, 0] - 1e-9) | (move > limits[:, 1] + 1e-9)
        if not out.any():
            break
        move[out] = np.clip(move[out], limits[out, 0], limits[out, 1])
        held |= out
        rest = ~held
        moved = right[rest] - normal[np.ix_(rest, held)] @ move[held]
        move[rest] = np.linalg.solve(normal[np.ix_(rest, rest)], moved)
    return np.asarray(np.clip(move, limits[:, 0], limits[:, 1]))


def _turn_between(start: Array64, end: Array64) -> Array64:
    """Rotation vectors (..., 3) in the world that carry matrices `start` onto `end`."""
    r = end @ np.swapaxes(start, -1, -2)
    twice = np.stack(
        [r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], -1
    )
    sine = 0.5 * np.linalg.norm(twice, axis=-1)
    angle = np.arctan2(sine, 0.5 * (np.trace(r, axis1=-2, axis2=-1) - 1.0))
    scale = np.where(sine > 1e-6, 0.5 * angle / np.maximum(sine, 1e-6), 0.5)
    return np.asarray(scale[..., None] * twice)


def _turned(vector: Array64) -> Array64:
    """The matrix (3, 3) of a rotation vector."""
    angle = float(np.linalg.norm(vector))
    cross = _cross(vector / max(angle, 1e-12))
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross)


def _cross(v: Array64) -> Array64:
    """Matrices (..., 3, 3) with m @ w == cross(v, w)."""
    out = np.zeros((*v.shape, 3))
    out[..., 2, 1], out[..., 0, 2], out[..., 1, 0] = v[..., 0], v[..., 1], v[..., 2]
    return out - np.swapaxes(out, -1, -2)


def _product(a: Array64, b: Array64) -> Array64:
    """np.cross, without its cost for small arrays."""
    x, y, z = b[..., 0], b[..., 1], b[..., 2]
    out = np.empty(b.shape)
    out[..., 0] = a[..., 1] * z - a[..., 2] * y
    out[..., 1] = a[..., 2] * x - a[..., 0] * z
    out[..., 2] = a[..., 0] * y - a[..., 1] * x
    return out
