"""Idle motion of a body between two moves.

The body comes to stand, breathes and sways until something is asked.

It begins in the pose and with the velocity that were shown last. Feet that stand stay where they
are; a foot in the air, or too far from the other, is set down beside it. Root and upper body move
slowly to standing, the legs follow by inverse kinematics, and bones keep their lengths. A frame
depends on its number alone, so pieces of any size give the same motion. The floor is at height 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .skeleton import BONE_LENGTHS, FPS, JOINT, JOINT_NAMES, N_JOINTS, PARENTS, Array, Array64
from .transition import arc, heading, yaw

_COAST: Final = 0.08  # seconds in which the body's remaining velocity decays to 1/e
_STEP_SECONDS: Final = 0.45  # of setting down a foot
_STEP_HEIGHT: Final = 0.05  # metres by which it is lifted, where it has far to go
_HALF_STANCE: Final = 0.1  # metres from the middle to an ankle
_WIDEST: Final = 0.6  # metres between the ankles; wider, and one of them steps
_LONGEST_STEP: Final = 0.25  # metres, before or behind the other foot
_LOW: Final = 0.06  # metres over its height in standing, below which a foot may be standing
_SLOW: Final = 0.7  # m/s, the same for its speed
_GLIDE: Final = 0.2  # seconds of its velocity by which the root moves on while the body stops
_RISE: Final = (0.8, 2.5)  # seconds of standing up at least and at most
_TURN_SPEED: Final = 1.3  # rad/s of a bone: more, and standing up takes longer
_RISE_SPEED: Final = 0.35  # m/s of the root, likewise
_STRAIGHT: Final = 0.99  # share of a leg's length from hip to ankle when standing
_TOE_HEIGHT: Final = 0.015  # metres
_LEAD: Final = 0.02  # metres that the root stands before the ankles
_BREATH: Final = 3.9  # seconds
_SWAYS: Final = (9.7, 6.1, 14.3)  # seconds: never in step, so it does not look like a loop

_FLOOR: Final = np.array([1.0, 0.0, 1.0])
_TINY: Final = 1e-9
_BONES: Final = list(PARENTS[1:])
_SIDES: Final = (("left", 1.0), ("right", -1.0))
# Directions of bones, from the parent, of a body that stands at ease and faces +Z; the right side
# mirrors the left.
_EASE: Final = {
    "left_hip": (0.6, -0.79, -0.05), "spine1": (0.0, 1.0, -0.12), "spine2": (0.0, 1.0, 0.05),
    "spine3": (0.0, 0.95, 0.3),
    "neck": (0.0, 0.98, -0.2), "head": (0.0, 0.8, 0.55), "left_collar": (0.55, 0.8, -0.22),
    "left_shoulder": (0.94, 0.3, -0.12),
    "left_elbow": (0.16, -0.98, -0.08), "left_wrist": (0.12, -0.95, 0.28),
    "left_knee": (0.03, -1.0, 0.06),
    "left_ankle": (0.02, -1.0, -0.06), "left_foot": (0.2, -0.36, 0.91),
}  # fmt: skip


def _stand() -> Array64:
    rows = np.zeros((N_JOINTS, 3))
    for name in JOINT_NAMES[1:]:
        x, y, z = _EASE[name.replace("right", "left")]
        rows[JOINT[name]] = (-x if name.startswith("right") else x, y, z)
    return np.asarray(rows[1:] / np.linalg.norm(rows[1:], axis=-1, keepdims=True))


_STAND: Final = _stand()
"""(21, 3) unit directions of the bones to joints 1 to 21."""


def standing_pose() -> Array64:
    """A mean body (22, 3), metres, that stands at ease at the origin and faces +Z."""
    pose = _chain(np.zeros(3), _STAND * BONE_LENGTHS[1:, None])
    pose[:, 1] += _TOE_HEIGHT - pose[:, 1].min()
    return pose


class IdleRun:
    """Idle motion from the end of a move to the beginning of the next."""

    def __init__(self, shown: Array, fps: float = float(FPS)) -> None:
        """`shown`: the last poses (1 or 2, 22, 3) in metres; two tell its velocity."""
        if shown.ndim != 3 or shown.shape[1:] != (N_JOINTS, 3) or not len(shown):
            raise ValueError(
                f"expected the last one or two poses (n, {N_JOINTS}, 3), got {shown.shape}"
            )
        last = np.asarray(shown[-1], np.float64)
        velocity = (last - np.asarray(shown[max(0, len(shown) - 2)], np.float64)) * fps
        self._fps, self._frames = fps, 0
        self._root, self._speed = last[0], velocity[0]
        self._bones, self._turning = last[1:] - last[_BONES], velocity[1:] - velocity[_BONES]
        self._lengths = np.linalg.norm(self._bones, axis=-1)
        self._turn = yaw(heading(last))
        self._legs = _plan(last, velocity, self._turn)
        self._goal = self._stand_over(self._legs)
        self._rise = self._seconds_to_rise()

    def push(self, frames: int) -> Array64:
        """The next frames (n, 22, 3), metres."""
        time = (self._frames + 1 + np.arange(frames)) / self._fps
        self._frames += frames
        share = _ease(time / self._rise)
        bones = self._upper(time, share)
        root = self._path(time, share)
        feet = [leg.foot(time) for leg in self._legs]
        for leg, (ankle, _) in zip(self._legs, feet, strict=True):
            root[:, 1] = np.minimum(
                root[:, 1], leg.highest_root(root, bones[:, leg.hip - 1], ankle)
            )
        pose = _chain(root, bones)
        for leg, (ankle, direction) in zip(self._legs, feet, strict=True):
            leg.bend(pose, ankle, direction, self._turn[:, 2], share)
        return pose

    def _stand_over(self, legs: tuple[_Leg, ...]) -> Array64:
        """The root's place of rest (3,): over the feet, the legs all but straight."""
        ankles = np.stack([leg.ends_at for leg in legs])
        goal: Array64 = ankles.mean(axis=0) + _LEAD * self._turn[:, 2]
        hips = (_STAND @ self._turn.T) * self._lengths[:, None]
        heights = [
            leg.reach_height(goal, hips[leg.hip - 1], leg.ends_at, _STRAIGHT) for leg in legs
        ]
        goal[1] = min(heights)
        return goal

    def _seconds_to_rise(self) -> float:
        """A time in which no bone turns fast and the root does not shoot up."""
        upright = _STAND @ self._turn.T
        now = self._bones / np.maximum(self._lengths[:, None], _TINY)
        angle = np.arccos(np.clip(np.sum(upright * now, axis=-1), -1.0, 1.0)).max()
        way = np.linalg.norm(self._goal - self._root)
        return float(np.clip(max(angle / _TURN_SPEED, way / _RISE_SPEED), *_RISE))

    def _path(self, time: Array64, share: Array64) -> Array64:
        """The root (n, 3); over the floor it moves as a critically damped spring."""
        firm = 4.0 / self._rise
        away = (self._root - self._goal) * _FLOOR
        flat = (away + (self._speed * _FLOOR + firm * away) * time[:, None]) * np.exp(-firm * time)[
            :, None
        ]
        root = self._goal * _FLOOR + flat
        root[:, 1] = (1.0 - share) * (
            self._root[1] + self._speed[1] * _coasted(time)
        ) + share * self._goal[1]
        sway = np.stack(
            [
                0.008 * _wave(time, _SWAYS[0]) + 0.004 * _wave(time, _SWAYS[1]),
                0.004 * _wave(time, _SWAYS[2]),
            ],
            axis=1,
        )
        return np.asarray(root + share[:, None] * (sway @ self._turn[:, [0, 2]].T))

    def _upper(self, time: Array64, share: Array64) -> Array64:
        """Bones (n, 21, 3), from coasting to standing; those of the legs are replaced later."""
        carried = self._bones + self._turning * _coasted(time)[:, None, None]
        target = (_STAND + _life(time)) @ self._turn.T
        turned = arc(_unit(carried), _unit(target), share[:, None, None])
        return np.asarray(turned * self._lengths[:, None])


