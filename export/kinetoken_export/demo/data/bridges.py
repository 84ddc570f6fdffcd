"""The way from one pose into another: positions and velocities continuous, feet on the floor.

The root moves along a quintic, bones turn along arcs from the one motion as it fades out to the
other as it fades in, and the legs follow their feet by inverse kinematics. A foot that stands at
the same place in both poses stays there; one that does not is lifted. The floor is at height 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import BONE_LENGTHS, JOINT, N_JOINTS, PARENTS, Array, Array64
from kinetoken.motion.transition import arc, yaw

_SIDES: Final = ("left", "right")
_FLOOR: Final = np.array([1.0, 0.0, 1.0])  # the part of a vector in the floor
_BONES: Final = list(PARENTS[1:])
_LOW: Final = (0.13, 0.07)  # metres: an ankle and a toe that stand are lower
_PLANTED_STEP: Final = 0.03  # metres a frame: the point that a foot stands on is slower
_SLIDE: Final = 0.015  # metres that a foot moves without being lifted
_LIFT: Final = (0.02, 0.15)  # metres at least, and of each metre of the step
_HIGHEST_LIFT: Final = 0.07  # metres
_DIP_FRAMES: Final = 7  # in which an upward or downward velocity is gone
_STRAIGHT: Final = 0.995  # share of its length to which a leg stretches
_FLAT_TOE: Final = 0.015  # metres: the toe of a foot that stands
_TINY: Final = 1e-9


def angles_between(first: Array, second: Array) -> Array64:
    """Angles (21,) in radians between the bones of two poses (22, 3)."""
    a, b = (bones_of(pose) / BONE_LENGTHS[1:, None] for pose in (first, second))
    return np.asarray(np.arccos(np.clip(np.sum(a * b, axis=-1), -1.0, 1.0)))


def bones_of(joints: Array) -> Array64:
    """Bones (..., 21, 3), metres, from each joint's parent to joints 1 to 21."""
    return np.asarray(joints[..., 1:, :] - joints[..., _BONES, :], np.float64)


def planted(poses: Array, last: bool) -> dict[str, int]:
    """The joint on which each standing foot stands: its ankle, or its toe where the heel is up.

    `poses` (2, 22, 3) are neighbours; the foot is looked at in the last or the first of them.
    """
    pose, step = poses[-1 if last else 0], poses[-1] - poses[0]
    out = {}
    for side in _SIDES:
        ankle, toe = JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]
        for joint, low in ((toe, _LOW[1]), (ankle, _LOW[0])):
            if pose[joint, 1] < low and np.linalg.norm(step[joint] * _FLOOR) < _PLANTED_STEP:
                out[side] = joint
                break
    return out


@dataclass(frozen=True)
class _End:
    """One end of the way: the pose, and its velocity in metres a frame."""

    pose: Array64
    velocity: Array64
    stands_on: dict[str, int]


def bridge(before: Array, after: Array, frames: int) -> Array64:
    """`frames` poses (frames, 22, 3) that lead from the last of `before` to the first of `after`.

    Both are motions of one pose or more, in one place and with HumanML3D's bone lengths; two poses
    tell a velocity.
    """
    if frames < 1:
        return np.zeros((0, N_JOINTS, 3))
    a, b = _end(before[-2:], last=True), _end(after[:2], last=False)
    root = _quintic(a.pose[0], a.velocity[0], b.pose[0], b.velocity[0], frames)
    share = _share(frames)[:, None, None]
    bones = arc(*_fading(a, b, frames), share) * BONE_LENGTHS[1:, None]
    feet = {side: _foot(side, a, b, bones, frames) for side in _SIDES}
    root[:, 1] -= _too_high(root, bones, feet, (a.pose, b.pose))
    out = chained(root, bones)
    for side in _SIDES:
        poles = [knee_pole(end.pose, side) for end in (a, b)]
        bend_leg(out, side, *feet[side], (1.0 - share[:, 0]) * poles[0] + share[:, 0] * poles[1])
    return out


def _end(poses: Array, last: bool) -> _End:
    two = np.asarray(poses if len(poses) > 1 else np.repeat(poses, 2, axis=0), np.float64)
    return _End(two[-1 if last else 0], two[1] - two[0], planted(two, last))


