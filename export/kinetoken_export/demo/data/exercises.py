"""Windows of exercises, sports and acrobatics."""

from __future__ import annotations

from collections.abc import Iterator

from .clips import Joints
from .cutting import Window
from .makers.captured import captured_windows
from .makers.exercise_scripts import EXERCISE_ACTS
from .makers.script import act_windows
from .makers.sport_scripts import SPORT_ACTS


def exercise_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Windows of squats to hops, blows, kicks, dodges, rolls, flips and swimming.

    Captured windows of chairs and floors are among them.
    """
    yield from captured_windows(pool, mirror)
    yield from act_windows(EXERCISE_ACTS, 102, mirror)
    yield from act_windows(SPORT_ACTS, 103, mirror)
