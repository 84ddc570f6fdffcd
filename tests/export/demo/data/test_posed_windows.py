"""Motion that is posed shows its action, shows no other, and moves as a body can."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pytest

from kinetoken.motion.recover import recover
from kinetoken.motion.skeleton import BONE_LENGTHS, PARENTS
from kinetoken_export.demo.data.judges.anatomy import bent_back
from kinetoken_export.demo.data.judges.evidence import Evidence
from kinetoken_export.demo.data.judges.exercise import EXERCISE
from kinetoken_export.demo.data.judges.floor_work import FLOOR_WORK
from kinetoken_export.demo.data.makers.exercise_scripts import EXERCISE_ACTS
from kinetoken_export.demo.data.makers.floor_scripts import FLOOR_ACTS
from kinetoken_export.demo.data.makers.script import Act, Script, act_windows
from kinetoken_export.demo.data.makers.sport_scripts import SPORT_ACTS

ACTS: Final = FLOOR_ACTS + EXERCISE_ACTS + SPORT_ACTS
JUDGED: Final = {name: judge for name, judge in (EXERCISE | FLOOR_WORK).items() if name != "dance"}
# What is also that: who meditates sits on the floor, a fast way down is nearly a fall.
ALSO: Final = {
    "meditate": {"sit_on_floor"},
    "sit_on_floor": {"meditate"},
    "lie_down": {"fall_down"},
}
FASTEST: Final = 13.0  # m/s: the feet of a flip


def played(act: Act, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    tempo = act.tempi[seed % len(act.tempi)][1]
    script = Script(draw, tempo, act.start(draw) if act.start else None)
    act.play(script, act.counts[seed % len(act.counts)])
    return script.joints().astype(np.float64)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.action}-{act.play.__name__}")
def test_each_script_shows_its_action_alone(act: Act) -> None:
    for seed in range(3):
        evidence = Evidence(played(act, seed))
        seen = {name for name, judge in JUDGED.items() if judge(evidence)}
        assert act.action in seen
        assert seen <= {act.action} | ALSO.get(act.action, set())


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.action}-{act.play.__name__}")
def test_bodies_stay_bodies(act: Act) -> None:
    joints = played(act, 1)
    bones = np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1)
    assert np.abs(bones - BONE_LENGTHS[1:]).max() < 1e-4
    assert joints[..., 1].min() > -1e-6
    assert np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() * 20 < FASTEST
    assert bent_back(joints) < 0.2
    for at, posture in ((joints[0], act.begins), (joints[-1], act.ends)):
        assert (at[15, 1] > 1.4) == (posture == "standing")


def test_windows_are_whole_latent_frames_and_mirrors_change_sides() -> None:
    act = next(a for a in SPORT_ACTS if a.action == "punch_left")
    one = Act(act.action, act.play, (1,), 1, side="left", sided=True, tempi=(("", 1.0),))
    (left,) = act_windows((one,), 1, mirror=False)
    (right,) = act_windows((one,), 1, mirror=True)
    assert (left.action, right.action) == ("punch_left", "punch_right")
    assert (left.side, right.side, left.count) == ("left", "right", 1)
    assert len(left.features) % 4 == 0
    assert EXERCISE["punch_right"](Evidence(recover(right.features.astype(np.float64))))


@pytest.mark.parametrize("clip", ["cmu_13_18", "cmu_01_01", "cmu_14_23"])
def test_reversed_elbows_are_seen(mocap: Path, clip: str) -> None:
    with np.load(mocap / "processed" / "clips20_22x3.npz") as clips:
        assert bent_back(clips[clip]) > 0.8
        assert bent_back(clips["cmu_02_05"]) < 0.1
        assert bent_back(clips["cmu_14_31"]) < 0.1
