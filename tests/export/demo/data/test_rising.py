"""Ways up are found among windows and put between where they are needed."""

from __future__ import annotations

import numpy as np
import pytest

from kinetoken.motion.skeleton import Array64
from kinetoken_export.demo.data.cutting import Window, whole_rows
from kinetoken_export.demo.data.joining import between_stands, from_standing, neutral
from kinetoken_export.demo.data.rising import follow, ways_up
from synthetic import walker


def window(
    action: str, joints: Array64, begins: str = "standing", ends: str = "standing"
) -> Window:
    return Window(action, whole_rows(joints), "made", begins=begins, ends=ends)


def test_ways_up_come_from_rising_windows_or_from_falling_ones_backward() -> None:
    still = np.repeat(neutral()[None], 24, axis=0)
    up = window("stand_up_from_chair", still, begins="seated")
    down = window("kneel", still, ends="kneeling")
    ways = ways_up([up, down, window("wave_left", still)])
    assert {posture: len(found) for posture, found in ways.items()} == {
        "seated": 1, "on_floor": 0, "kneeling": 1, "lying": 0,
    }  # fmt: skip


def test_a_way_up_goes_between_a_low_end_and_an_upright_beginning() -> None:
    still = np.repeat(neutral()[None], 24, axis=0)
    rise = np.repeat(neutral()[None], 12, axis=0)
    down, walk = window("kneel", still, ends="kneeling"), window("walk", between_stands(walker(40)))
    draw = np.random.default_rng(0)
    with_way = follow([down, walk], {"kneeling": [rise]}, draw)
    without = follow([down, walk], {"kneeling": []}, draw)
    assert len(with_way) > len(without)
    upright = follow([walk, walk], {}, draw)
    assert np.linalg.norm(np.diff(upright, axis=0), axis=-1).max() * 20 < 12
    with pytest.raises(ValueError, match="got none"):
        follow([], {}, draw)


def test_a_window_that_begins_as_the_last_one_ended_needs_no_way_up() -> None:
    still = np.repeat(neutral()[None], 24, axis=0)
    down = window("kneel", still, ends="kneeling")
    up = window("get_up_from_floor", from_standing(walker(20)), begins="kneeling")
    draw = np.random.default_rng(0)
    rise = np.repeat(neutral()[None], 200, axis=0)
    assert len(follow([down, up], {"kneeling": [rise]}, draw)) < 200