@dataclass(frozen=True)
class _Leg:
    """One leg, and the path of its foot: it stands, or is set down."""

    hip: int
    bones: Array64
    """(3,) lengths of thigh, shin and foot, metres."""
    pivot: Array64
    """(3,) the point that the foot stands on now: ankle or toe."""
    on_toe: bool
    velocity: Array64
    """(3,) of that point, m/s."""
    goal: Array64
    """(3,) its destination."""
    directions: tuple[Array64, Array64]
    """(3,) of the foot, now and standing."""
    knee: Array64
    """(3,) unit vector to which the knee points now, square to the leg."""

    @property
    def ends_at(self) -> Array64:
        """Ankle (3,) when standing."""
        return np.asarray(self.goal - self.on_toe * self.directions[1] * self.bones[2])

    def foot(self, time: Array64) -> tuple[Array64, Array64]:
        """Ankles (n, 3) and directions of the foot (n, 3)."""
        share = _ease(time / _STEP_SECONDS)[:, None]
        way = self.goal - self.pivot - self.velocity * _COAST
        lift = (
            _STEP_HEIGHT
            * min(1.0, float(np.linalg.norm(way * _FLOOR)) / _LONGEST_STEP)
            * np.sin(np.pi * share[:, 0]) ** 2
        )
        at = self.pivot + self.velocity * _coasted(time)[:, None] + share * way
        at[:, 1] += lift
        direction = arc(self.directions[0][None], self.directions[1][None], share)
        return (at - direction * self.bones[2] if self.on_toe else at), direction

    def highest_root(self, root: Array64, hip: Array64, ankle: Array64) -> Array64:
        """Greatest height (n,) of the root (n, 3) at which the foot can stay where it is."""
        return self.reach_height(root, hip, ankle, 1.0)

    def reach_height(self, root: Array64, hip: Array64, ankle: Array64, part: float) -> Array64:
        """Height (...,) of the root over an ankle, with the leg at that part of its length.

        `hip` is the bone from the root.
        """
        away = np.sum((((root + hip) - ankle) * _FLOOR) ** 2, axis=-1)
        length = part * (self.bones[0] + self.bones[1])
        return np.asarray(
            ankle[..., 1] + np.sqrt(np.maximum(length**2 - away, (0.3 * length) ** 2)) - hip[..., 1]
        )

    def bend(
        self, pose: Array64, ankle: Array64, direction: Array64, forward: Array64, share: Array64
    ) -> None:
        """Write knee, ankle and toe of this leg into poses (n, 22, 3) whose hips are in place."""
        thigh, shin, foot = self.bones
        hip = pose[:, self.hip]
        line = ankle - hip
        reach = np.clip(
            np.linalg.norm(line, axis=-1, keepdims=True), abs(thigh - shin) + _TINY, thigh + shin
        )
        axis = _unit(line)
        along = (thigh**2 - shin**2 + reach**2) / np.maximum(2.0 * reach, _TINY)
        out = np.sqrt(np.maximum(0.0, thigh**2 - along**2))
        points = (1.0 - share)[:, None] * self.knee + share[:, None] * forward
        side = _unit(points - np.sum(points * axis, axis=-1, keepdims=True) * axis)
        pose[:, self.hip + 3] = hip + along * axis + out * side
        pose[:, self.hip + 6] = hip + reach * axis
        pose[:, self.hip + 9] = pose[:, self.hip + 6] + foot * direction


