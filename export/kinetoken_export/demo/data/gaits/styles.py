"""Styles of walking, laid over captured gaits, and gaits made from them by bending the body.

Each edit takes and returns joints (T, 22, 3), metres. Feet stay where they were, the legs follow.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import BONE_LENGTHS, FPS, JOINT, Array, Array64

from ..bridges import bones_of
from .cycles import Strike, planted_feet, retimed, stances, strikes
from .puppet import (
    armed,
    arms_toward,
    ease_bones,
    facing_bones,
    feet_of,
    headings,
    leaned,
    nodded,
    on_feet,
    swing_scaled,
    twisted,
)

Edit = Callable[[Array64], Array64]
_SIDES: Final = ("left", "right")
_PARTING: Final = 1e-9


def reposed(
    joints: Array,
    pose: Callable[[Array64], Array64],
    lower: float | Array = 0.0,
    back: float | Array = 0.0,
) -> Array64:
    """The motion with its body posed anew on the same feet.

    `pose` changes bones (T, 21, 3) in the body's own frame; the root sinks by `lower` and goes back
    by `back` metres.
    """
    points = np.asarray(joints, np.float64)
    heading = headings(points)
    own = facing_bones(bones_of(points), -heading)
    bones = facing_bones(pose(own), heading)
    root = points[:, 0].copy()
    root[:, 1] -= lower
    root -= np.stack([np.sin(heading) * back, np.zeros(len(root)), np.cos(heading) * back], axis=1)
    feet, poles = feet_of(points)
    return on_feet(root, bones, feet, poles)


def styled(style: str) -> Edit:
    """The edit that lays a style over a walk."""

    def edit(joints: Array64) -> Array64:
        lower, back = _STANCES.get(style, (0.0, 0.0))
        return reposed(joints, lambda bones: _POSES[style](bones, _phase(joints)), lower, back)

    return edit


def _phase(joints: Array) -> Array64:
    """Phase (T,) of the gait in radians: a whole turn for two steps, 0 where the left foot leads."""
    marks = strikes(joints)
    if len(marks) < 2:
        return np.zeros(len(joints))
    start = 0.0 if marks[0].side == "left" else np.pi
    at = np.array([mark.frame for mark in marks], np.float64)
    turns = start + np.pi * np.arange(len(at))
    pace = np.pi / max(1.0, float(np.mean(np.diff(at))))
    frames = np.arange(len(joints), dtype=np.float64)
    inner = np.interp(frames, at, turns)
    inner = np.where(frames < at[0], turns[0] - (at[0] - frames) * pace, inner)
    after = np.where(frames > at[-1], turns[-1] + (frames - at[-1]) * pace, inner)
    return np.asarray(after)


def _happy(bones: Array64, phase: Array64) -> Array64:
    out = nodded(leaned(swing_scaled(bones, 1.5), -4.0, 3.0 * np.sin(phase)), -8.0)
    for side in _SIDES:
        out = armed(out, side, out=6.0, elbow=18.0)
    return out


def _sad(bones: Array64, phase: Array64) -> Array64:
    out = nodded(leaned(swing_scaled(bones, 0.35), 13.0), 26.0)
    return armed(armed(out, "left", ahead=10.0), "right", ahead=10.0)


def _tired(bones: Array64, phase: Array64) -> Array64:
    out = nodded(leaned(swing_scaled(bones, 0.55), 18.0, 4.0 * np.cos(phase)), 20.0)
    return armed(armed(out, "left", ahead=14.0), "right", ahead=14.0)


def _old(bones: Array64, phase: Array64) -> Array64:
    out = nodded(leaned(swing_scaled(bones, 0.4), 27.0), -14.0)
    for side in _SIDES:
        out = armed(out, side, ahead=16.0, elbow=34.0)
    return out


def _drunk(bones: Array64, phase: Array64) -> Array64:
    time = np.arange(len(bones)) / FPS
    slow = np.sin(2.0 * np.pi * time / 2.3)
    out = leaned(bones, 7.0 * np.sin(2.0 * np.pi * time / 3.1), 12.0 * slow)
    out = nodded(twisted(out, 8.0 * np.sin(2.0 * np.pi * time / 2.9), -10.0 * slow), 9.0)
    for side in _SIDES:
        out = armed(out, side, out=20.0 + 8.0 * slow, elbow=15.0)
    return out


def _proud(bones: Array64, phase: Array64) -> Array64:
    out = nodded(leaned(bones, -8.0), -7.0)
    return armed(armed(out, "left", out=9.0), "right", out=9.0)


def _robotic(bones: Array64, phase: Array64) -> Array64:
    """A stiff trunk, elbows at a right angle, arms that swing in one piece."""
    ease = ease_bones(len(bones))
    out = bones.copy()
    for joint in ("spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar"):
        out[:, JOINT[joint] - 1] = ease[:, JOINT[joint] - 1]
    for side in _SIDES:
        rows = [JOINT[f"{side}_{part}"] - 1 for part in ("shoulder", "elbow", "wrist")]
        out[:, rows] = ease[:, rows]
        sign = -1.0 if side == "left" else 1.0
        out = armed(out, side, ahead=sign * 24.0 * np.cos(phase), elbow=78.0)
    return out


def _military(bones: Array64, phase: Array64) -> Array64:
    out = nodded(leaned(bones, -5.0), -3.0)
    goal = ease_bones(len(bones))
    for side in _SIDES:
        sign = -1.0 if side == "left" else 1.0
        goal = armed(goal, side, ahead=8.0 + sign * 38.0 * np.cos(phase))
    return arms_toward(out, goal, 0.9)


def _nervous(bones: Array64, phase: Array64) -> Array64:
    time = np.arange(len(bones)) / FPS
    look = 32.0 * np.tanh(2.5 * np.sin(2.0 * np.pi * time / 2.6))
    out = twisted(leaned(swing_scaled(bones, 0.6), 6.0), 0.15 * look, look)
    for side in _SIDES:
        out = armed(out, side, ahead=10.0, elbow=48.0)
    return out


def _angry(bones: Array64, phase: Array64) -> Array64:
    out = nodded(leaned(swing_scaled(bones, 1.3), 12.0), 4.0)
    for side in _SIDES:
        out = armed(out, side, out=12.0, elbow=28.0)
    return out


def _zombie(bones: Array64, phase: Array64) -> Array64:
    goal = ease_bones(len(bones))
    for side in _SIDES:
        goal = armed(goal, side, ahead=76.0 if side == "left" else 66.0, elbow=8.0)
    out = nodded(leaned(bones, 4.0, 8.0 * np.sin(phase)), 12.0)
    return arms_toward(out, goal, 1.0)


_POSES: Final[dict[str, Callable[[Array64, Array64], Array64]]] = {
    "happy": _happy,
    "sad": _sad,
    "tired": _tired,
    "old": _old,
    "drunk": _drunk,
    "proud": _proud,
    "robotic": _robotic,
    "military": _military,
    "nervous": _nervous,
    "angry": _angry,
    "zombie": _zombie,
}
# Metres by which the root sinks and goes back.
_STANCES: Final = {
    "sad": (0.015, 0.01),
    "tired": (0.035, 0.02),
    "old": (0.06, 0.05),
    "angry": (0.02, 0.0),
    "zombie": (0.03, 0.0),
    "drunk": (0.02, 0.0),
}


def shortened(joints: Array64, share: float) -> Array64:
    """A walk along +Z with steps of `share` of their length at the same pace."""
    out = np.asarray(joints, np.float64)
    feet, poles = feet_of(out)
    less = (share - 1.0) * np.array([0.0, 0.0, 1.0])
    nearer = {
        side: (ankle + ankle * less, toe + ankle * less) for side, (ankle, toe) in feet.items()
    }
    root = out[:, 0] * (np.array([1.0, 1.0, 1.0]) + less)
    root[:, 1] += 0.018 * (1.0 - share)
    return on_feet(root, bones_of(out), nearer, poles)


def on_tiptoe(joints: Array64) -> Array64:
    """A walk with its heels up: toes stay, ankles rise over them, the body with them."""
    out = np.asarray(joints, np.float64).copy()
    feet, poles = feet_of(out)
    raised: dict[str, tuple[Array64, Array64]] = {}
    for side, (ankle, toe) in feet.items():
        length = BONE_LENGTHS[JOINT[f"{side}_foot"]]
        foot = (toe - ankle) / length
        flat = foot * np.array([1.0, 0.0, 1.0])
        flat = flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), _PARTING)
        steep = np.minimum(foot[:, 1:2], 0.0) * 0.25 - 0.68  # sine of the foot's angle to the floor
        foot = flat * np.sqrt(1.0 - steep**2) + steep * np.array([0.0, 1.0, 0.0])
        # A heel that struck first left its toe in the air: it comes down with the rest.
        standing = toe.copy()
        strike = np.clip((0.12 - ankle[:, 1]) / 0.04, 0.0, 1.0)
        standing[:, 1] -= strike * np.maximum(0.0, toe[:, 1] - 0.015)
        raised[side] = (standing - foot * length, standing)
    bones = bones_of(out)
    root = out[:, 0] + np.array([0.0, 0.045, 0.0])
    heading = headings(out)
    own = facing_bones(bones, -heading)
    for side in _SIDES:
        own = armed(own, side, out=14.0, elbow=22.0)
    return on_feet(root, facing_bones(own, heading), raised, poles)


def crouched(joints: Array64, depth: float, lean: float, elbow: float = 55.0) -> Array64:
    """A walk with bent knees, `depth` metres lower, the body bent ahead by `lean` degrees."""

    def pose(bones: Array64) -> Array64:
        out = nodded(leaned(swing_scaled(bones, 0.5), lean), -0.55 * lean)
        for side in _SIDES:
            out = armed(out, side, ahead=0.5 * lean, elbow=elbow)
        return out

    return reposed(joints, pose, depth, 0.0016 * lean)


def stealthy(joints: Array64, depth: float, lean: float) -> Array64:
    """A crouched walk whose feet are lifted high and set down softly, hands up before the chest."""
    low = crouched(joints, depth, lean, elbow=88.0)
    return lifted(low, 0.09)


def lifted(joints: Array64, more: float) -> Array64:
    """A walk whose feet rise up to `more` metres higher while they swing."""
    out = np.asarray(joints, np.float64)
    feet, poles = feet_of(out)
    raised: dict[str, tuple[Array64, Array64]] = {}
    for side, (ankle, toe) in feet.items():
        up = np.zeros(len(out))
        for start, end in swings(out)[side]:
            t = (np.arange(start, end) - start + 1.0) / (end - start + 1.0)
            up[start:end] = more * np.sin(np.pi * t) ** 2
        rise = up[:, None] * np.array([0.0, 1.0, 0.0])
        raised[side] = (ankle + rise, toe + rise)
    return on_feet(out[:, 0], bones_of(out), raised, poles)


def swings(joints: Array) -> dict[str, list[tuple[int, int]]]:
    """Stretches of frames, ends excluded, in which each foot swings between two stances."""
    return {
        side: [(a[1], b[0]) for a, b in pairwise(pieces) if b[0] > a[1]]
        for side, pieces in stances(joints).items()
    }


def limping(joints: Array64, hurt: str, strength: float = 1.0) -> Array64:
    """A walk that spares one leg: its stance is short and stiff, the body drops onto the other.

    `strength` about 1 says how much.
    """
    behind = _held_back(np.asarray(joints, np.float64), hurt, 0.12 * strength)
    uneven = retimed(behind, _sparing(strikes(joints), hurt, len(joints), strength))
    weight = _bearing(strikes(uneven), hurt, len(uneven))
    sign = 1.0 if hurt == "left" else -1.0

    def pose(bones: Array64) -> Array64:
        # While the hurt leg bears, the trunk leans over it and the arms spread for balance.
        out = leaned(swing_scaled(bones, 0.7), 6.0 + 5.0 * weight, sign * strength * 12.0 * weight)
        out = nodded(out, 4.0 + 6.0 * weight)
        out = armed(out, hurt, ahead=6.0, elbow=28.0)
        return armed(out, "right" if hurt == "left" else "left", out=12.0 * weight, elbow=18.0)

    return reposed(uneven, pose, lower=strength * (0.02 + 0.035 * (1.0 - weight)))


def _held_back(joints: Array64, hurt: str, less: float) -> Array64:
    """A walk along +Z in which the sound foot comes down `less` metres short, in place."""
    feet, poles = feet_of(joints)
    sound = "right" if hurt == "left" else "left"
    ankle, toe = feet[sound]
    feet[sound] = (ankle - (0.0, 0.0, less), toe - (0.0, 0.0, less))
    return on_feet(joints[:, 0] - (0.0, 0.0, less / 2.0), bones_of(joints), feet, poles)


def _sparing(marks: list[Strike], hurt: str, count: int, strength: float) -> Array64:
    """Frames of the even walk for each frame of the limp: quick while the hurt leg bears."""
    speed = np.ones(count)
    for mark, after in pairwise(marks):
        speed[mark.frame : after.frame] = (
            1.0 + 0.42 * strength if mark.side == hurt else 1.0 - 0.24 * strength
        )
    kernel = np.hanning(7)
    smooth = np.convolve(np.pad(speed, 3, mode="edge"), kernel / kernel.sum(), mode="valid")
    when = np.concatenate([[0.0], np.cumsum(1.0 / smooth[:-1])])
    return np.interp(np.arange(int(when[-1]) + 1), when, np.arange(count))


def _bearing(marks: list[Strike], hurt: str, count: int) -> Array64:
    """1 while the hurt leg bears the body, 0 while the other does, with smooth ways between."""
    out = np.zeros(count)
    ends = [*marks[1:], Strike(count, "")]
    for mark, after in zip(marks, ends, strict=True):
        out[mark.frame + 1 : after.frame + 1] = float(mark.side == hurt)
    kernel = np.hanning(9)
    return np.convolve(np.pad(out, 4, mode="edge"), kernel / kernel.sum(), mode="valid")


def clean(joints: Array64) -> Array64:
    """The gait with its standing feet held still."""
    return planted_feet(joints, stances(joints))
