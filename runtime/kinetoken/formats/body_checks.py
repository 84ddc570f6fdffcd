"""Whether numbers are a body at all: its size tells the unit, its head the axis that points up, its rate the time."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..base.errors import FormatError
from ..motion.skeleton import JOINT

Array = NDArray[np.floating]

METRES: Final = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001}
"""Units that occur."""
SCALE_LIMIT: Final = 1e6  # metres: beyond it is no motion, and float32 loses centimetres
LONGEST: Final = 500_000  # frames: 7 hours at 20 fps
RATES: Final = (1.0, 1000.0)  # frames per second of any camera or model
_LEG: Final = (0.25, 2.5)  # metres from hip to ankle, of any body
_LOOKED_AT: Final = 1000  # frames, evenly over the whole


def is_leg(length: float) -> bool:
    """Whether this is the length in metres from a hip to an ankle."""
    return _LEG[0] < length < _LEG[1]


def check_legs(joints: Array, path: Path) -> None:
    """FormatError where joints (T, 22, 3) have legs that are none in metres: another unit, or no body."""
    some = _some(joints)
    shin = some[:, JOINT["left_ankle"]] - some[:, JOINT["left_knee"]]
    thigh = some[:, JOINT["left_knee"]] - some[:, JOINT["left_hip"]]
    leg = float(np.median(np.linalg.norm(shin, axis=1) + np.linalg.norm(thigh, axis=1)))
    if is_leg(leg):
        return
    if leg < 1e-9:
        raise FormatError(
            f"{path}: all joints of the leg are in one place, which is no body; export the motion again"
        )
    for unit in ("centimetres", "millimetres"):
        if is_leg(leg * METRES[unit]):
            raise FormatError(
                f"{path}: expected metres, got a leg of {leg:.3g}: {unit}? Divide by {1 / METRES[unit]:g}"
            )
    raise FormatError(
        f"{path}: expected metres, got a leg of {leg:.3g}; scale the body to {_LEG[0]:g} to {_LEG[1]:g}"
    )


def warn_of_axes(joints: Array, path: Path) -> None:
    """Warns where the head of joints (T, 22, 3) is not above the feet in most frames, as where Z points up."""
    some = _some(joints)
    feet = (some[:, JOINT["left_ankle"]] + some[:, JOINT["right_ankle"]]) / 2.0
    above = (some[:, JOINT["head"]] - feet)[:, 1] > 0.0
    height = np.abs(np.median(some[:, JOINT["head"]] - feet, axis=0))
    if above.mean() > 0.5 and height[1] >= max(height[0], height[2]):
        return
    axis = "Z" if height[2] >= height[0] else "X"
    guess = "Y points down?" if height[1] >= height.max() else f"{axis} points up?"
    line = f"{path}: the head is not above the feet in most frames; {guess} Expected Y up: turn the joints if nobody lies"
    warnings.warn(line, UserWarning, stacklevel=2)


def check_rate(fps: float, path: Path) -> float:
    """The frames per second of a file; FormatError where no motion has so many or so few."""
    if not RATES[0] <= fps <= RATES[1]:
        raise FormatError(
            f"{path}: expected {RATES[0]:g} to {RATES[1]:g} frames per second, got {fps:.4g}; correct it"
        )
    return fps


def _some(joints: Array) -> NDArray[np.float64]:
    return np.asarray(joints[:: len(joints) // _LOOKED_AT + 1], np.float64)
