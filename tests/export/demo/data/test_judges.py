"""The judges say yes to what they should and no to everything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinetoken.motion.skeleton import JOINT
from kinetoken_export.demo.data.judges import JUDGES, obeys
from synthetic import STANDING, walker

GAITS = ("walk_forward", "walk_backward", "run", "circle_left", "circle_right", "stand_still")


def standing(frames: int = 60) -> np.ndarray:
    return np.repeat(STANDING[None], frames, axis=0)


@pytest.mark.parametrize(
    ("action", "speed", "turn"),
    [
        ("walk_forward", 1.2, 0),
        ("walk_backward", -0.8, 0),
        ("run", 3.0, 0),
        ("circle_left", 1.0, 50),
        ("circle_right", 1.0, -50),
    ],
)
def test_each_gait_is_only_itself(action: str, speed: float, turn: float) -> None:
    joints = walker(80, speed=speed, turn=turn)
    assert {g for g in GAITS if obeys(g, joints)} == {action}


def test_a_still_body_does_nothing_else() -> None:
    assert {a for a in JUDGES if obeys(a, standing())} == {"stand_still"}


def test_a_jump_needs_both_feet_off_the_floor() -> None:
    joints = standing()
    lift = np.zeros(60)
    lift[25:35] = 0.3 * np.sin(np.linspace(0, np.pi, 10))
    joints[..., 1] += lift[:, None]
    assert obeys("jump_up", joints)
    joints[:, [JOINT["left_foot"], JOINT["left_ankle"]], 1] -= lift[:, None]
    assert not obeys("jump_up", joints)


def test_a_kick_belongs_to_one_leg() -> None:
    joints = standing()
    swing = np.sin(np.linspace(0, np.pi, 8))
    joints[20:28, JOINT["left_foot"], 1] += 0.8 * swing
    joints[20:28, JOINT["left_foot"], 2] += 0.5 * swing
    assert obeys("kick_left", joints)
    assert not obeys("kick_right", joints)


def test_a_wave_goes_to_and_fro_above_the_shoulder() -> None:
    joints = standing()
    joints[:, JOINT["left_wrist"]] = joints[:, JOINT["left_shoulder"]] + [0.1, 0.3, 0]
    assert not obeys("wave", joints)
    joints[:, JOINT["left_wrist"], 0] += 0.15 * np.sin(np.arange(60) / 2)
    assert obeys("wave", joints)


@pytest.mark.parametrize(
    ("clip", "first", "last", "action"),
    [
        ("cmu_02_01", 0, 56, "walk_forward"), ("cmu_09_02", 0, 22, "run"), ("cmu_13_39", 0, 58, "jump_up"),
        ("cmu_13_11", 0, 68, "jump_forward"), ("cmu_13_30", 0, 40, "jumping_jacks"), ("cmu_13_30", 236, 290, "squat"),
        ("cmu_14_31", 0, 60, "sit_on_chair"), ("cmu_60_01", 100, 180, "dance"), ("cmu_13_26", 90, 150, "wave"),
    ],
)  # fmt: skip
def test_captured_motion_is_recognised(
    mocap: Path, clip: str, first: int, last: int, action: str
) -> None:
    with np.load(mocap / "processed" / "clips20_22x3.npz") as clips:
        assert obeys(action, clips[clip][first:last])
