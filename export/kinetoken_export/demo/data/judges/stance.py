"""How a body is held: its trunk, its postures, its turns over the head, its quick shifts."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import FPS, JOINT, Array64

from .evidence import LEFT, RIGHT, Evidence

_Flags = NDArray[np.bool_]
_STANDS: Final = 1.15  # m: the neck of a standing body is higher


def spine_of(e: Evidence) -> Array64:
    """Unit directions (T, 3) from pelvis to neck."""
    return _unit(e.joint("neck") - e.joint("pelvis"))


def front_of(e: Evidence) -> Array64:
    """Unit directions (T, 3) in which the belly looks."""
    return _unit(np.cross(_across(e), spine_of(e)))


def trunk_lean(e: Evidence) -> Array64:
    """Degrees (T,) between the spine and upright, whichever way it leans."""
    return np.asarray(np.degrees(np.arccos(np.clip(spine_of(e)[:, 1], -1.0, 1.0))))


def above_ground(e: Evidence, name: str) -> Array64:
    """Height (T,) of a joint over the lowest point of the whole motion, m."""
    return np.asarray(e.joint(name)[:, 1] - e.joints[..., 1].min())


def is_upright(e: Evidence, frames: slice = slice(None)) -> bool:
    """Tell whether the body stands, whatever it does with arms and legs, in all these frames."""
    neck, lean = above_ground(e, "neck")[frames], trunk_lean(e)[frames]
    return bool(neck.min() > 0.6 and lean.max() < 86.0 and longest_seconds(lean > 62.0) < 0.7)


def stands(e: Evidence, frames: slice) -> bool:
    """Tell whether it stands straight in these frames."""
    return bool(
        np.median(above_ground(e, "neck")[frames]) > _STANDS
        and np.median(above_ground(e, "pelvis")[frames]) > 0.75
        and np.median(trunk_lean(e)[frames]) < 30.0
    )


FIRST = slice(0, 4)
LAST = slice(-6, None)


def lies(e: Evidence, frames: slice) -> bool:
    """Tell whether it lies: pelvis, neck and both knees low."""
    return bool(
        np.median(above_ground(e, "pelvis")[frames]) < 0.3
        and np.median(above_ground(e, "neck")[frames]) < 0.38
        and np.median(trunk_lean(e)[frames]) > 60.0
    )


def sits_low(e: Evidence, frames: slice) -> bool:
    """Tell whether it sits on the floor."""
    return bool(
        np.median(above_ground(e, "pelvis")[frames]) < 0.25
        and np.median(trunk_lean(e)[frames]) < 58.0
        and np.median(above_ground(e, "neck")[frames]) > 0.38
    )


def sits_high(e: Evidence, frames: slice) -> bool:
    """Tell whether it sits as on a chair: thighs level, shins upright, feet on the floor."""
    pelvis, tops = above_ground(e, "pelvis")[frames], []
    for side in (LEFT, RIGHT):
        knee, ankle = (
            above_ground(e, f"{side}_knee")[frames],
            above_ground(e, f"{side}_ankle")[frames],
        )
        tops.append(bool(np.median(knee) > 0.33 and np.median(knee - ankle) > 0.24))
    return bool(
        0.36 < np.median(pelvis) < 0.72 and all(tops) and np.median(trunk_lean(e)[frames]) < 50.0
    )


def kneels(e: Evidence, frames: slice) -> bool:
    """Tell whether it kneels: upright on at least one knee with the shin behind on the floor."""
    down = []
    for side in (LEFT, RIGHT):
        knee, ankle = e.joint(f"{side}_knee")[frames], e.joint(f"{side}_ankle")[frames]
        back = np.sum((knee - ankle)[:, [0, 2]] * e.facing[frames], axis=1)
        low = above_ground(e, f"{side}_knee")[frames]
        down.append(bool(np.median(low) < 0.2 and np.median(back) > 0.2))
    pelvis = np.median(above_ground(e, "pelvis")[frames])
    lean = np.median(trunk_lean(e)[frames])
    return bool(any(down) and 0.22 < pelvis < 0.68 and lean < 52.0)


def pitch_turned(e: Evidence) -> Array64:
    """Degrees (T,) turned over the head since the first frame: forward is positive."""
    spine, across = spine_of(e), _across(e)
    forward = np.sum(np.cross(spine[:-1], spine[1:]) * across[:-1], axis=1)
    steps = np.arctan2(forward, np.sum(spine[:-1] * spine[1:], axis=1))
    return np.asarray(np.degrees(np.concatenate([[0.0], np.cumsum(steps)])))


def roll_turned(e: Evidence) -> Array64:
    """Degrees (T,) turned like a wheel since the first frame: to the body's left is positive."""
    across, front = _across(e), front_of(e)
    sideways = np.sum(np.cross(across[:-1], across[1:]) * front[:-1], axis=1)
    steps = -np.arctan2(sideways, np.sum(across[:-1] * across[1:], axis=1))
    return np.asarray(np.degrees(np.concatenate([[0.0], np.cumsum(steps)])))


def upside_down(e: Evidence) -> _Flags:
    """Frames (T,) in which the neck is well below the pelvis."""
    return np.asarray(spine_of(e)[:, 1] < -0.5)


def prone(e: Evidence) -> _Flags:
    """Frames (T,) in which the trunk is level or nearly, belly down."""
    return np.asarray((trunk_lean(e) > 48.0) & (front_of(e)[:, 1] < -0.6))


def sideways(e: Evidence, name: str) -> Array64:
    """Metres (T,) that a joint has moved to the left of the first facing."""
    ahead = np.median(e.facing[:4], axis=0)
    left = np.array([ahead[1], -ahead[0]])
    return np.asarray((e.joint(name) - e.joint(name)[0])[:, [0, 2]] @ left)


def onward(e: Evidence, name: str) -> Array64:
    """Metres (T,) that a joint has moved along the first facing."""
    ahead = np.median(e.facing[:4], axis=0)
    return np.asarray((e.joint(name) - e.joint(name)[0])[:, [0, 2]] @ ahead)


def fastest(path: Array64, frames: int = 4) -> float:
    """Return the highest speed of a signal (T,) over `frames` frames, per second."""
    if len(path) <= frames:
        return 0.0
    return float((path[frames:] - path[:-frames]).max() * FPS / frames)


def turning_points(values: Array64, amplitude: float) -> int:
    """Count turns of a signal (T,), fast or slow, that are at least `amplitude` apart."""
    count, direction = 0, 0
    low = high = values[0]
    for v in values[1:]:
        low, high = min(low, v), max(high, v)
        if direction >= 0 and v < high - amplitude:
            count, direction, low = count + (direction != 0), -1, v
        elif direction <= 0 and v > low + amplitude:
            count, direction, high = count + (direction != 0), 1, v
    return count


def longest_seconds(flags: _Flags) -> float:
    """Seconds of the longest run of frames that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    runs = edges[1::2] - edges[::2]
    return float(runs.max() / FPS) if len(runs) else 0.0


def _across(e: Evidence) -> Array64:
    points = e.joints
    hips = points[:, JOINT["left_hip"]] - points[:, JOINT["right_hip"]]
    shoulders = points[:, JOINT["left_shoulder"]] - points[:, JOINT["right_shoulder"]]
    return _unit(hips + shoulders)


def _unit(vectors: Array64) -> Array64:
    out: Array64 = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return out