def _plan(last: Array64, velocity: Array64, turn: Array64) -> tuple[_Leg, ...]:
    """Both legs and the destinations of their feet, from the last pose (22, 3) and velocity."""
    stands = [_stands(last, velocity, side) for side, _ in _SIDES]
    ankles = [last[JOINT[f"{side}_ankle"]] for side, _ in _SIDES]
    middle = (last[0] + velocity[0] * _GLIDE) * _FLOOR
    if all(stands) and np.linalg.norm((ankles[0] - ankles[1]) * _FLOOR) > _WIDEST:
        far = int(np.argmax([np.linalg.norm((ankle - middle) * _FLOOR) for ankle in ankles]))
        stands[far] = False
    legs = []
    for index, (side, sign) in enumerate(_SIDES):
        beside = middle + sign * _HALF_STANCE * turn[:, 0]
        if stands[1 - index] and not stands[index]:
            other = ankles[1 - index] * _FLOOR
            ahead = np.clip((middle - other) @ turn[:, 2], -_LONGEST_STEP, _LONGEST_STEP)
            beside = other + 2.0 * sign * _HALF_STANCE * turn[:, 0] + ahead * turn[:, 2]
        legs.append(_leg(last, velocity, turn, side, None if stands[index] else beside))
    return tuple(legs)


