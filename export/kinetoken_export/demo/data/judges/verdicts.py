"""The judge of each action, and the clearer margin for motion that is learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .evidence import LEFT, RIGHT, Evidence
from .exercise import EXERCISE
from .gestures import GESTURES
from .getting_about import GETTING_ABOUT

JUDGES: Final[dict[str, Callable[[Evidence], bool]]] = GETTING_ABOUT | EXERCISE | GESTURES


def obeys(action: str, joints: NDArray[np.floating]) -> bool:
    """Tell whether joints (T, 22, 3) show the action."""
    return bool(JUDGES[action](Evidence(joints)))


# What is learnt from has to show its action more clearly than the exam asks for.
_MARGINS: Final[dict[str, Callable[[Evidence], bool]]] = {
    "walk_slowly": lambda e: e.going.along < 0.95,
    "walk_fast": lambda e: e.going.along > 1.5,
    "circle_left": lambda e: e.turn > 115,
    "circle_right": lambda e: e.turn < -115,
    "turn_around": lambda e: 145 < abs(e.turn) < 230,
    "jump": lambda e: e.rise > 0.2,
    "punch": lambda e: max(e.speed("left_wrist").max(), e.speed("right_wrist").max()) > 3.8,
    "wave": lambda e: (
        max(e.swings(f"{side}_wrist", f"{side}_shoulder") for side in (LEFT, RIGHT)) >= 4
    ),
}


def shows(action: str, joints: NDArray[np.floating]) -> bool:
    """Tell whether joints (T, 22, 3) show the action clearly; actions without a judge always do."""
    if action not in JUDGES:
        return True
    evidence, margin = Evidence(joints), _MARGINS.get(action)
    return JUDGES[action](evidence) and (margin is None or margin(evidence))
