"""A check that frames are a body: finite numbers, joints near each other, and no leaps.

Decoders of a damaged or hostile bundle give NaN, or numbers of any size. Nothing of that may reach
a file, a socket or a window, so every chunk of motion passes here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..base.errors import PoseError

_Array = NDArray[np.floating]

FURTHEST_JOINT: Final = 10.0
"""Metres from the pelvis: a giant of five times our size would pass, numbers gone wrong do not."""
LONGEST_STEP: Final = 10.0
"""Metres of the pelvis from a frame to the next, and of the first from the origin."""
LARGEST_NUMBER: Final = 1e6
"""Of features, and metres from the origin: beyond it float32 loses centimetres."""


class BodyCheck:
    """The check of one motion, chunk by chunk."""

    def __init__(self) -> None:
        self._frames = 0
        self._pelvis: NDArray[np.float64] = np.zeros(3)

    def push(self, features: _Array, joints: _Array) -> None:
        """Check features (n, 263) and their joints (n, 22, 3), metres, before anyone sees them.

        PoseError names a frame that is none's.
        """
        if not len(joints):
            return
        largest = np.maximum(_largest(features), _largest(joints))
        pelvis = np.asarray(joints[:, 0], np.float64)
        reach = farthest_joints(joints)
        step = _largest(np.diff(pelvis, axis=0, prepend=self._pelvis[None]))
        for values, most, what in (
            (largest, LARGEST_NUMBER, "numbers within"),
            (reach, FURTHEST_JOINT, "metres from pelvis to joint within"),
            (step, LONGEST_STEP, "metres from frame to frame within"),
        ):
            odd = np.flatnonzero(~(values <= most))  # NaN is not
            if len(odd):
                raise PoseError(
                    f"the decoder gives no body at frame {self._frames + odd[0]}: expected {what} "
                    f"{most:,.0f}, got {values[odd[0]]:.3g}; export the bundle again"
                )
        self._frames, self._pelvis = self._frames + len(joints), pelvis[-1]


def farthest_joints(joints: _Array) -> NDArray[np.float64]:
    """(n,) Along one axis, the distance of the joint (n, 22, 3) that is farthest from the pelvis."""
    return _largest(joints - joints[:, :1])


def _largest(values: _Array) -> NDArray[np.float64]:
    """(n,) The largest magnitude in each row; NaN where there is one."""
    return np.asarray(np.abs(values).reshape(len(values), -1).max(axis=1), np.float64)
