"""Judges that look at joint positions alone and say whether an action took place.

No model, no text. All take joints (T, 22, 3): 20 fps, metres, Y up. Thresholds are stated once,
here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import FPS, JOINT, Array64

LEFT: Final = "left"
RIGHT: Final = "right"


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
        return max(_reversals(side[up][:, axis], 0.05) for axis in (0, 1)) if up.sum() > 8 else 0


def _reversals(values: Array64, amplitude: float) -> int:
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


def is_walk(e: Evidence, low: float = 0.35, high: float = 2.4) -> bool:
    """Tell whether it goes forward along its facing with alternating feet, at a walk's speed."""
    return (
        low < e.along < high and e.strides >= 2 and e.along > 0.75 * e.path_speed and e.rise < 0.15
    )


def _walk_forward(e: Evidence) -> bool:
    return is_walk(e) and abs(e.turn) < 60 and float(np.linalg.norm(e.travel)) / e.seconds > 0.35


def _walk_backward(e: Evidence) -> bool:
    return e.along < -0.3 and e.strides >= 2 and abs(e.along) > 0.75 * e.path_speed


def _run(e: Evidence) -> bool:
    return e.path_speed > 1.8 and e.along > 1.5 and e.strides >= 2


def _walk_slowly(e: Evidence) -> bool:
    return is_walk(e, low=0.2, high=1.05)


def _walk_fast(e: Evidence) -> bool:
    return is_walk(e, low=1.35, high=3.0)


def _circle(side: str) -> Callable[[Evidence], bool]:
    sign = 1 if side == LEFT else -1
    return lambda e: sign * e.turn > 90 and e.along > 0.3 and e.strides >= 2


def _turn_around(e: Evidence) -> bool:
    return 120 < abs(e.turn) < 300 and e.rise < 0.15


def _stand_still(e: Evidence) -> bool:
    drift = np.linalg.norm(e.joints - e.joints.mean(axis=0), axis=-1).max(axis=0)
    return (
        float(np.linalg.norm(e.travel)) < 0.2
        and bool(np.median(drift) < 0.12)
        and e.path_speed < 0.12
        and e.height("head").min() > 1.3
    )


def _jump(e: Evidence) -> bool:
    return e.rise > 0.15


def _jump_forward(e: Evidence) -> bool:
    return e.rise > 0.12 and float(e.travel @ e.facing[0]) > 0.4


def is_kick(side: str) -> Callable[[Evidence], bool]:
    """Tell whether a foot goes higher than 0.5 m in front, faster than 4 m/s, above the other.

    In front, because the back swing of a kick at a ball lifts the foot as high.
    """
    other = RIGHT if side == LEFT else LEFT

    def judge(e: Evidence) -> bool:
        ahead = (
            np.sum((e.joint(f"{side}_foot") - e.joint("pelvis"))[:, [0, 2]] * e.facing, axis=1)
            > 0.2
        )
        high = np.where(ahead, e.height(f"{side}_foot"), 0.0).max()
        return bool(
            high > 0.5
            and e.speed(f"{side}_foot").max() > 4.0
            and high > e.height(f"{other}_foot").max()
        )

    return judge


def _punch(e: Evidence) -> bool:
    return (
        max(e.speed("left_wrist").max(), e.speed("right_wrist").max()) > 3.0 and abs(e.along) < 1.2
    )


def _wave(e: Evidence) -> bool:
    return any(e.swings(f"{side}_wrist", f"{side}_shoulder") >= 3 for side in (LEFT, RIGHT))


def _jumping_jacks(e: Evidence) -> bool:
    left, right = e.height("left_wrist"), e.height("right_wrist")
    hands = np.minimum(left, right)
    feet = np.linalg.norm((e.joint("left_ankle") - e.joint("right_ankle"))[:, [0, 2]], axis=1)
    shoulders = e.height("left_shoulder")
    raised = bool(
        (hands > shoulders + 0.1).any() and (hands < shoulders - 0.25).any() and np.ptp(feet) > 0.25
    )
    return raised and _together(left, right) > 0.7 and _together(hands, feet) > 0.4


