"""Joined motions have no jump, keep their bones, and leave standing feet where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinetoken.motion.features import canonical
from kinetoken.motion.skeleton import BONE_LENGTHS, JOINT, PARENTS, Array64
from kinetoken.motion.transition import heading
from kinetoken_export.demo.data.bridges import planted
from kinetoken_export.demo.data.joining import (
    STILL,
    between_stands,
    from_standing,
    join,
    neutral,
    repeat,
    to_standing,
)
from synthetic import walker as synthetic_walker

FASTEST, HARDEST = 12.0, 2500.0  # m/s and m/s3: captured kicks and dances reach more
CAPTURED = (
    ("cmu_02_01", 0, 50), ("cmu_07_01", 7, 47), ("cmu_09_02", 2, 20), ("cmu_13_30", 0, 44),
    ("cmu_60_01", 100, 180), ("cmu_14_31", 10, 60),
)  # fmt: skip


def walker(frames: int, turn: float = 0.0) -> Array64:
    return np.asarray(canonical(synthetic_walker(frames, turn=turn)), np.float64)


def speeds(joints: Array64) -> Array64:
    return np.asarray(np.linalg.norm(np.diff(joints, axis=0), axis=-1) * 20)


def jerks(joints: Array64) -> Array64:
    return np.asarray(np.linalg.norm(np.diff(joints, 3, axis=0), axis=-1) * 8000)


def assert_whole(joints: Array64) -> None:
    """Bones exact, nothing under the floor, no jump."""
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(BONE_LENGTHS[1:], lengths.shape), atol=1e-4)
    assert joints[..., 1].min() > -0.005
    assert speeds(joints).max() < FASTEST
    assert jerks(joints).max() < HARDEST


def test_the_way_from_standing_keeps_the_motion_and_its_velocity() -> None:
    motion = walker(60)
    whole = from_standing(motion)
    assert 6 <= len(whole) - len(motion) - STILL <= 16
    np.testing.assert_array_equal(whole[-len(motion) :], motion)
    assert heading(whole[0]) == pytest.approx(heading(motion[0]), abs=1e-6)
    np.testing.assert_array_equal(whole[1], whole[0])
    assert_whole(whole)


def test_the_way_back_is_the_way_there_in_reverse() -> None:
    motion = walker(50, turn=20)
    back = to_standing(motion)
    np.testing.assert_array_equal(back[: len(motion)], motion)
    np.testing.assert_array_equal(back, from_standing(motion[::-1])[::-1])


@pytest.mark.parametrize(("clip", "first", "last"), CAPTURED)
def test_captured_motion_is_entered_and_left_without_a_jump(
    mocap: Path, clip: str, first: int, last: int
) -> None:
    with np.load(mocap / "processed" / "clips20_22x3.npz") as clips:
        motion = clips[clip][first:last].astype(np.float64)
    whole = between_stands(motion)
    assert_whole(whole)
    shift = whole[0, 0] - neutral()[0]
    turn = heading(whole[0])
    assert np.linalg.norm(whole[0, 15] - whole[0, 0] - (neutral()[15] - neutral()[0])) < 0.05
    assert shift[1] == pytest.approx(0.0, abs=1e-9)
    assert abs(turn) < np.pi


def test_a_foot_that_stands_does_not_slide_on_the_way(mocap: Path) -> None:
    with np.load(mocap / "processed" / "clips20_22x3.npz") as clips:
        motion = clips["cmu_14_31"][10:60].astype(np.float64)
    feet = planted(motion[:2], last=False)
    assert feet
    whole = from_standing(motion)[: -len(motion)]
    slides = [np.ptp(whole[:, foot, ::2], axis=0).max() for foot in feet.values()]
    assert min(slides) < 0.005


def test_a_motion_begins_where_the_one_before_ended() -> None:
    first, second = (between_stands(walker(40, turn=turn)) for turn in (60.0, 0.0))
    whole = join(first, second)
    assert len(whole) == len(first) + len(second)
    seam = len(first)
    np.testing.assert_allclose(whole[seam], whole[seam - 1], atol=1e-6)
    assert heading(whole[-1]) == pytest.approx(heading(first[-1]), abs=0.02)
    assert_whole(whole)


def test_a_way_is_put_between_poses_that_do_not_meet() -> None:
    low = np.repeat(neutral()[None], 8, axis=0)
    bent = low.copy()
    for wrist in (JOINT["left_wrist"], JOINT["right_wrist"]):
        elbow = PARENTS[wrist]
        bent[:, wrist] = bent[:, elbow] + [0.0, 0.0, BONE_LENGTHS[wrist]]
    whole = join(low, bent)
    assert len(whole) > 19
    assert_whole(whole)


def test_the_way_up_goes_between() -> None:
    a, rise, b = (walker(20) for _ in range(3))
    np.testing.assert_array_equal(join(a, b, rise=rise), join(join(a, rise), b))


def test_a_motion_is_repeated_as_often_as_asked() -> None:
    one = between_stands(walker(20))
    assert len(repeat(one, 3)) == 3 * len(one)
    np.testing.assert_array_equal(repeat(one, 1), one)
    with pytest.raises(ValueError, match="1 or more, got 0"):
        repeat(one, 0)