def _share(frames: int) -> Array64:
    """Minimum-jerk shares (frames,) of the way, without its ends."""
    t = np.arange(1, frames + 1) / (frames + 1)
    return np.asarray(t**3 * (10.0 - 15.0 * t + 6.0 * t * t))


def _quintic(p: Array64, v: Array64, q: Array64, w: Array64, frames: int) -> Array64:
    """Points (frames, 3) from p with velocity v to q with velocity w (m/frame), unforced.

    Heights keep their velocity for a few frames alone, so that the way does not dip.
    """
    n = frames + 1
    time = np.arange(1, n)[:, None]
    lasting = np.array([n, min(n, _DIP_FRAMES), n], np.float64)
    first, last = np.minimum(time / lasting, 1.0), np.minimum((n - time) / lasting, 1.0)
    away, back = (lasting * (t - 6.0 * t**3 + 8.0 * t**4 - 3.0 * t**5) for t in (first, last))
    share = _share(frames)[:, None]
    return np.asarray(p + share * (q - p) + away * v - back * w)


def _fading(a: _End, b: _End, frames: int) -> tuple[Array64, Array64]:
    """Directions (frames, 21, 3) of the bones of both ends, that go on with fading velocity."""
    time = np.arange(1, frames + 1)[:, None, None]
    out = []
    for end, away, sign in ((a, time, 1.0), (b, frames + 1 - time, -1.0)):
        coast = max(1.5, frames / 4.0)
        gone = sign * coast * (1.0 - np.exp(-away / coast))
        out.append(_unit(bones_of(end.pose) + bones_of(end.velocity) * gone))
    # Arms that go from one side to the opposite go round the body's outside, not through it.
    across = a.pose[JOINT["left_hip"]] - a.pose[JOINT["right_hip"]]
    for joint in ("left_elbow", "left_wrist", "right_elbow", "right_wrist"):
        bone = JOINT[joint] - 1
        likeness = np.sum(out[0][:, bone] * out[1][:, bone], axis=-1, keepdims=True)
        opposite = np.clip((-0.3 - likeness) / 0.5, 0.0, 1.0)
        aside = _unit(across) * (1.0 if joint.startswith("left") else -1.0)
        out[1][:, bone] = _unit(out[1][:, bone] + 0.4 * opposite * aside)
    return out[0], out[1]


def _foot(side: str, a: _End, b: _End, bones: Array64, frames: int) -> tuple[Array64, Array64]:
    """Path of an ankle and of its toe, (frames, 3) each."""
    ankle, toe = JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]
    pivot = a.stands_on.get(side, b.stands_on.get(side, ankle))
    if pivot == ankle and b.stands_on.get(side) == toe:
        pivot = toe
    way = float(np.linalg.norm((b.pose[pivot] - a.pose[pivot]) * _FLOOR))
    stays = side in a.stands_on and side in b.stands_on and way < _SLIDE
    at = _quintic(a.pose[pivot], a.velocity[pivot], b.pose[pivot], b.velocity[pivot], frames)
    direction = _level(_unit(bones[:, toe - 1]), a, b, toe, pivot)
    if stays:
        share = _share(frames)[:, None]
        at = a.pose[pivot] + share * (b.pose[pivot] - a.pose[pivot])
    elif max(a.pose[toe, 1], b.pose[toe, 1]) < 0.35:  # a foot of a lying body is not lifted on
        time = np.arange(1, frames + 1) / (frames + 1)
        lift = min(_LIFT[0] + _LIFT[1] * way, _HIGHEST_LIFT)
        at[:, 1] += lift * np.sin(np.pi * time) ** 2
    length = BONE_LENGTHS[toe]
    ankles = at - direction * length if pivot == toe else at
    lowest = min(_FLAT_TOE, a.pose[toe, 1], b.pose[toe, 1])
    toes = ankles + direction * length
    ankles[:, 1] += np.maximum(0.0, lowest - toes[:, 1])
    return ankles, ankles + direction * length


def _level(direction: Array64, a: _End, b: _End, toe: int, pivot: int) -> Array64:
    """Directions of a foot that never point further down than at either end."""
    down = min(
        float((end.pose[toe, 1] - end.pose[PARENTS[toe], 1]) / BONE_LENGTHS[toe]) for end in (a, b)
    )
    low = direction[:, 1] < down
    flat = direction * _FLOOR
    size = np.linalg.norm(flat, axis=-1, keepdims=True)
    held = flat / np.maximum(size, _TINY) * np.sqrt(max(0.0, 1.0 - down * down))
    held[:, 1] = down
    return np.where(low[:, None] & (pivot != toe), held, direction)


