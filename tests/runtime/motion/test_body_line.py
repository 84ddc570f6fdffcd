"""One body without end: it comes to stand and stays there, moves go on from it, and nothing depends on how it is cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bodies import moving_body
from kinetoken.motion.body_line import BodyLine
from kinetoken.motion.idle import IdleRun, standing_pose
from kinetoken.motion.skeleton import BONE_LENGTHS, CONTACT_JOINTS, FPS, JOINT, PARENTS
from kinetoken.motion.transition import Transition, heading
from synthetic_motion import walking

Array = NDArray[np.float64]
FRAMES = 60
FEET = list(CONTACT_JOINTS)
FLAT = [0, 2]


def turned(joints: Array, degrees: float) -> Array:
    """Turned about Y, from +Z towards +X."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(joints @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]).T)


def held(pose: Array, frames: int) -> Array:
    return np.repeat(np.asarray(pose, np.float64)[None], frames, axis=0)


def lengths(joints: Array) -> Array:
    return np.asarray(np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1))


def speeds(joints: Array) -> Array:
    """Of every joint, m/s, (T - 1, 22)."""
    return np.asarray(np.linalg.norm(np.diff(joints, axis=0), axis=-1) * FPS)


def lying() -> Array:
    """A body on its back, the feet on the floor."""
    pose = standing_pose()
    back = np.stack([pose[:, 0], 0.12 + pose[:, 2], -pose[:, 1]], axis=1)
    back[FEET] = pose[FEET] * (1.0, 1.0, 0.0) + (0.0, 0.0, -0.2)
    return np.asarray(back)


def test_the_standing_pose_is_a_body_on_its_feet() -> None:
    pose = standing_pose()
    np.testing.assert_allclose(lengths(pose[None])[0], BONE_LENGTHS[1:], atol=1e-9)
    assert pose[:, 1].min() == pytest.approx(0.015)
    assert pose[0, 1] == pytest.approx(0.96, abs=0.03)
    assert heading(pose) == pytest.approx(0.0, abs=0.05)


@given(cuts=st.sets(st.integers(0, FRAMES)), seed=st.integers(0, 20))
def test_idle_motion_in_any_pieces_is_the_same(cuts: set[int], seed: int) -> None:
    shown = moving_body(seed)[-2:]
    run = IdleRun(shown)
    bounds = [0, *sorted(cuts), FRAMES]
    pieces = [run.push(stop - start) for start, stop in pairwise(bounds)]
    np.testing.assert_allclose(
        np.concatenate(pieces), IdleRun(shown).push(FRAMES), rtol=0, atol=1e-12
    )


@given(seed=st.integers(0, 40), degrees=st.floats(-180, 180))
def test_any_body_comes_to_stand_with_the_bones_it_has(seed: int, degrees: float) -> None:
    shown = turned(moving_body(seed), degrees)[-2:]
    idle = IdleRun(shown).push(100)
    assert np.isfinite(idle).all()
    np.testing.assert_allclose(
        lengths(idle), np.repeat(lengths(shown[-1:]), 100, axis=0), atol=1e-6
    )
    end = idle[-1]
    assert end[FEET, 1].max() < 0.1
    assert end[JOINT["head"], 1] > end[0, 1] + 0.4
    assert np.linalg.norm((end[0] - end[FEET].mean(axis=0))[FLAT]) < 0.1
    np.testing.assert_allclose(np.cos(heading(end) - heading(shown[-1])), 1.0, atol=0.02)


@given(seed=st.integers(0, 40))
def test_it_begins_with_the_pose_and_the_speed_that_were_shown(seed: int) -> None:
    moves = moving_body(seed)
    first = IdleRun(moves[-2:]).push(1)[0]
    upper = [
        0,
        *(j for j in range(1, 22) if JOINT["spine3"] <= j and j not in FEET and PARENTS[j] != 0),
    ]
    coasted = moves[-1] + 0.75 * (moves[-1] - moves[-2])
    assert np.linalg.norm(first[upper] - coasted[upper], axis=-1).max() < 0.05
    assert np.linalg.norm(first - moves[-1], axis=-1).max() < 0.4


def test_feet_that_stand_stay_and_the_body_breathes() -> None:
    start = held(turned(standing_pose()[None], 50.0)[0] + (1.0, 0.0, 2.0), 2)
    idle = IdleRun(start).push(400)
    np.testing.assert_allclose(
        idle[:, FEET][..., FLAT], held(start[0], 400)[:, FEET][..., FLAT], atol=1e-3
    )
    assert np.linalg.norm((idle[:, 0] - start[0, 0])[:, FLAT], axis=-1).max() < 0.05
    chest = idle[100:, JOINT["left_shoulder"]]
    assert np.ptp(chest, axis=0).max() > 0.005  # it lives
    assert speeds(idle).max() < 0.15  # and slowly


