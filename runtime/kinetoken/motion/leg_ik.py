"""Two-bone inverse kinematics of the legs, with bones of constant length.

The knee stays in the plane in which it was bent. The foot keeps its length and follows ankle and
toe.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .rotations import swing
from .skeleton import JOINT, Array, Array64

_SIDES: Final = ("left", "right")
# Hip, knee, ankle, toe of each leg; the toe is what the skeleton calls the foot.
LEGS: Final = tuple(
    tuple(JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle", "foot")) for side in _SIDES
)
_STRAIGHT: Final = 0.01
"""Metres by which a knee is out of line; below it the foot's direction helps to find the plane."""
_KNEE_CHANGE: Final = 0.2
"""Radians by which a knee's angle changes at most.

Near a straight leg a few millimetres of reach bend the knee by many centimetres, which is more
visible than the rest of a slide.
"""
_TINY: Final = 1e-9


def place_feet(joints: Array, corrections: Array) -> Array64:
    """Joints (n, 22, 3) with the feet moved by corrections (n, 4, 3), metres.

    The order is left ankle, left foot, right ankle, right foot. A foot beyond reach comes as near
    as the leg allows. Legs without a correction stay bit for bit as they are.
    """
    out = np.array(joints, np.float64)
    for leg, first in zip(LEGS, (0, 2), strict=True):
        moved = np.flatnonzero(np.any(corrections[:, first : first + 2] != 0.0, axis=(1, 2)))
        if len(moved):
            place = (moved[:, None], np.array(leg))
            out[place] = _placed(out[place], corrections[moved, first : first + 2])
    return out


def _placed(leg: Array, ends: Array) -> Array64:
    """Hip, knee, ankle, toe (n, 4, 3) with corrections (n, 2, 3) of ankle and toe."""
    hip, ankle, toe = leg[:, 0], leg[:, 2], leg[:, 3]
    to_ankle = _reachable(leg, ankle + ends[:, 0] - hip)
    new_ankle = hip + to_ankle
    new_toe = new_ankle + _unit(toe + ends[:, 1] - new_ankle) * _length(toe - ankle)
    return np.stack([hip, hip + _bend(leg, to_ankle), new_ankle, new_toe], axis=1)


def _reachable(leg: Array, wanted: Array) -> Array64:
    """From hip to ankle (n, 3), in the wanted direction, as far as the knee may bend or stretch."""
    thigh, shin = _length(leg[:, 1] - leg[:, 0]), _length(leg[:, 2] - leg[:, 1])
    before = _knee_angle(thigh, shin, _length(leg[:, 2] - leg[:, 0]))
    change = _knee_angle(thigh, shin, _length(wanted)) - before
    angle = before + _KNEE_CHANGE * np.tanh(change / _KNEE_CHANGE)
    reach = np.sqrt(np.maximum(0.0, thigh**2 + shin**2 - 2.0 * thigh * shin * np.cos(angle)))
    return np.asarray(_unit(wanted) * reach)


def _knee_angle(thigh: Array, shin: Array, reach: Array) -> Array64:
    """Radians between thigh and shin by the law of cosines.

    Pi for a straight leg and beyond reach.
    """
    cosine = (thigh**2 + shin**2 - reach**2) / np.maximum(2.0 * thigh * shin, _TINY)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _bend(leg: Array, to_ankle: Array) -> Array64:
    """From hip to knee (n, 3), for an ankle at `to_ankle` (n, 3) from the hip."""
    before = leg[:, 2] - leg[:, 0]
    thigh, shin, reach = (
        _length(leg[:, 1] - leg[:, 0]),
        _length(leg[:, 2] - leg[:, 1]),
        _length(to_ankle),
    )
    turn = swing(_unit(before), _unit(to_ankle))
    side = _across(leg[:, 1] - leg[:, 0], before)
    doubt = np.maximum(0.0, 1.0 - _length(side) / _STRAIGHT)
    side = side + doubt * _STRAIGHT * _unit(_across(leg[:, 3] - leg[:, 2], before))
    along = (thigh**2 - shin**2 + reach**2) / np.maximum(2.0 * reach, _TINY)
    out = np.sqrt(np.maximum(0.0, thigh**2 - along**2))
    across = np.einsum("nij,nj->ni", turn, _unit(side))
    return np.asarray(_unit(to_ankle) * along + across * out)


def _across(vector: Array, axis: Array) -> Array64:
    """The part of `vector` (n, 3) that is perpendicular to `axis` (n, 3)."""
    line = _unit(axis)
    return np.asarray(vector - np.sum(vector * line, axis=-1, keepdims=True) * line)


def _length(vectors: Array) -> Array64:
    return np.asarray(np.linalg.norm(vectors, axis=-1, keepdims=True))


def _unit(vectors: Array) -> Array64:
    return np.asarray(vectors / np.maximum(_length(vectors), _TINY))
