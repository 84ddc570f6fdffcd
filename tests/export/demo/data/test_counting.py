"""Repetitions are counted as often as they were made."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from kinetoken.motion.idle import standing_pose
from kinetoken.motion.recover import recover
from kinetoken_export.demo.data.gaits.stepping import marching, sidestepping
from kinetoken_export.demo.data.gestures import gesture_windows
from kinetoken_export.demo.data.judges import JUDGES
from kinetoken_export.demo.data.judges.counting import COUNTERS, times_done, tops, ups
from kinetoken_export.demo.data.makers.exercise_scripts import EXERCISE_ACTS
from kinetoken_export.demo.data.makers.floor_scripts import FLOOR_ACTS
from kinetoken_export.demo.data.makers.script import Act, Script
from kinetoken_export.demo.data.makers.sport_scripts import SPORT_ACTS

ACTS = [
    act
    for act in FLOOR_ACTS + EXERCISE_ACTS + SPORT_ACTS
    if act.action in COUNTERS and max(act.counts) > 0
]


def still(frames: int = 60) -> np.ndarray:
    return np.repeat(standing_pose()[None], frames, axis=0).astype(np.float32)


def test_ups_come_from_below_and_tops_stand_out() -> None:
    wave = np.sin(np.arange(80) * np.pi / 10)
    assert ups(wave, 0.5) == tops(wave, 0.5) == 4
    assert ups(wave, 3.0) == tops(wave, 3.0) == 0
    assert tops(wave, 0.5, above=1.0) == 0
    assert tops(wave[8:], 0.5) == 3  # what begins on a top has not come up


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.action}-{act.play.__name__}")
def test_posed_repetitions_are_counted(act: Act) -> None:
    for seed, count in enumerate(sorted({1, *act.counts} - {0})):
        draw = np.random.default_rng(seed)
        script = Script(draw, 1.0, act.start(draw) if act.start else None)
        act.play(script, count)
        assert times_done(act.action, script.joints()) == count


def test_gestures_are_counted() -> None:
    right = defaultdict[str, list[bool]](list)
    breath = np.random.default_rng(0).normal(0, 1e-4, still().shape).astype(np.float32)
    for window in gesture_windows({"cmu_61_01": still() + breath}, mirror=False, takes=4):
        if window.count and window.action in COUNTERS:
            joints = recover(window.features.astype(np.float64))
            right[window.action].append(times_done(window.action, joints) == window.count)
    assert {"bow", "clap", "nod", "shake_head", "shrug", "wave_left", "wave_right"} <= set(right)
    assert {action for action, each in right.items() if np.mean(each) < 0.9} == set()


def test_steps_are_counted() -> None:
    draw = np.random.default_rng(3)
    for count in (3, 4, 6):
        assert times_done("march_in_place", marching(count, 11.0, 0.3, 3, draw)) == count
        steps = sidestepping("left", count, 0.35, 8.0, 3, draw)
        assert times_done("sidestep_left", steps) == count


def test_a_still_body_does_nothing_and_some_actions_are_not_counted() -> None:
    assert set(COUNTERS) <= {*JUDGES, "jump", "kick", "punch", "wave"}
    assert {action for action in COUNTERS if times_done(action, still()) != 0} == set()
    assert times_done("dance", still()) is None