def _too_high(
    root: Array64,
    bones: Array64,
    feet: dict[str, tuple[Array64, Array64]],
    ends: tuple[Array64, Array64],
) -> Array64:
    """Metres (frames,) by which the root is lowered, smoothly, so that both feet are in reach."""
    excess, share = np.zeros(len(root)), _share(len(root))
    for side in _SIDES:
        hip, ankle = JOINT[f"{side}_hip"], JOINT[f"{side}_ankle"]
        away = feet[side][0] - root - bones[:, hip - 1]
        least = _STRAIGHT * (BONE_LENGTHS[JOINT[f"{side}_knee"]] + BONE_LENGTHS[ankle])
        own = [max(least, float(np.linalg.norm(pose[ankle] - pose[hip]))) for pose in ends]
        reach = (1.0 - share) * own[0] + share * own[1]
        flat = np.sum((away * _FLOOR) ** 2, axis=-1)
        depth = np.sqrt(np.maximum(reach**2 - flat, 0.0))
        excess = np.maximum(excess, -away[:, 1] - depth)
    wide = np.pad(excess, 3)
    wide = np.max([np.roll(wide, k) for k in (-1, 0, 1)], axis=0)
    return np.convolve(wide, np.array([1, 2, 3, 2, 1]) / 9.0, mode="same")[3:-3]


def chained(root: Array64, bones: Array64) -> Array64:
    """Joints (n, 22, 3) from roots (n, 3) and bones (n, 21, 3), metres."""
    out = np.empty((len(root), N_JOINTS, 3))
    out[:, 0] = root
    for joint, parent in enumerate(PARENTS[1:], start=1):
        out[:, joint] = out[:, parent] + bones[:, joint - 1]
    return out


def bend_leg(out: Array64, side: str, ankles: Array, toes: Array, poles: Array) -> None:
    """Write knee, ankle and toe of a leg into joints (n, 22, 3) whose hips are in place.

    The ankle comes to `ankles` (n, 3), or as near as the leg allows, the foot points as from there
    to `toes` (n, 3), and the knee towards `poles` (n, 3) or (3,).
    """
    hip, knee, ankle, toe = (JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle", "foot"))
    thigh, shin = BONE_LENGTHS[knee], BONE_LENGTHS[ankle]
    line = ankles - out[:, hip]
    reach = np.clip(
        np.linalg.norm(line, axis=-1, keepdims=True),
        abs(thigh - shin) + 0.02,
        (thigh + shin) * 0.9995,
    )
    axis = _unit(line)
    along = (thigh**2 - shin**2 + reach**2) / (2.0 * reach)
    aside = np.sqrt(np.maximum(0.0, thigh**2 - along**2))
    square = _unit(poles - np.sum(poles * axis, axis=-1, keepdims=True) * axis)
    foot = _unit(toes - ankles) * BONE_LENGTHS[toe]
    out[:, knee] = out[:, hip] + along * axis + aside * square
    out[:, ankle] = out[:, hip] + reach * axis
    out[:, toe] = out[:, ankle] + foot


def knee_pole(pose: Array64, side: str) -> Array64:
    """Unit vector (3,) to which a knee points, square to the line from hip to ankle.

    A straight leg's knee points where the toe does.
    """
    hip, knee, ankle, toe = (
        pose[JOINT[f"{side}_{part}"]] for part in ("hip", "knee", "ankle", "foot")
    )
    axis = _unit(ankle - hip)
    out = knee - hip - ((knee - hip) @ axis) * axis
    doubt = max(0.0, 1.0 - float(np.linalg.norm(out)) / 0.03)
    foot = _unit(toe - ankle - ((toe - ankle) @ axis) * axis)
    return _unit(out + doubt * 0.03 * foot)


def turned(joints: Array, angle: float, pivot: Array) -> Array64:
    """Joints (..., 22, 3) turned by `angle` radians about the upright line through `pivot` (3,)."""
    centre = np.asarray(pivot) * _FLOOR
    return np.asarray((joints - centre) @ yaw(angle).T + centre)


def _unit(vectors: Array64) -> Array64:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _TINY))