def _together(a: Array64, b: Array64) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 1e-6 and np.ptp(b) > 1e-6 else 0.0


def _squat(e: Evidence) -> bool:
    height = e.joint("pelvis")[:, 1]
    feet = np.maximum(e.height("left_ankle"), e.height("right_ankle"))
    return bool(
        np.ptp(height) > 0.25
        and feet[height.argmin()] < 0.3
        and e.path_speed < 0.5
        and e.rise < 0.15
    )


def _sit_down(e: Evidence) -> bool:
    height = e.joint("pelvis")[:, 1]
    low = height < height[:8].max() - 0.2
    return bool(low[-6:].all() and height.argmin() > 4)


def _dance(e: Evidence) -> bool:
    arms = np.mean([e.speed(j).mean() for j in ("left_wrist", "right_wrist")])
    legs = np.mean([e.speed(j).mean() for j in ("left_ankle", "right_ankle")])
    return bool(
        arms > 0.5 and legs > 0.3 and abs(e.along) < 1.0 and not (is_walk(e) and abs(e.turn) < 30)
    )


def _boxing(e: Evidence) -> bool:
    blows = sum(_peaks(e.speed(f"{side}_wrist"), 1.8) for side in (LEFT, RIGHT))
    guard = min(np.median(e.height("left_wrist")), np.median(e.height("right_wrist")))
    return bool(blows >= 3 and guard > 1.0 and abs(e.along) < 0.8)


def _peaks(values: Array64, above: float) -> int:
    middle = values[1:-1]
    return int(np.count_nonzero((middle > above) & (middle >= values[:-2]) & (middle > values[2:])))


JUDGES: Final[dict[str, Callable[[Evidence], bool]]] = {
    "walk_forward": _walk_forward,
    "walk_backward": _walk_backward,
    "run": _run,
    "walk_slowly": _walk_slowly,
    "walk_fast": _walk_fast,
    "circle_left": _circle(LEFT),
    "circle_right": _circle(RIGHT),
    "turn_around": _turn_around,
    "stand_still": _stand_still,
    "jump": _jump,
    "jump_forward": _jump_forward,
    "kick_left": is_kick(LEFT),
    "kick_right": is_kick(RIGHT),
    "punch": _punch,
    "wave": _wave,
    "jumping_jacks": _jumping_jacks,
    "squat": _squat,
    "sit_down": _sit_down,
    "dance": _dance,
    "boxing": _boxing,
}


def obeys(action: str, joints: NDArray[np.floating]) -> bool:
    """Tell whether joints (T, 22, 3) show the action."""
    return bool(JUDGES[action](Evidence(joints)))


# What is learnt from has to show its action more clearly than the exam asks for.
_MARGINS: Final[dict[str, Callable[[Evidence], bool]]] = {
    "walk_slowly": lambda e: e.along < 0.95,
    "walk_fast": lambda e: e.along > 1.5,
    "circle_left": lambda e: e.turn > 115,
    "circle_right": lambda e: e.turn < -115,
    "turn_around": lambda e: 145 < abs(e.turn) < 230,
    "jump": lambda e: e.rise > 0.2,
    "punch": lambda e: max(e.speed("left_wrist").max(), e.speed("right_wrist").max()) > 3.8,
    "wave": lambda e: (
        max(e.swings(f"{side}_wrist", f"{side}_shoulder") for side in (LEFT, RIGHT)) >= 4
    ),
}


def shows(action: str, joints: NDArray[np.floating]) -> bool:
    """Tell whether joints (T, 22, 3) show the action clearly; actions without a judge always do."""
    if action not in JUDGES:
        return True
    evidence, margin = Evidence(joints), _MARGINS.get(action)
    return JUDGES[action](evidence) and (margin is None or margin(evidence))
