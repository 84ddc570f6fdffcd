"""Motions in a line: place, heading and speed carry on, bones keep their length, streamed equals offline."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kinetoken.motion.skeleton import FPS, PARENTS
from kinetoken.motion.transition import Transition
from kinetoken_viewer.stage.standing_pose import upright_pose
from synthetic_motion import raised_arms, walking

Array = NDArray[np.float64]
FRAMES = 18
FLOOR = np.array([1.0, 0.0, 1.0])


def turned(joints: Array, degrees: float) -> Array:
    """Turned about Y, from +Z towards +X."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(joints @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]).T)


def held(pose: Array, frames: int = FRAMES) -> Array:
    return np.repeat(np.asarray(pose, np.float64)[None], frames, axis=0)


def speeds(joints: Array) -> Array:
    """The fastest joint's, m/s, (T - 1,)."""
    return np.asarray(np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1) * FPS)


def lengths(joints: Array) -> Array:
    return np.asarray(np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1))


@given(cuts=st.sets(st.integers(0, FRAMES)))
def test_every_cutting_gives_the_line_of_one_batch(cuts: set[int]) -> None:
    first, second = (
        walking(9).astype(np.float64),
        turned(walking(FRAMES).astype(np.float64), 70.0) + 3.0,
    )
    run = Transition().start()
    pieces = [run.push(frame[None]) for frame in first]
    run.cut()
    pieces += [run.push(piece) for piece in np.split(second, sorted(cuts))]
    np.testing.assert_allclose(
        np.concatenate(pieces), Transition().join([first, second]), rtol=0, atol=1e-9
    )


def test_a_walk_that_is_cut_anywhere_else_walks_on() -> None:
    """The same walk, elsewhere and in another direction: the line is the walk itself."""
    walk = walking(60).astype(np.float64)
    line = Transition().join([walk[:25], turned(walk[25:], 130.0) + np.array([4.0, 0.0, -7.0])])
    np.testing.assert_allclose(line[35:, 0], walk[35:, 0], atol=0.02)
    np.testing.assert_allclose(line[35:] - line[35:, :1], walk[35:] - walk[35:, :1], atol=1e-9)
    assert np.linalg.norm(line - walk, axis=-1).max() < 0.05


def test_the_body_stops_without_going_back() -> None:
    line = Transition().join([walking(20).astype(np.float64), held(upright_pose())])
    ahead = np.diff(line[:, 0, 2])
    assert (ahead > -1e-12).all()
    assert (np.diff(ahead[19:26]) < 1e-12).all()  # ever slower
    np.testing.assert_allclose(
        line[30:, 0], line[-1:, 0].repeat(len(line) - 30, axis=0), atol=1e-12
    )


def test_arms_go_up_no_faster_than_arms_do() -> None:
    line = Transition().join([held(upright_pose()), held(raised_arms())])
    fastest = speeds(line)
    assert fastest.max() < 5.0  # a cut: 25 m/s
    assert fastest[: FRAMES - 1].max() == 0.0
    assert fastest[-5:].max() < 1e-9
    between = lengths(line)
    ends = np.stack([lengths(line[:1])[0], lengths(line[-1:])[0]])
    assert (between >= ends.min(axis=0) - 1e-9).all()
    assert (between <= ends.max(axis=0) + 1e-9).all()


def test_the_length_of_the_blend_follows_the_gap() -> None:
    def blended(gap: float) -> int:
        there = np.asarray(upright_pose())
        there[20:] += np.array([0.0, gap, 0.0])  # the wrists
        line = Transition().join([held(upright_pose()), held(there)])
        return int((np.linalg.norm(line[FRAMES:] - line[-1], axis=-1).max(axis=1) > 1e-9).sum())

    settings = Transition()
    assert blended(0.05) == round(settings.seconds * FPS)
    assert round(settings.seconds * FPS) < blended(0.4) < round(settings.longest * FPS)
    arms = Transition().join([held(upright_pose()), held(raised_arms())])[FRAMES:]
    assert (np.linalg.norm(arms - arms[-1], axis=-1).max(axis=1) > 1e-9).sum() == round(
        settings.longest * FPS
    )


def test_heading_and_place_are_carried_on() -> None:
    first = turned(held(upright_pose()), 40.0) + np.array([2.0, 0.0, 5.0])
    second = turned(held(upright_pose()), -100.0) + np.array([-3.0, 0.0, 1.0])
    line = Transition().join([first, second])
    np.testing.assert_allclose(line, np.concatenate([first, first]), atol=1e-9)


def test_a_cut_without_a_blend_is_placed_and_turned() -> None:
    walk = walking(20).astype(np.float64)
    line = Transition(seconds=0.0, longest=0.0).join(
        [walk[:12], turned(walk[12:], -60.0) - np.array([1.0, 0.0, 2.0])]
    )
    np.testing.assert_allclose(line, walk, atol=0.01)


def test_short_and_empty_motions() -> None:
    pose = held(upright_pose(), 1)
    assert Transition().join([]).shape == (0, 22, 3)
    assert Transition().join([pose[:0], pose, pose[:0], pose]).shape == (2, 22, 3)
    with pytest.raises(ValueError, match="22"):
        Transition().start().push(np.zeros((3, 21, 3)))


def test_a_cut_during_a_blend_goes_on_from_what_is_shown() -> None:
    line = Transition().join(
        [held(upright_pose(), 5), held(raised_arms(), 3), held(upright_pose(), 20)]
    )
    assert speeds(line).max() < 5.0
    np.testing.assert_allclose(line[-1], line[0], atol=1e-9)


def test_a_bone_that_turns_round_is_finite() -> None:
    """Opposite directions have no shortest way between them."""
    down = held(upright_pose(), 4)
    up = down * (1.0, -1.0, 1.0)
    assert np.isfinite(Transition().join([down, up])).all()
    assert np.isfinite(Transition().join([down, np.zeros((4, 22, 3))])).all()
