"""Windows of what is done on the floor and on a chair."""

from __future__ import annotations

from collections.abc import Iterator

from .clips import Joints
from .cutting import Window
from .makers.floor_scripts import FLOOR_ACTS
from .makers.script import act_windows


def floor_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Windows of lying down, falling, getting up, kneeling, sitting, meditating and crawling."""
    yield from act_windows(FLOOR_ACTS, 101, mirror)
