"""A body posed by a few angles, and captured bodies changed by the same angles.

Angles are degrees in the body's own frame: X to its left, Y up, Z ahead. Bones are (T, 21, 3),
metres, from each joint's parent to joints 1 to 21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from kinetoken.motion.hinges import rotations_about
from kinetoken.motion.skeleton import BONE_LENGTHS, JOINT, Array, Array64
from kinetoken.motion.transition import arc

from ..bridges import bend_leg, bones_of, chained
from ..joining import neutral

_SIDES: Final = ("left", "right")
_AXES: Final = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_TRUNK: Final = ("spine1", "spine2", "spine3", "neck", "head")
_CHEST: Final = ("spine2", "spine3", "neck", "head")
_ARMS: Final = ("collar", "shoulder", "elbow", "wrist")
_STRAIGHT: Final = 0.994  # share of its length to which a leg stretches


def ease_bones(frames: int) -> Array64:
    """The bones (frames, 21, 3) of a body that stands in `neutral()`."""
    return np.repeat(bones_of(neutral())[None], frames, axis=0)


def headings(joints: Array) -> Array64:
    """Heading (T,) of each frame by hips and shoulders, radians from +Z to +X, unwrapped."""
    points = np.asarray(joints, np.float64)
    across = points[:, JOINT["left_hip"]] - points[:, JOINT["right_hip"]]
    across = across + points[:, JOINT["left_shoulder"]] - points[:, JOINT["right_shoulder"]]
    return np.asarray(np.unwrap(np.arctan2(-across[:, 2], across[:, 0])))


def facing_bones(bones: Array, heading: Array) -> Array64:
    """Bones turned from the body's own frame to its heading (T,), radians to the left."""
    return np.asarray(np.einsum("tij,tkj->tki", _about("y", np.degrees(heading)), bones))


def leaned(bones: Array, ahead: Array | float, aside: Array | float = 0.0) -> Array64:
    """Bones with the body above the hips bent ahead and to its left by degrees (T,)."""
    out = np.array(bones, np.float64)
    for axis, angle in (("x", ahead), ("z", -np.asarray(aside))):
        # Half of it at the lowest vertebra, the rest at the next.
        _turn(out, (*_TRUNK, *_both(_ARMS)), axis, 0.5 * np.asarray(angle))
        _turn(out, (*_CHEST, *_both(_ARMS)), axis, 0.5 * np.asarray(angle))
    return out


def twisted(bones: Array, to_left: Array | float, head: Array | float = 0.0) -> Array64:
    """Bones with the chest turned to the left by degrees (T,), and the head further."""
    out = np.array(bones, np.float64)
    _turn(out, (*_CHEST, *_both(_ARMS)), "y", np.asarray(to_left))
    _turn(out, ("neck", "head"), "y", np.asarray(head))
    return out


def nodded(bones: Array, down: Array | float) -> Array64:
    """Bones with the head bent ahead by degrees (T,)."""
    out = np.array(bones, np.float64)
    _turn(out, ("head",), "x", np.asarray(down))
    _turn(out, ("neck",), "x", 0.5 * np.asarray(down))
    return out


def armed(
    bones: Array,
    side: str,
    ahead: Array | float = 0.0,
    out: Array | float = 0.0,
    elbow: Array | float = 0.0,
) -> Array64:
    """Bones with an arm swung ahead, lifted outward, and its elbow bent, by degrees (T,)."""
    new = np.array(bones, np.float64)
    sign = 1.0 if side == "left" else -1.0
    upper, lower = f"{side}_elbow", f"{side}_wrist"
    _turn(new, (lower,), "x", -np.asarray(elbow))
    _turn(new, (upper, lower), "z", sign * np.asarray(out))
    _turn(new, (upper, lower), "x", -np.asarray(ahead))
    return new


def arms_toward(bones: Array, goal: Array, share: Array | float) -> Array64:
    """Bones with the arms turned towards those of `goal`, a share (T,) of the way."""
    out, amount = np.array(bones, np.float64), np.broadcast_to(share, (len(bones),))[:, None]
    for joint in _both(("elbow", "wrist")):
        row = JOINT[joint] - 1
        length = BONE_LENGTHS[row + 1]
        target = np.broadcast_to(goal, out.shape)[:, row] / length
        out[:, row] = arc(out[:, row] / length, target, amount) * length
    return out