def _leg(
    last: Array64, velocity: Array64, turn: Array64, side: str, beside: Array64 | None
) -> _Leg:
    """A leg whose foot stands, or is set down with its ankle over `beside` (3,)."""
    hip, knee, ankle, toe = (JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle", "foot"))
    points = last[[hip, knee, ankle, toe]]
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    now = _unit(points[3] - points[2])
    ease = _STAND[toe - 1] @ turn.T
    flat = (
        _unit(now * _FLOOR)
        if beside is None and np.linalg.norm(now * _FLOOR) > 0.3
        else _unit(ease * _FLOOR)
    )
    standing = flat * np.linalg.norm(ease * _FLOOR) + (0.0, ease[1], 0.0)
    on_toe = beside is None and points[3, 1] - _TOE_HEIGHT < points[2, 1] - _ankle_height(
        lengths[2]
    )
    pivot = toe if on_toe else ankle
    height = _TOE_HEIGHT if on_toe else _ankle_height(lengths[2])
    own = velocity[pivot] * _FLOOR if beside is None else velocity[pivot]
    goal = (last[pivot] + own * _COAST if beside is None else beside) * _FLOOR + (0.0, height, 0.0)
    axis = _unit(points[2] - points[0])
    bend = points[1] - points[0] - ((points[1] - points[0]) @ axis) * axis
    points_to = _unit(bend) if np.linalg.norm(bend) > 0.01 else turn[:, 2]
    return _Leg(hip, lengths, last[pivot], bool(on_toe), own, goal, (now, standing), points_to)


def _stands(last: Array64, velocity: Array64, side: str) -> bool:
    """True where ankle or toe is on the floor and all but still."""
    ankle, toe = JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]
    heights = (last[ankle, 1] - _ankle_height(BONE_LENGTHS[toe]), last[toe, 1] - _TOE_HEIGHT)
    speeds = [float(np.linalg.norm(velocity[joint] * _FLOOR)) for joint in (ankle, toe)]
    return any(
        height < _LOW and speed < _SLOW for height, speed in zip(heights, speeds, strict=True)
    )


def _ankle_height(foot: float) -> float:
    return float(_TOE_HEIGHT - _STAND[JOINT["left_foot"] - 1, 1] * foot)


def _life(time: Array64) -> Array64:
    """Offsets (n, 21, 3) by which breathing and balance change the directions of the bones."""
    out = np.zeros((len(time), N_JOINTS, 3))
    breath, slow = _wave(time, _BREATH), _wave(time, _SWAYS[1])
    out[:, JOINT["spine3"], 2] = 0.02 * breath
    out[:, JOINT["spine1"], 0] = -0.012 * _wave(time, _SWAYS[0])
    out[:, JOINT["head"], 0] = 0.05 * slow
    out[:, JOINT["head"], 1] = 0.02 * _wave(time, _SWAYS[2])
    for side, sign in _SIDES:
        out[:, JOINT[f"{side}_collar"], 1] = 0.035 * breath
        out[:, JOINT[f"{side}_elbow"], 0] = sign * 0.012 * breath
        out[:, JOINT[f"{side}_elbow"], 2] = 0.015 * slow
        out[:, JOINT[f"{side}_wrist"], 2] = 0.02 * slow
    return out[:, 1:]


def _chain(root: Array64, bones: Array64) -> Array64:
    """Root (..., 3) and bones (..., 21, 3) to joints (..., 22, 3)."""
    out = np.empty((*bones.shape[:-2], N_JOINTS, 3))
    out[..., 0, :] = root
    for joint, parent in enumerate(PARENTS[1:], start=1):
        out[..., joint, :] = out[..., parent, :] + bones[..., joint - 1, :]
    return out


def _coasted(time: Array64) -> Array64:
    """Distance (n,) covered with a decaying velocity, in seconds of the first velocity."""
    return np.asarray(_COAST * (1.0 - np.exp(-time / _COAST)))


def _ease(share: Array64) -> Array64:
    t = np.clip(share, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _wave(time: Array64, seconds: float) -> Array64:
    return np.asarray(np.sin(2.0 * np.pi * time / seconds))


def _unit(vectors: Array64) -> Array64:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _TINY))
