"""Checks that numbers are a body: its size tells the unit, its head which axis points up."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import numpy as np

from ..base.errors import FormatError
from ..motion.skeleton import JOINT, Array, Array64

METRES: Final = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001}
"""Units in use."""
MAX_METRES: Final = 1e6  # beyond it float32 loses centimetres
MAX_FRAMES: Final = 500_000  # frames: 7 hours at 20 fps
_RATES: Final = (1.0, 1000.0)  # frames per second of any camera or model
_LEG: Final = (0.25, 2.5)  # metres from hip to ankle of any body
_LOOKED_AT: Final = 1000  # frames, evenly spread


def is_leg(length: float) -> bool:
    """True for a length in metres from a hip to an ankle."""
    return _LEG[0] < length < _LEG[1]


def check_legs(joints: Array, path: Path) -> None:
    """FormatError unless the legs of joints (T, 22, 3) have a length in metres."""
    some = _some(joints)
    shin = some[:, JOINT["left_ankle"]] - some[:, JOINT["left_knee"]]
    thigh = some[:, JOINT["left_knee"]] - some[:, JOINT["left_hip"]]
    leg = float(np.median(np.linalg.norm(shin, axis=1) + np.linalg.norm(thigh, axis=1)))
    if is_leg(leg):
        return
    if leg < 1e-9:
        raise FormatError(f"{path}: expected a body, got legs of length 0; export the motion again")
    for unit in ("centimetres", "millimetres"):
        if is_leg(leg * METRES[unit]):
            raise FormatError(
                f"{path}: expected metres, got a leg of {leg:.3g} ({unit}?); "
                f"divide by {1 / METRES[unit]:g}"
            )
    raise FormatError(
        f"{path}: expected metres, got a leg of {leg:.3g}; scale it to {_LEG[0]:g} to {_LEG[1]:g}"
    )


def warn_of_axes(joints: Array, path: Path) -> None:
    """Warn where the head of joints (T, 22, 3) is rarely above the feet, as where Z points up."""
    some = _some(joints)
    feet = (some[:, JOINT["left_ankle"]] + some[:, JOINT["right_ankle"]]) / 2.0
    above = (some[:, JOINT["head"]] - feet)[:, 1] > 0.0
    height = np.abs(np.median(some[:, JOINT["head"]] - feet, axis=0))
    if above.mean() > 0.5 and height[1] >= max(height[0], height[2]):
        return
    axis = "Z" if height[2] >= height[0] else "X"
    guess = "Y points down?" if height[1] >= height.max() else f"{axis} points up?"
    found = f"{path}: the head is not above the feet in most frames; {guess}"
    line = f"{found} Expected Y up; turn the joints unless the body lies down"
    warnings.warn(line, UserWarning, stacklevel=2)


def check_rate(fps: float, path: Path) -> float:
    """The frames per second of a file; FormatError where they are too few or too many."""
    if not _RATES[0] <= fps <= _RATES[1]:
        raise FormatError(
            f"{path}: expected {_RATES[0]:g} to {_RATES[1]:g} frames per second, got {fps:.4g}; "
            "correct the rate"
        )
    return fps


def _some(joints: Array) -> Array64:
    return np.asarray(joints[:: len(joints) // _LOOKED_AT + 1], np.float64)
