"""Which way elbows and knees bend: the share of frames in which one bends as no body can."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import JOINT, Array64

_BENT: Final = 0.035  # m: a limb whose middle joint is nearer to its line is straight
_STRAIGHT_UP: Final = 0.5  # cosine: an upper arm nearer to the chest's up folds either way
_ELBOW_AGAINST: Final = -0.5  # cosine to the way that the forearm folds of itself
_KNEE_AGAINST: Final = -0.35  # cosine of the knee's way to the toes'
_TOES_TELL: Final = 0.07  # m off the shin's line: a stretched foot does not tell where it looks
# Share of frames; the captured clips stay under it, those with reversed elbows do not.
MOST_BENT_BACK: Final = 0.25


def bent_back(joints: NDArray[np.floating]) -> float:
    """Share of frames of joints (T, 22, 3) in which any elbow or knee bends the wrong way."""
    points: Array64 = np.asarray(joints, np.float64)
    wrong = np.zeros(len(points), bool)
    for side in ("left", "right"):
        wrong |= elbow_bends_back(points, side) | knee_bends_back(points, side)
    return float(wrong.mean())


def elbow_bends_back(points: Array64, side: str) -> NDArray[np.bool_]:
    """Frames (T,) in which the forearm folds away from the front of the body.

    The way that it folds of itself is the chest's front, carried along by the shortest turn that
    brings a hanging upper arm to where it is. Internal and external rotation reach 120 degrees to
    either side of it, not more.
    """
    shoulder, elbow, wrist = (
        points[:, JOINT[f"{side}_{j}"]] for j in ("shoulder", "elbow", "wrist")
    )
    up = _unit(points[:, JOINT["neck"]] - points[:, JOINT["spine2"]])
    across = points[:, JOINT["left_shoulder"]] - points[:, JOINT["right_shoulder"]]
    ahead = _unit(np.cross(across, up))
    arm, forearm = _unit(elbow - shoulder), wrist - elbow
    # The shortest turn of `-up` to `arm`, applied to `ahead`.
    rest = -up
    axis = np.cross(rest, arm)
    cosine = np.sum(rest * arm, axis=1, keepdims=True)
    folds = (
        ahead * cosine
        + np.cross(axis, ahead)
        + axis * np.sum(axis * ahead, axis=1, keepdims=True) / np.maximum(1 + cosine, 0.05)
    )
    fold = forearm - np.sum(forearm * arm, axis=1, keepdims=True) * arm
    against = np.sum(_unit(fold) * _unit(folds), axis=1) < _ELBOW_AGAINST
    return np.asarray(_bent(shoulder, elbow, wrist) & against & (cosine[:, 0] > -_STRAIGHT_UP))


def knee_bends_back(points: Array64, side: str) -> NDArray[np.bool_]:
    """Frames (T,) in which a knee points away from the toes of its foot."""
    hip, knee, ankle, toe = (
        points[:, JOINT[f"{side}_{j}"]] for j in ("hip", "knee", "ankle", "foot")
    )
    shin, line = _unit(knee - ankle), _unit(ankle - hip)
    toes = toe - ankle
    toes = toes - np.sum(toes * shin, axis=1, keepdims=True) * shin
    way = knee - hip
    way = way - np.sum(way * line, axis=1, keepdims=True) * line
    against = np.sum(_unit(way) * _unit(toes), axis=1) < _KNEE_AGAINST
    tells = np.linalg.norm(toes, axis=1) > _TOES_TELL
    return np.asarray(_bent(hip, knee, ankle) & against & tells)


def _bent(root: Array64, middle: Array64, end: Array64) -> NDArray[np.bool_]:
    line = _unit(end - root)
    way = middle - root
    off = np.linalg.norm(way - np.sum(way * line, axis=1, keepdims=True) * line, axis=1)
    return np.asarray(off > _BENT)


def _unit(vectors: Array64) -> Array64:
    out: Array64 = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return out