def test_a_walk_stops_within_two_steps() -> None:
    walk = walking(43).astype(np.float64)
    line = BodyLine()
    line.push(walk)
    idle = line.idle(60)
    gone = np.linalg.norm((idle[-1] - walk[-1])[FEET][:, FLAT], axis=-1)
    assert gone.max() < 0.7
    assert speeds(idle[30:]).max() < 0.2
    assert np.linalg.norm((idle[-1, 0] - walk[-1, 0])[FLAT]) < 0.4


def test_who_lies_gets_up() -> None:
    idle = IdleRun(held(lying(), 2)).push(80)
    assert idle[0, 0, 1] < 0.2
    assert idle[-1, 0, 1] > 0.75
    assert speeds(idle).max() < 4.0


def test_before_any_move_it_stands_at_the_origin() -> None:
    line = BodyLine()
    idle = line.idle(20)
    assert np.linalg.norm(idle[:, 0, FLAT], axis=-1).max() < 0.05
    line.cut()
    walk = line.push(walking(30).astype(np.float64) + np.array([5.0, 0.0, 5.0]))
    assert np.linalg.norm((walk[0, 0] - idle[-1, 0])[FLAT]) < 0.1


def test_moves_and_idle_motion_are_one_line() -> None:
    walk = walking(30).astype(np.float64)
    line = BodyLine()
    parts = [line.push(walk), line.idle(25)]
    parts.append(line.push(turned(walk, 120.0) + 4.0 * np.array([1.0, 0.0, 1.0])))
    assert not line.idling
    parts.append(line.idle(30))
    whole = np.concatenate(parts)
    inside = speeds(walk).max()
    assert speeds(whole).max() < inside + 1.5
    np.testing.assert_allclose(line.shown, whole[-2:])
    forward = np.array([np.sin(heading(parts[2][-1])), np.cos(heading(parts[2][-1]))])
    np.testing.assert_allclose(forward, [0.0, 1.0], atol=0.1)  # it walks on the way it faced


def test_a_move_that_goes_on_after_idling_is_blended_in() -> None:
    walk = walking(60).astype(np.float64)
    line = BodyLine()
    before = line.push(walk[:30])
    idle = line.idle(10)
    after = line.push(walk[30:])
    assert speeds(np.concatenate([before, idle, after])).max() < speeds(walk).max() + 1.5


@given(shown=st.integers(1, 30), poses=st.integers(1, 2))
def test_what_was_not_shown_is_forgotten(shown: int, poses: int) -> None:
    walk, other = walking(40).astype(np.float64), moving_body(3)
    line = BodyLine()
    out = line.push(walk)
    line.back_to(out[max(0, shown - poses) : shown])
    got = line.push(other)
    twin = BodyLine()
    twin.back_to(out[max(0, shown - poses) : shown])
    np.testing.assert_array_equal(got, twin.push(other))
    assert np.linalg.norm((got[0, 0] - out[shown - 1, 0])[FLAT]) < 0.1


def test_an_interrupted_body_leaves_the_old_move_within_a_latent_frame() -> None:
    """0.2 s after the interruption it hardly moves as it would have."""
    walk = walking(60).astype(np.float64)
    line = BodyLine()
    line.push(walk[:41])
    line.back_to(walk[38:40])
    pace = np.linalg.norm(np.diff(line.idle(12)[:, 0, FLAT], axis=0), axis=-1) * FPS
    assert pace[0] > 0.7
    assert pace[4] < 0.6
    assert pace[-1] < 0.25


def test_pieces_of_nothing_and_wrong_shapes() -> None:
    line = BodyLine(fps=30.0, transition=Transition(seconds=0.2))
    assert line.fps == 30.0
    assert line.push(np.zeros((0, 22, 3))).shape == (0, 22, 3)
    assert line.idle(0).shape == (0, 22, 3)
    assert line.shown.shape == (0, 22, 3)
    assert not line.idling
    for bad in (np.zeros((1, 21, 3)), np.zeros((22, 3)), np.zeros((0, 22, 3))):
        with pytest.raises(ValueError, match="22"):
            line.back_to(bad)
    with pytest.raises(ValueError, match="22"):
        IdleRun(np.zeros((2, 21, 3)))


def test_a_body_in_one_point_gives_no_nan() -> None:
    line = BodyLine()
    line.push(np.ones((4, 22, 3)))
    assert np.isfinite(line.idle(60)).all()