def swing_scaled(bones: Array, scale: float) -> Array64:
    """Bones with the arms' swing about its mean made larger or smaller."""
    out = np.array(bones, np.float64)
    for joint in _both(("elbow", "wrist")):
        row = JOINT[joint] - 1
        mean = out[:, row].mean(axis=0)
        bone = mean + scale * (out[:, row] - mean)
        out[:, row] = bone / np.linalg.norm(bone, axis=-1, keepdims=True) * BONE_LENGTHS[row + 1]
    return out


def on_feet(
    root: Array,
    bones: Array,
    feet: Mapping[str, tuple[Array, Array]],
    poles: Mapping[str, Array],
    sinking: bool = True,
) -> Array64:
    """Joints (T, 22, 3) of a body whose legs reach its feet: ankles and toes (T, 3) by side.

    `poles` (T, 3) by side say where the knees point. A root too high for both feet sinks smoothly,
    unless the feet may hang.
    """
    base = np.array(root, np.float64)
    if sinking:
        base[:, 1] -= _excess(base, bones, feet)
    out = chained(base, np.asarray(bones, np.float64))
    for side in _SIDES:
        bend_leg(out, side, *feet[side], poles[side])
    return out


def feet_of(joints: Array) -> tuple[dict[str, tuple[Array64, Array64]], dict[str, Array64]]:
    """Ankles and toes, and the sides to which the knees point, of a motion (T, 22, 3)."""
    feet, poles = {}, {}
    for side in _SIDES:
        hip, knee, ankle, toe = (
            np.asarray(joints[:, JOINT[f"{side}_{part}"]], np.float64)
            for part in ("hip", "knee", "ankle", "foot")
        )
        feet[side] = (ankle, toe)
        axis = (ankle - hip) / np.linalg.norm(ankle - hip, axis=-1, keepdims=True)
        bend = knee - hip - np.sum((knee - hip) * axis, axis=-1, keepdims=True) * axis
        foot = (toe - ankle) / np.linalg.norm(toe - ankle, axis=-1, keepdims=True)
        poles[side] = bend + 0.03 * foot
    return feet, poles


def _excess(root: Array64, bones: Array, feet: Mapping[str, tuple[Array, Array]]) -> Array64:
    out = np.zeros(len(root))
    for side in _SIDES:
        away = feet[side][0] - root - bones[:, JOINT[f"{side}_hip"] - 1]
        reach = _STRAIGHT * (
            BONE_LENGTHS[JOINT[f"{side}_knee"]] + BONE_LENGTHS[JOINT[f"{side}_ankle"]]
        )
        depth = np.sqrt(np.maximum(reach**2 - away[:, 0] ** 2 - away[:, 2] ** 2, 0.0))
        out = np.maximum(out, -away[:, 1] - depth)
    wide = np.pad(out, 5, mode="edge")
    wide = np.max([np.roll(wide, k) for k in (-2, -1, 0, 1, 2)], axis=0)
    kernel = np.array([1, 2, 3, 4, 3, 2, 1]) / 16.0
    return np.convolve(wide, kernel, mode="same")[5:-5]


def _both(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for side in _SIDES for part in parts)


def _about(axis: str, degrees: Array) -> Array64:
    angle = np.radians(np.atleast_1d(np.asarray(degrees, np.float64)))
    return rotations_about(np.broadcast_to(np.array(_AXES[axis]), (len(angle), 3)), angle)


def _turn(bones: Array64, joints: tuple[str, ...], axis: str, degrees: Array) -> None:
    """Turn the bones that end in these joints about an axis, in place."""
    rows = [JOINT[joint] - 1 for joint in joints]
    turn = np.broadcast_to(_about(axis, degrees), (len(bones), 3, 3))
    bones[:, rows] = np.einsum("tij,tkj->tki", turn, bones[:, rows])
