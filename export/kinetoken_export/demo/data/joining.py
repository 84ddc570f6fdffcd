"""Motions joined into one: from a standing pose, back to it, one after another, repeated.

Motions are joints (T, 22, 3) in metres, 20 fps, Y up, with HumanML3D's bone lengths, on a floor at
height 0. Every window of the demo begins and ends in `neutral()`, unless its posture says
otherwise, so windows can follow each other.
"""

from __future__ import annotations

from itertools import repeat as endless
from typing import Final

import numpy as np

from kinetoken.motion.idle import standing_pose
from kinetoken.motion.skeleton import JOINT, Array, Array64
from kinetoken.motion.transition import heading

from .bridges import angles_between, bend_leg, bridge, knee_pole, planted, turned

_FLOOR: Final = np.array([1.0, 0.0, 1.0])  # the part of a vector in the floor
STILL: Final = 3  # frames that a body stands still before and after it moves
_KNEES_BENT: Final = 0.008  # metres that the body is lower than with straight legs
_SHORTEST: Final = 6  # frames of the way from or to standing
_LONGEST: Final = 16
_TURN_STEP: Final = 0.12  # radians a frame of the bone that has furthest to go, on average
_ROOT_STEP: Final = 0.035  # metres a frame of the root, on average
_FOOT_STEP: Final = 0.055  # metres a frame of a foot that is set elsewhere, on average
_PACE: Final = 0.02  # metres a frame of the root, from which on it is getting about
_RUN_UP: Final = 0.4  # share of its last speed that a root has on average while it sets off
_FRAMES_OF_PACE: Final = 60.0  # frames of setting off for each metre a frame
_SEAM: Final = 0.012  # metres by which joints may miss their path where nothing is put between
_LIMBS: Final = slice(3, None)


def neutral() -> Array64:
    """The pose (22, 3) between motions: upright, feet together, arms down, facing +Z.

    The runtime's standing pose with its knees a little bent, as a body stands that is about to move.
    """
    pose = standing_pose()[None]
    feet = {s: pose[:, [JOINT[f"{s}_ankle"], JOINT[f"{s}_foot"]]] for s in ("left", "right")}
    poles = {side: knee_pole(pose[0], side) for side in feet}
    pose[:, :, 1] -= _KNEES_BENT
    for side, points in feet.items():
        bend_leg(pose, side, points[:, 0], points[:, 1], poles[side])
    return np.asarray(pose[0])


def from_standing(joints: Array, still: int = STILL, frames: int | None = None) -> Array64:
    """Motion (T + n, 22, 3): `still` frames of standing, the way into the motion, the motion.

    The body stands in the facing of the first frame, over the foot that stands there. The way
    takes 6 to 16 frames, by the distance of the poses, unless `frames` says how many.
    """
    motion = np.asarray(joints, np.float64)
    stand = _stand_before(motion)
    count = _way_frames(stand, motion[0], motion[1] - motion[0]) if frames is None else frames
    way = bridge(stand[None], motion, count)
    return np.concatenate([np.repeat(stand[None], still, axis=0), way, motion])


def to_standing(joints: Array, still: int = STILL, frames: int | None = None) -> Array64:
    """Motion (T + n, 22, 3): the motion, the way into standing, `still` frames of it."""
    return from_standing(joints[::-1], still, frames)[::-1]


def between_stands(joints: Array, still: int = STILL) -> Array64:
    """The motion with a start from standing and a return to it."""
    return to_standing(from_standing(joints, still), still)


def join(first: Array, second: Array, rise: Array | None = None) -> Array64:
    """One motion after another, which begins where the first ends and in its facing.

    Poses that do not meet get a way between them. `rise` is a motion that leads from the posture in
    which the first ends to standing; it goes between where the first ends low and the second begins
    upright.
    """
    if rise is not None:
        return join(join(first, rise), second)
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    b = turned(b, heading(a[-1]) - heading(b[0]), b[0, 0])
    placed = _placed_after(a, b, 0)
    if _meets(a, placed):
        return np.concatenate([a, placed])
    count = _way_frames(a[-1], placed[0], np.zeros((22, 3)), least=3)
    placed = _placed_after(a, b, count)
    return np.concatenate([a, bridge(a, placed, count), placed])


