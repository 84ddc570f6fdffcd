"""A standing body posed by channels: joints (T, 22, 3) from angles, bone directions and shifts."""

from __future__ import annotations

from typing import Final

import numpy as np

from kinetoken.motion.skeleton import BONE_LENGTHS, JOINT, Array64

from .directions import bend_limb, from_plane, rotate, rotation_of, unit

Channels = dict[str, Array64]
"""Values over time by name, (T, n):

spine, hips, head: bend forward, lean left, turn left, radians; pelvis: shift left, up, forward, m;
left_upper, left_fore, right_...: bone directions in the chest's frame (directions.to_plane);
left_shrug: shoulder raised, radians; left_foot: shift left, up, forward, m; left_heel: radians.
"""

BOTH_SIDES: Final = ("left", "right")
WIDTHS: Final = {
    "spine": 3, "hips": 3, "head": 3, "pelvis": 3,
    **{f"{s}_{part}": n for s in BOTH_SIDES
       for part, n in (("upper", 2), ("fore", 2), ("shrug", 1), ("foot", 3), ("heel", 1))},
}  # fmt: skip
SIGN: Final = {"left": 1.0, "right": -1.0}
ARM_LENGTHS: Final = {
    s: (float(BONE_LENGTHS[JOINT[f"{s}_elbow"]]), float(BONE_LENGTHS[JOINT[f"{s}_wrist"]]))
    for s in BOTH_SIDES
}
_LEG_LENGTHS: Final = {
    s: (float(BONE_LENGTHS[JOINT[f"{s}_knee"]]), float(BONE_LENGTHS[JOINT[f"{s}_ankle"]]))
    for s in BOTH_SIDES
}
_MIDDLES: Final = {"upper": (0.6, 0.0, 0.8), "fore": (-0.2, 0.2, 1.0)}
_SPINE: Final = ((3, 0, 0.3), (6, 3, 0.6), (9, 6, 0.85))  # joint, parent, share of the bend
_NECK_SHARE: Final = 0.5  # of the head's turn, taken by the neck
_STRAIGHTEST: Final = 0.995  # of a leg's length
_SCAPULA: Final = 0.3  # radians of shoulder rise for an arm straight up


def middle(side: str, bone: str) -> Array64:
    """The direction that `bone` (upper or fore) passes on its ways, in the chest's frame."""
    x, y, z = _MIDDLES[bone]
    return np.array([SIGN[side] * x, y, z])


def pose_body(base: Array64, c: Channels) -> Array64:
    """Pose the standing joints `base` (T, 22, 3), which face +Z, by channels; bones keep lengths."""
    out = base.copy()
    turn = rotation_of(c["hips"])
    out[:, 0] += c["pelvis"]
    feet = {s: _foot(base, c, s) for s in BOTH_SIDES}
    for hip in (1, 2):
        out[:, hip] = out[:, 0] + rotate(turn, base[:, hip] - base[:, 0])
    drop = np.minimum(0.0, np.min([_room(out, feet[s][0], s) for s in BOTH_SIDES], axis=0))
    out[:, :3, 1] += drop[:, None]
    for joint, parent, share in _SPINE:
        bent = turn @ rotation_of(c["spine"] * share)
        out[:, joint] = out[:, parent] + rotate(bent, base[:, joint] - base[:, parent])
    chest = turn @ rotation_of(c["spine"])
    neck = chest @ rotation_of(c["head"] * _NECK_SHARE)
    out[:, 12] = out[:, 9] + rotate(neck, base[:, 12] - base[:, 9])
    out[:, 15] = out[:, 12] + rotate(chest @ rotation_of(c["head"]), base[:, 15] - base[:, 12])
    for side in BOTH_SIDES:
        _pose_arm(out, base, chest, c, side)
        _pose_leg(out, turn, feet[side], side)
    return out


def _pose_arm(out: Array64, base: Array64, chest: Array64, c: Channels, side: str) -> None:
    collar, shoulder, elbow, wrist = (
        JOINT[f"{side}_{part}"] for part in ("collar", "shoulder", "elbow", "wrist")
    )
    upper = from_plane(c[f"{side}_upper"], middle(side, "upper"))
    fore = from_plane(c[f"{side}_fore"], middle(side, "fore"))
    rise = c[f"{side}_shrug"][:, 0] + _SCAPULA * np.clip(upper[:, 1] + 0.1, 0.0, 1.1)
    forward = -0.25 * np.clip(upper[:, 2], -0.4, 1.0)
    lift = rotation_of(np.stack([np.zeros_like(rise), -SIGN[side] * rise, SIGN[side] * forward], 1))
    out[:, collar] = out[:, 9] + rotate(chest, base[:, collar] - base[:, 9])
    out[:, shoulder] = out[:, collar] + rotate(chest @ lift, base[:, shoulder] - base[:, collar])
    lengths = ARM_LENGTHS[side]
    out[:, elbow] = out[:, shoulder] + rotate(chest, upper) * lengths[0]
    out[:, wrist] = out[:, elbow] + rotate(chest, fore) * lengths[1]


def _foot(base: Array64, c: Channels, side: str) -> tuple[Array64, Array64]:
    """Places (T, 3) of ankle and toe: the standing ones, shifted, the heel raised."""
    ankle, toe = (base[:, JOINT[f"{side}_{part}"]].mean(axis=0) for part in ("ankle", "foot"))
    raised = np.zeros((len(base), 3))
    raised[:, 0] = c[f"{side}_heel"][:, 0]
    moved = toe + c[f"{side}_foot"]
    return moved + rotate(rotation_of(raised), np.broadcast_to(ankle - toe, moved.shape)), moved


def _room(out: Array64, ankle: Array64, side: str) -> Array64:
    """How far (T,) the hip may rise until the leg is straight: negative where it must sink."""
    hip = out[:, JOINT[f"{side}_hip"]]
    length = sum(_LEG_LENGTHS[side]) * _STRAIGHTEST
    across = np.linalg.norm((hip - ankle)[:, [0, 2]], axis=1)
    room: Array64 = ankle[:, 1] + np.sqrt(np.maximum(length**2 - across**2, 0.01)) - hip[:, 1]
    return room


def _pose_leg(out: Array64, turn: Array64, foot: tuple[Array64, Array64], side: str) -> None:
    hip, knee, low, toe = (JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle", "foot"))
    ankle, tip = foot
    ahead = unit((tip - ankle) * np.array([1.0, 0.0, 1.0]))
    pole = unit(ahead + rotate(turn, np.array([SIGN[side] * 0.1, 0.0, 0.5])))
    thigh, shin = bend_limb(out[:, hip], ankle, pole, _LEG_LENGTHS[side])
    out[:, knee] = out[:, hip] + thigh * _LEG_LENGTHS[side][0]
    out[:, low] = out[:, knee] + shin * _LEG_LENGTHS[side][1]
    out[:, toe] = out[:, low] + unit(tip - ankle) * BONE_LENGTHS[toe]
