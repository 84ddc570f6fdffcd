"""Angles of one to three joints whose axes cross, that turn a link by a given rotation."""

from __future__ import annotations

import numpy as np

from ..motion.hinges import rotations_about
from ..motion.skeleton import Array, Array64
from .robot_model import RobotModel


def chain_angles(robot: RobotModel, chain: tuple[int, ...], turn: Array64) -> Array64:
    """Angles (T, n) with which the chain turns its zero pose by `turn` (T, 3, 3).

    Of one or two joints: the nearest that they can. Three axes, of which the middle one is across
    both others: exact, the solution nearer to the zero pose (Davenport).
    """
    first = robot.rests[chain[0]]
    goal = first.T @ turn @ first
    axes, carried = [robot.axes[chain[0]]], np.eye(3)
    for joint in chain[1:]:
        carried = carried @ robot.rests[joint]
        axes.append(carried @ robot.axes[joint])
    if len(axes) == 1:
        return _about(axes[0], _across(axes[0]), np.einsum("tij,j->ti", goal, _across(axes[0])))[
            :, None
        ]
    if len(axes) == 2:
        return _pair(axes[0], axes[1], goal)
    return _triple(axes, goal)


def about(axes: Array, vectors: Array, angle: float) -> Array64:
    """Vectors (T, 3) turned about unit axes (T, 3) across them."""
    return np.asarray(np.cos(angle) * vectors + np.sin(angle) * np.cross(axes, vectors))


def turned_about(axis: Array64, angles: Array64) -> Array64:
    """Rotations (T, 3, 3) about one unit axis by angles (T,)."""
    return rotations_about(np.broadcast_to(axis, (len(angles), 3)), angles)


def _pair(first: Array64, second: Array64, goal: Array64) -> Array64:
    one = _about(first, second, goal @ second)
    rest = turned_about(first, -one) @ goal
    return np.stack([one, _about(second, first, rest @ first)], axis=-1)


def _triple(axes: list[Array64], goal: Array64) -> Array64:
    a, b, c = axes
    side = np.cross(a, b)
    lean = np.arctan2(c @ a, c @ side)
    height = np.arcsin(np.clip(goal @ c @ a, -1.0, 1.0))
    turns = height - lean, np.pi - height - lean
    middle = np.where(np.abs(_wrapped(turns[0])) <= np.abs(_wrapped(turns[1])), *turns)
    middle = _wrapped(middle)
    after = turned_about(b, middle)
    first = _about(a, after @ c, goal @ c)
    rest = np.swapaxes(turned_about(a, first) @ after, -1, -2) @ goal
    across = _across(c)
    return np.stack([first, middle, _about(c, across, rest @ across)], axis=-1)


def _about(axis: Array64, start: Array64, end: Array64) -> Array64:
    """Angles (T,) about an axis from vectors (3,) or (T, 3) to vectors (T, 3), seen along it."""
    angles: Array64 = np.arctan2(
        np.sum(np.cross(np.broadcast_to(start, end.shape), end) * axis, axis=-1),
        np.sum(start * end, axis=-1) - (start @ axis) * (end @ axis),
    )
    return angles


def _across(axis: Array64) -> Array64:
    """A unit vector across the axis."""
    out = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    return np.asarray(out / np.linalg.norm(out))


def _wrapped(angles: Array64) -> Array64:
    return np.asarray((angles + np.pi) % (2.0 * np.pi) - np.pi)
