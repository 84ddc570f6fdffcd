"""The judge of each action, and the clearer margin for motion that is learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..actions import OPEN_ACTIONS
from .anatomy import MOST_BENT_BACK, bent_back
from .evidence import Evidence
from .exercise import EXERCISE
from .floor_work import FLOOR_WORK
from .gestures import GESTURES
from .getting_about import GETTING_ABOUT

JUDGES: Final[dict[str, Callable[[Evidence], bool]]] = (
    GETTING_ABOUT | EXERCISE | FLOOR_WORK | GESTURES
)


def obeys(action: str, joints: NDArray[np.floating]) -> bool:
    """Tell whether joints (T, 22, 3) show the action, or one that an open name stands for.

    Elbows and knees that bend the wrong way show nothing.
    """
    if bent_back(joints) > MOST_BENT_BACK:
        return False
    evidence = Evidence(joints)
    names = (action,) if action in JUDGES else OPEN_ACTIONS[action]
    return any(JUDGES[name](evidence) for name in names)


# What is learnt from has to show its action more clearly than the exam asks for.
_MARGINS: Final[dict[str, Callable[[Evidence], bool]]] = {
    "walk_slowly": lambda e: e.going.along < 0.95,
    "walk_fast": lambda e: e.going.along > 1.5,
    "circle_left": lambda e: e.turn > 115,
    "circle_right": lambda e: e.turn < -115,
    "turn_around": lambda e: 145 < abs(e.turn) < 230,
    "jump_up": lambda e: e.rise > 0.18,
}


def shows(action: str, joints: NDArray[np.floating]) -> bool:
    """Tell whether joints (T, 22, 3) show the action clearly; actions without a judge always do."""
    if action not in JUDGES:
        return True
    margin = _MARGINS.get(action)
    return obeys(action, joints) and (margin is None or margin(Evidence(joints)))
