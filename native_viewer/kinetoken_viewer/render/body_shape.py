"""A body as round cones: 22 joints become limbs, torso, head, hands and feet.

A round cone is a sphere of radius r0 at p0, a sphere of radius r1 at p1, and the tangent cone
between them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import JOINT, JOINT_NAMES, N_JOINTS

from . import theme

_Array = NDArray[np.floating]

FLOOR_Y: Final = -0.022  # metres: foot joints lie inside the foot, so the sole is a little lower
_HEAD_RISE: Final = (
    0.095  # metres from the head joint (base of the skull) to the middle of the head
)
_NECK_LEAN: Final = 0.5  # tangent of the angle between the neck bone and the upright skull, at rest
CONE_COLUMNS: Final = 11  # of an instance row: p0 (3), r0, p1 (3), r1, linear colour (3)


class RoundCone(NamedTuple):
    """One round cone between two named points; radii in metres."""

    start: str
    end: str
    start_radius: float
    end_radius: float
    colour: theme.Colour


def _limbs(name: str, colour: theme.Colour) -> tuple[RoundCone, ...]:
    def cone(start: str, end: str, r0: float, r1: float) -> RoundCone:
        return RoundCone(f"{name}_{start}", f"{name}_{end}", r0, r1, colour)

    return (
        cone("hip", "knee", 0.084, 0.056),
        cone("knee", "ankle", 0.057, 0.038),
        cone("heel", "foot", 0.040, 0.037),
        cone("foot", "toe", 0.037, 0.027),
        cone("shoulder", "elbow", 0.063, 0.042),
        cone("elbow", "wrist", 0.043, 0.030),
        cone("wrist", "hand", 0.034, 0.026),
    )


ROUND_CONES: Final[tuple[RoundCone, ...]] = (
    RoundCone("left_pelvis", "right_pelvis", 0.100, 0.100, theme.CENTRE_COLOUR),
    RoundCone("pelvis", "spine1", 0.102, 0.088, theme.CENTRE_COLOUR),
    RoundCone("spine1", "sternum", 0.088, 0.126, theme.CENTRE_COLOUR),
    RoundCone("left_yoke", "sternum", 0.060, 0.096, theme.CENTRE_COLOUR),
    RoundCone("right_yoke", "sternum", 0.060, 0.096, theme.CENTRE_COLOUR),
    RoundCone("left_yoke", "collar", 0.058, 0.070, theme.CENTRE_COLOUR),
    RoundCone("right_yoke", "collar", 0.058, 0.070, theme.CENTRE_COLOUR),
    RoundCone("neck", "skull", 0.052, 0.046, theme.CENTRE_COLOUR),
    RoundCone("chin", "crown", 0.078, 0.092, theme.HEAD_COLOUR),
    RoundCone("left_eye", "right_eye", 0.036, 0.036, theme.VISOR_COLOUR),
    *_limbs("left", theme.LEFT_COLOUR),
    *_limbs("right", theme.RIGHT_COLOUR),
)
_DERIVED: Final = (
    "left_pelvis", "right_pelvis", "left_yoke", "right_yoke", "sternum", "collar", "skull", "chin",
    "crown", "left_eye", "right_eye", "left_hand", "right_hand", "left_heel", "right_heel",
    "left_toe", "right_toe",
)  # fmt: skip
_POINT: Final = {name: index for index, name in enumerate((*JOINT_NAMES, *_DERIVED))}
_START: Final = np.array([_POINT[cone.start] for cone in ROUND_CONES])
_END: Final = np.array([_POINT[cone.end] for cone in ROUND_CONES])
_STYLE: Final = np.array(
    [(p.start_radius, p.end_radius, *theme.linear(p.colour)) for p in ROUND_CONES], dtype=np.float32
)


def body_cones(
    joints: _Array, fade: float = 0.0, toward: theme.Colour = theme.FLOOR
) -> NDArray[np.float32]:
    """Joint positions (22, 3) in metres to instance rows (n_cones, 11).

    `fade` (0 to 1) washes the colours toward another one, for poses of other moments.
    """
    if joints.shape != (N_JOINTS, 3):
        raise ValueError(f"expected one pose ({N_JOINTS}, 3), got {joints.shape}")
    points = _points(np.asarray(joints, dtype=np.float64))
    rows = np.empty((len(ROUND_CONES), CONE_COLUMNS), dtype=np.float32)
    rows[:, 0:3], rows[:, 3] = points[_START], _STYLE[:, 0]
    rows[:, 4:7], rows[:, 7] = points[_END], _STYLE[:, 1]
    rows[:, 8:11] = (
        _STYLE[:, 2:] * (1.0 - fade) + np.array(theme.linear(toward), dtype=np.float32) * fade
    )
    return rows


def _points(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """The joints and the derived points, (n_points, 3)."""
    out = np.empty((len(_POINT), 3))
    out[:N_JOINTS] = joints
    across = _unit(joints[JOINT["left_shoulder"]] - joints[JOINT["right_shoulder"]])
    _add_head(out, across)
    spine, neck = joints[JOINT["spine3"]], joints[JOINT["neck"]]
    forward = _unit(np.cross(across, neck - joints[JOINT["spine2"]]))
    out[_POINT["sternum"]] = spine + 0.26 * (neck - spine) + 0.008 * forward
    out[_POINT["collar"]] = spine + 0.82 * (neck - spine)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        out[_POINT[f"{side}_pelvis"]] = joints[0] + 0.62 * (
            joints[JOINT[f"{side}_hip"]] - joints[0]
        )
        out[_POINT[f"{side}_yoke"]] = joints[JOINT[f"{side}_shoulder"]] - sign * 0.035 * across
        wrist = joints[JOINT[f"{side}_wrist"]]
        out[_POINT[f"{side}_hand"]] = wrist + 0.095 * _unit(wrist - joints[JOINT[f"{side}_elbow"]])
        _add_foot(out, joints, side)
    return out


def _add_head(out: NDArray[np.float64], across: NDArray[np.float64]) -> None:
    neck, head = out[JOINT["neck"]], out[JOINT["head"]]
    # The neck bone leans forward of the skull's axis: that is taken off, steadied by the spine.
    lean = _unit(head - neck)
    up = _unit(
        lean - _NECK_LEAN * _unit(np.cross(across, lean)) + 0.6 * _unit(neck - out[JOINT["spine2"]])
    )
    forward = _unit(np.cross(across, up))
    middle = head + _HEAD_RISE * up
    out[_POINT["skull"]] = head + 0.03 * up
    out[_POINT["chin"]] = middle - 0.042 * up + 0.010 * forward
    out[_POINT["crown"]] = middle + 0.032 * up
    face = middle + 0.060 * forward + 0.012 * up
    out[_POINT["left_eye"]], out[_POINT["right_eye"]] = face + 0.040 * across, face - 0.040 * across


def _add_foot(out: NDArray[np.float64], joints: NDArray[np.float64], side: str) -> None:
    knee, ankle, foot = (joints[JOINT[f"{side}_{name}"]] for name in ("knee", "ankle", "foot"))
    along, down = _unit(foot - ankle), _unit(ankle - knee)
    sole = _unit(along - 0.35 * down)
    out[_POINT[f"{side}_heel"]] = ankle + 0.035 * down - 0.030 * sole
    out[_POINT[f"{side}_toe"]] = foot + 0.062 * sole


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    # Two joints on one spot have no direction: any will do, but a NaN would blank the picture.
    length = float(np.linalg.norm(vector))
    unit: NDArray[np.float64] = vector / length if length > 1e-9 else np.array([0.0, 1.0, 0.0])
    return unit
