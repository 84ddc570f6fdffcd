"""Checks that numbers are a body: its size tells the unit, its head which axis points up."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import numpy as np

from ..base.errors import FormatError
from ..motion.skeleton import JOINT, Array, Array64
from .humanoid.axes import is_mirrored
from .humanoid.landmarks import Landmarks, Limb
from .humanoid.retarget import LEG
from .humanoid.units import LONGEST_LEG, SHORTEST_LEG, is_leg, told_by_leg

MAX_METRES: Final = 1e6  # beyond it float32 loses centimetres
MAX_FRAMES: Final = 500_000  # frames: 7 hours at 20 fps
MIN_FPS: Final = 1.0
MAX_FPS: Final = 1000.0  # of any camera or model
_SIDES: Final = ("left", "right")
_LEFT_LEG, _RIGHT_LEG = (
    Limb(*(JOINT[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "foot"))) for side in _SIDES
)
_LEFT_ARM, _RIGHT_ARM = (
    Limb(*(JOINT[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "collar")))
    for side in _SIDES
)
_BODY: Final = Landmarks(
    JOINT["pelvis"],
    (JOINT["spine1"], JOINT["spine2"], JOINT["spine3"]),
    JOINT["neck"],
    JOINT["head"],
    (_LEFT_LEG, _RIGHT_LEG),
    (_LEFT_ARM, _RIGHT_ARM),
)
_LOOKED_AT: Final = 1000  # frames, evenly spread


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
    unit = told_by_leg(leg)
    if unit is not None:
        raise FormatError(
            f"{path}: expected metres, got a leg of {leg:.3g}: {unit.name}? "
            f"Divide by {1 / unit.metres:.4g}, or give --unit {unit.name}"
        )
    raise FormatError(
        f"{path}: expected metres, got a leg of {leg:.3g}; scale the body to "
        f"{SHORTEST_LEG:g} to {LONGEST_LEG:g}, or give the metres of one unit: "
        f"--unit {LEG / leg:.2g}"
    )


def warn_of_axes(joints: Array, path: Path) -> None:
    """Warn where the head of joints (T, 22, 3) is rarely above the feet, as where Z points up."""
    some = _some(joints)
    feet = (some[:, JOINT["left_ankle"]] + some[:, JOINT["right_ankle"]]) / 2.0
    way = some[:, JOINT["head"]] - feet
    height = np.median(way, axis=0)
    if (way[:, 1] > 0.0).mean() > 0.5 and height[1] >= np.abs(height[[0, 2]]).max():
        return
    axis = int(np.abs(height).argmax())
    up = ("" if height[axis] > 0 else "-") + "xyz"[axis]
    option = f"--up={up}" if up.startswith("-") else f"--up {up}"
    found = f"{path}: the head is not above the feet in most frames; {up.upper()} points up?"
    line = f"{found} Expected Y up; give {option}, or turn the joints, unless the body lies down"
    warnings.warn(line, UserWarning, stacklevel=2)


def warn_of_mirror(joints: Array, path: Path) -> None:
    """Warn where feet and knees of joints (T, 22, 3) point backward, as left-handed axes have it."""
    if is_mirrored(_BODY, _some(joints), JOINT.values()):
        warnings.warn(
            f"{path}: feet and knees point backward; are the sides exchanged, or the axes "
            "left-handed? Then save joints * [-1, 1, 1]",
            UserWarning,
            stacklevel=2,
        )


def check_rate(fps: float, path: Path) -> float:
    """The frames per second of a file; FormatError where they are too few or too many."""
    if not MIN_FPS <= fps <= MAX_FPS:
        raise FormatError(
            f"{path}: expected {MIN_FPS:g} to {MAX_FPS:g} frames per second, got {fps:.4g}; "
            "correct the rate"
        )
    return fps


def _some(joints: Array) -> Array64:
    return np.asarray(joints[:: len(joints) // _LOOKED_AT + 1], np.float64)
