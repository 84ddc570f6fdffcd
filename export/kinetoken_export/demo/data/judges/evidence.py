"""Measurements on a motion that judges of actions decide by.

No model, no text: joints (T, 22, 3) alone, at 20 fps, in metres, Y up.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import FPS, JOINT, Array64

LEFT: Final = "left"
RIGHT: Final = "right"
_SHORTEST_GOING: Final = 14  # frames; a shorter part says nothing of a gait


class Evidence:
    """Measurements on a motion, computed when asked for."""

    def __init__(self, joints: NDArray[np.floating]) -> None:
        self.joints: Array64 = np.asarray(joints, dtype=np.float64)
        self.seconds = len(joints) / FPS

    def joint(self, name: str) -> Array64:
        """Path (T, 3) of one joint."""
        path: Array64 = self.joints[:, JOINT[name]]
        return path

    @cached_property
    def facing(self) -> Array64:
        """Unit facing direction (T, 2) in X, Z."""
        across = (
            self.joint("left_hip")
            - self.joint("right_hip")
            + self.joint("left_shoulder")
            - self.joint("right_shoulder")
        )
        forward = np.stack([-across[:, 2], across[:, 0]], axis=1)  # left is +X when facing +Z
        unit: Array64 = forward / np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
        return unit

    @cached_property
    def turn(self) -> float:
        """Degrees turned in all, positive to the left (seen from above, +Z to +X)."""
        return float(
            np.degrees(
                np.unwrap(np.arctan2(self.facing[:, 0], self.facing[:, 1]))[[0, -1]] @ [-1.0, 1.0]
            )
        )

    @cached_property
    def path_speed(self) -> float:
        """Mean speed of the pelvis over the floor, m/s, its path smoothed over half a second."""
        ground = self.joint("pelvis")[:, [0, 2]]
        return (
            float(np.linalg.norm(ground[10:] - ground[:-10], axis=1).mean() * FPS / 10)
            if len(ground) > 10
            else 0.0
        )

    @cached_property
    def travel(self) -> Array64:
        """Net displacement (2,) of the pelvis in X, Z, metres."""
        ground = self.joint("pelvis")[:, [0, 2]]
        net: Array64 = ground[-1] - ground[0]
        return net

    @cached_property
    def along(self) -> float:
        """Mean velocity of the pelvis along the facing direction, m/s: negative is backward."""
        steps = np.diff(self.joint("pelvis")[:, [0, 2]], axis=0)
        return float(np.sum(steps * self.facing[:-1], axis=1).mean() * FPS)

    @cached_property
    def strides(self) -> int:
        """Count how often the leading foot changes."""
        apart = np.sum(
            (self.joint("left_ankle") - self.joint("right_ankle"))[:, [0, 2]] * self.facing, axis=1
        )
        leading = np.sign(apart[np.abs(apart) > 0.08])
        return int(np.count_nonzero(np.diff(leading)))

    @cached_property
    def going(self) -> Evidence:
        """The part in which the body is getting about; all of it where it never does, or hardly.

        From where the pelvis first reaches half of its speed to where it last has it.
        """
        ground = self.joint("pelvis")[:, [0, 2]]
        if len(ground) < _SHORTEST_GOING:
            return self
        at = np.arange(len(ground))
        first, last = np.maximum(at - 5, 0), np.minimum(at + 5, len(ground) - 1)
        speed = np.linalg.norm(ground[last] - ground[first], axis=1) / (last - first)
        fast = np.flatnonzero(speed > 0.5 * np.percentile(speed, 85))
        if not len(fast) or fast[-1] - fast[0] < _SHORTEST_GOING:
            return self
        return Evidence(self.joints[fast[0] : fast[-1] + 1])

    @cached_property
    def pelvis_height(self) -> Array64:
        """Height (T,) of the pelvis above the floor, metres."""
        return self.height("pelvis")

    @cached_property
    def lean(self) -> Array64:
        """Degrees (T,) by which the trunk leans ahead."""
        trunk = self.joint("neck") - self.joint("pelvis")
        ahead = np.sum(trunk[:, [0, 2]] * self.facing, axis=1)
        return np.asarray(np.degrees(np.arctan2(ahead, trunk[:, 1])))

    @cached_property
    def going_heels(self) -> Array64:
        """Height (T,) of the lower ankle above the floor, metres, while the body gets about."""
        return np.minimum(self.going.height("left_ankle"), self.going.height("right_ankle"))

    @cached_property
    def floor(self) -> float:
        """Lowest point of any foot, metres."""
        return float(self.joints[:, [JOINT["left_foot"], JOINT["right_foot"]], 1].min())

    @cached_property
    def rise(self) -> float:
        """The highest rise of the pelvis above its usual height with both feet off the floor, m."""
        feet = self.joints[
            :,
            [JOINT["left_foot"], JOINT["right_foot"], JOINT["left_ankle"], JOINT["right_ankle"]],
            1,
        ]
        planted = np.minimum(np.median(feet[:, :2], axis=0).min(), self.floor + 0.06)
        airborne = (feet[:, :2].min(axis=1) > planted + 0.04) & (
            feet[:, 2:].min(axis=1) > self.floor + 0.08
        )
        height = self.joint("pelvis")[:, 1]
        usual = max(float(np.median(height)), float(np.percentile(height, 30)))
        return float((height[airborne] - usual).max()) if airborne.any() else 0.0

    def height(self, name: str) -> Array64:
        """Height (T,) of a joint above the floor."""
        return self.joint(name)[:, 1] - self.floor

    def speed(self, name: str) -> Array64:
        """Speed (T - 1,) of a joint relative to the pelvis' path over the floor, m/s."""
        path = self.joint(name) - self.joint("pelvis") * np.array([1.0, 0.0, 1.0])
        return np.asarray(np.linalg.norm(np.diff(path, axis=0), axis=1) * FPS)

    def swings(self, name: str, above: str) -> int:
        """Count a joint's turns sideways or up and down, of 5 cm or more, above another joint."""
        path = self.joint(name) - self.joint(above)
        side = np.stack(
            [path[:, 0] * self.facing[:, 1] - path[:, 2] * self.facing[:, 0], path[:, 1]], axis=1
        )
        up = path[:, 1] > 0
        return max(reversals(side[up][:, axis], 0.05) for axis in (0, 1)) if up.sum() > 8 else 0


def reversals(values: Array64, amplitude: float) -> int:
    """Turning points of a signal, counting only those at least `amplitude` apart."""
    count, extreme, direction = 0, values[0], 0
    for v in values[1:]:
        if direction >= 0 and v < extreme - amplitude:
            count, direction, extreme = count + (direction != 0), -1, v
        elif direction <= 0 and v > extreme + amplitude:
            count, direction, extreme = count + (direction != 0), 1, v
        elif (direction >= 0 and v > extreme) or (direction <= 0 and v < extreme):
            extreme = v
    return count


def peaks(values: Array64, above: float) -> int:
    middle = values[1:-1]
    return int(np.count_nonzero((middle > above) & (middle >= values[:-2]) & (middle > values[2:])))


def together(a: Array64, b: Array64) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 1e-6 and np.ptp(b) > 1e-6 else 0.0
