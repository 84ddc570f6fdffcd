"""Contacts of the feet with the floor: left ankle, left foot, right ankle, right foot."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .features import CONTACT_STEP_SQUARED, CONTACTS, N_FEATURES
from .skeleton import CONTACT_JOINTS, N_JOINTS, Array

STANDING_SPEED: Final = 0.5  # m/s over the floor, below which a low foot may be taken to stand
_LOW: Final = (0.115, 0.065)  # metres over the floor, of an ankle and of a toe that stand
_OWN_FLOOR: Final = (
    0.08  # metres from 0, beyond which the lowest joint of a motion is on a floor of its own
)
_CONTACT_LIMIT: Final = (
    0.5  # a contact channel is 0 or 1 in the data and anything between in a codec's output
)


def contacts_in(features: Array) -> NDArray[np.bool_]:
    """Contacts (T, 4) of the contact channels in features (T, 263)."""
    if features.ndim != 2 or features.shape[1] != N_FEATURES:
        raise ValueError(f"expected features (T, {N_FEATURES}), got {features.shape}")
    return np.asarray(features[:, CONTACTS] > _CONTACT_LIMIT)


def contacts_of(joints: Array) -> NDArray[np.bool_]:
    """Contacts (T, 4) measured on joint positions (T, 22, 3), metres, 20 fps.

    A foot that hardly moves is in contact. The last frame has no step of its own and repeats the
    one before. A single frame counts as standing.
    """
    if joints.ndim != 3 or joints.shape[1:] != (N_JOINTS, 3):
        raise ValueError(f"expected joints (T, {N_JOINTS}, 3), got {joints.shape}")
    feet = joints[:, list(CONTACT_JOINTS)].astype(np.float64)
    steps = np.diff(feet, axis=0)
    if not len(steps):
        return np.ones((len(joints), len(CONTACT_JOINTS)), np.bool_)
    return np.asarray(
        np.sum(np.concatenate([steps, steps[-1:]]) ** 2, axis=-1) < CONTACT_STEP_SQUARED
    )


def floor_of(joints: Array) -> float:
    """Height of the floor under a finished motion (T, 22, 3).

    It is 0, or that of the lowest joint where that is far from 0.
    """
    lowest = float(joints[..., 1].min()) if joints.size else 0.0
    return lowest if abs(lowest) > _OWN_FLOOR else 0.0


def feet_standing(feet: Array, speed: Array, floor: float = 0.0) -> NDArray[np.bool_]:
    """Contacts (..., 4) of ankles and toes (..., 4, 3) by height and by speed (..., 4), m/s."""
    return np.asarray((speed < STANDING_SPEED) & (feet[..., 1] - floor < np.array(_LOW * 2)))
