"""Made motion is what it says: signs of turns, mirrors, loops."""

from __future__ import annotations

import numpy as np
import pytest

from kinetoken.motion.recover import recover
from kinetoken_export.demo.data.augment import (
    bent,
    find_cycle,
    looped,
    to_features,
    variants,
    warped,
)
from kinetoken_export.demo.data.clips import mirrored, same_take, without_spikes
from kinetoken_export.demo.data.judges import Evidence, obeys
from synthetic import walker


def test_a_positive_yaw_velocity_turns_right() -> None:
    rows = to_features(walker(80))
    rows[:, 0] = 0.02
    assert Evidence(recover(rows)).turn == pytest.approx(-np.degrees(2 * 0.02 * 78), abs=8)


@pytest.mark.parametrize("turn", [40.0, -40.0])
def test_a_bent_walk_turns_as_far_as_asked_and_to_the_left_when_positive(turn: float) -> None:
    rows = bent(to_features(walker(101)), turn)
    joints = recover(rows.astype(np.float64))
    assert Evidence(joints).turn == pytest.approx(turn * 99 / 20, abs=10)
    assert obeys("circle_left", joints) == (turn > 0)
    assert obeys("circle_right", joints) == (turn < 0)


def test_velocities_of_a_bent_walk_agree_with_its_path() -> None:
    straight = to_features(walker(81))
    again = bent(straight, 0.0)
    np.testing.assert_allclose(again[1:-1, 193:259], straight[1:-1, 193:259], atol=2e-3)


def test_mirroring_swaps_the_sides_and_twice_is_the_same() -> None:
    joints = walker(60, turn=30)
    assert Evidence(mirrored(joints)).turn == pytest.approx(-Evidence(joints).turn, abs=1e-3)
    np.testing.assert_array_equal(mirrored(mirrored(joints)), joints)


def test_a_cycle_is_found_and_repeats_without_a_jump() -> None:
    rows = to_features(walker(100))
    start, end, gap = find_cycle(rows, 14, 30, first=2)
    assert end - start == 20  # one swing a second
    assert gap < 0.01
    whole = looped(rows, start, end, 118)
    assert len(whole) == 118
    steps = np.linalg.norm(np.diff(recover(whole.astype(np.float64)), axis=0), axis=-1)
    assert steps.max() < 1.5 * np.linalg.norm(np.diff(walker(100), axis=0), axis=-1).max()


def test_variants_are_both_sides_at_every_speed() -> None:
    made = variants(walker(60), (1.0, 1.25))
    assert [len(m) for m in made] == [60, len(warped(walker(60), 1.25))] * 2


def test_spikes_are_cut_out_and_the_rest_is_kept() -> None:
    joints = walker(120)
    joints[60, 20] += 2.0
    parts = without_spikes(joints)
    assert [len(p) for p in parts] == [53, 53]
    assert [len(p) for p in without_spikes(walker(120))] == [120]


def test_the_same_take_is_recognised_a_few_frames_off() -> None:
    joints = walker(120)
    assert same_take(joints, joints[3:], 0.01)
    assert not same_take(joints, walker(120, turn=60), 0.01)
