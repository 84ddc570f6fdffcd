"""Legs put to new places: two-bone inverse kinematics that keeps every bone as long as it is.

The knee bends in the plane in which it was bent; the foot keeps its length and goes where ankle and toe are asked to be.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .rotations import swing
from .skeleton import JOINT

Array = NDArray[np.floating]

_SIDES: Final = ("left", "right")
# Hip, knee, ankle, toe of each leg; the toe is what the skeleton calls the foot.
LEGS: Final = tuple(
    tuple(JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle", "foot")) for side in _SIDES
)
_STRAIGHT: Final = 0.01  # metres that a knee is out of line, below which the foot's direction helps to say where it bends
# Radians that a knee's angle changes at most. Near a straight leg a few millimetres of reach bend the knee by many
# centimetres, which is seen more than the rest of a slide.
_KNEE_CHANGE: Final = 0.2
_TINY: Final = 1e-9


def place_feet(joints: Array, corrections: Array) -> NDArray[np.float64]:
    """Joints (n, 22, 3) with the feet moved by corrections (n, 4, 3): left ankle, left foot, right ankle, right foot.

    Metres. A foot beyond reach comes as near as the leg allows; legs without a correction stay as they are, to the bit.
    """
    out = np.array(joints, np.float64)
    for leg, first in zip(LEGS, (0, 2), strict=True):
        moved = np.flatnonzero(np.any(corrections[:, first : first + 2] != 0.0, axis=(1, 2)))
        if len(moved):
            place = (moved[:, None], np.array(leg))
            out[place] = _placed(out[place], corrections[moved, first : first + 2])
    return out


def _placed(leg: Array, ends: Array) -> NDArray[np.float64]:
    """Hip, knee, ankle, toe (n, 4, 3) with corrections (n, 2, 3) of ankle and toe."""
    hip, ankle, toe = leg[:, 0], leg[:, 2], leg[:, 3]
    to_ankle = _reachable(leg, ankle + ends[:, 0] - hip)
    new_ankle = hip + to_ankle
    new_toe = new_ankle + _unit(toe + ends[:, 1] - new_ankle) * _length(toe - ankle)
    return np.stack([hip, hip + _bend(leg, to_ankle), new_ankle, new_toe], axis=1)


def _reachable(leg: Array, wanted: Array) -> NDArray[np.float64]:
    """From hip to ankle (n, 3): in the direction wanted, as far as the knee may bend or stretch for it."""
    thigh, shin = _length(leg[:, 1] - leg[:, 0]), _length(leg[:, 2] - leg[:, 1])
    before = _knee_angle(thigh, shin, _length(leg[:, 2] - leg[:, 0]))
    change = _knee_angle(thigh, shin, _length(wanted)) - before
    angle = before + _KNEE_CHANGE * np.tanh(change / _KNEE_CHANGE)
    reach = np.sqrt(np.maximum(0.0, thigh**2 + shin**2 - 2.0 * thigh * shin * np.cos(angle)))
    return np.asarray(_unit(wanted) * reach)


def _knee_angle(thigh: Array, shin: Array, reach: Array) -> NDArray[np.float64]:
    """Radians between thigh and shin, pi for a straight leg, by the law of cosines; beyond reach is straight."""
    cosine = (thigh**2 + shin**2 - reach**2) / np.maximum(2.0 * thigh * shin, _TINY)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _bend(leg: Array, to_ankle: Array) -> NDArray[np.float64]:
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


def _across(vector: Array, axis: Array) -> NDArray[np.float64]:
    """What of `vector` (n, 3) stands square to `axis` (n, 3)."""
    line = _unit(axis)
    return np.asarray(vector - np.sum(vector * line, axis=-1, keepdims=True) * line)


def _length(vectors: Array) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(vectors, axis=-1, keepdims=True))


def _unit(vectors: Array) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(_length(vectors), _TINY))
