"""The training windows of every action, made from measured captures and checked by the judges."""

from __future__ import annotations

from collections.abc import Iterator

from .clips import Joints, mirrored, training_clips
from .cutting import Window
from .exercises import exercise_windows
from .floor_work import floor_windows
from .gaits import getting_about, getting_about_long
from .gestures import gesture_windows


def action_windows(clips: dict[str, Joints]) -> Iterator[Window]:
    """Every training window, mirrored too, of the clips that may be learnt from."""
    usable = dict(training_clips(clips))
    for mirror in (False, True):
        pool = {k: mirrored(v) if mirror else v for k, v in usable.items()}
        for maker in (getting_about, gesture_windows, floor_windows, exercise_windows):
            yield from maker(pool, mirror)


def long_windows(clips: dict[str, Joints]) -> Iterator[Window]:
    """Windows longer than LONGEST_WINDOW, mirrored too, of what can go on: 8 to 24 seconds."""
    usable = dict(training_clips(clips))
    for mirror in (False, True):
        pool = {k: mirrored(v) if mirror else v for k, v in usable.items()}
        yield from getting_about_long(pool, mirror)