def repeat(joints: Array, count: int) -> Array64:
    """The motion `count` times in a row, each from where the last one ended."""
    if count < 1:
        raise ValueError(f"expected a count of 1 or more, got {count}")
    out = np.asarray(joints, np.float64)
    for one in endless(joints, count - 1):
        out = join(out, one)
    return out


def _stand_before(motion: Array64) -> Array64:
    """The standing pose from which a motion is entered: in its facing, over its standing foot.

    Without such a foot, or where the root would have to go back for it, the body stands where the
    root comes from.
    """
    first, step = motion[0], (motion[1] - motion[0])[0] * _FLOOR
    pose = turned(neutral(), heading(first) - heading(neutral()), np.zeros(3))
    pace = float(np.linalg.norm(step))
    places = []
    for foot in planted(motion[:2], last=False).values():
        way = (first[0] - first[foot] + pose[foot] - pose[0]) * _FLOOR
        if pace < _PACE or way @ step >= _RUN_UP * _SHORTEST * pace**2:
            places.append((abs(float(np.linalg.norm(way)) - pace * _SHORTEST), foot))
    if places:
        foot = min(places)[1]
        return np.asarray(pose + (first[foot] - pose[foot]) * _FLOOR)
    frames = np.clip(pace * _FRAMES_OF_PACE, _SHORTEST, _LONGEST)
    return np.asarray(pose + (first[0] - step * frames / 2.0 - pose[0]) * _FLOOR)


def _way_frames(stand: Array64, pose: Array64, step: Array64, least: int = _SHORTEST) -> int:
    """Frames of the way from a pose to another that moves `step` (22, 3) metres a frame."""
    root = pose[0] - stand[0]
    pace = float(np.linalg.norm(step[0] * _FLOOR))
    wanted = [
        float(angles_between(stand, pose)[_LIMBS].max()) / _TURN_STEP,
        float(np.linalg.norm(root)) / max(_ROOT_STEP, pace),
        *(
            float(np.linalg.norm(pose[foot] - stand[foot])) / max(_FOOT_STEP, pace)
            for foot in (7, 8)
        ),
    ]
    # A root that arrives with a speed would have to go back first on a longer way.
    most = 2.0 * float(np.linalg.norm(root * _FLOOR)) / pace if pace > _PACE else _LONGEST
    return int(np.clip(np.ceil(max(wanted)), least, np.clip(most, least, _LONGEST)))


def _placed_after(a: Array64, b: Array64, frames: int) -> Array64:
    """Motion b moved over the floor to where a ends, `frames` frames later.

    A foot that stands at the end of a and at the beginning of b stands at one place.
    """
    ends, begins = planted(a[-2:], last=True), planted(b[:2], last=False)
    both = [side for side in ends if side in begins]
    if both:
        moves = [a[-1, begins[side]] - b[0, begins[side]] for side in both]
        return np.asarray(b + np.mean(moves, axis=0) * _FLOOR)
    steps = [m[1] - m[0] if len(m) > 1 else np.zeros((22, 3)) for m in (a[-2:], b[:2])]
    glide = (steps[0][0] + steps[1][0]) / 2.0 * (frames + 1)
    return np.asarray(b + (a[-1, 0] + glide - b[0, 0]) * _FLOOR)


def _meets(a: Array64, b: Array64) -> bool:
    """Tell whether b goes on from a as if they were one motion."""
    coming = (a[-1] - a[-2] if len(a) > 1 else 0.0) + (b[1] - b[0] if len(b) > 1 else 0.0)
    return float(np.linalg.norm(b[0] - a[-1] - coming / 2.0, axis=-1).max()) < _SEAM
