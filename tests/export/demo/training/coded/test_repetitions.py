"""Repetitions are told apart where either side of a cut counts right, and can be done again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken.motion.recover import recover
from kinetoken_export.codecs.source import Codes
from kinetoken_export.demo.data.augment import to_features
from kinetoken_export.demo.data.exercises import EXERCISE_ACTS
from kinetoken_export.demo.data.gaits.puppet import ease_bones
from kinetoken_export.demo.data.gaits.stepping import (
    Footfall,
    Plan,
    danced,
    feet_at,
    marching,
)
from kinetoken_export.demo.data.judges.counting import times_done
from kinetoken_export.demo.data.makers.script import Script
from kinetoken_export.demo.training.coded.repetitions import (
    done_over,
    fitting_counts,
    repeated,
    repetition_ends,
)


def squats(times: int) -> NDArray[np.float64]:
    """Joints (4n, 22, 3) of squats."""
    script = Script(np.random.default_rng(0), 1.0)
    next(act for act in EXERCISE_ACTS if act.action == "squat").play(script, times)
    joints = script.joints()
    return joints[: len(joints) // 4 * 4]


def shown_by(joints: NDArray[np.float64]) -> Callable[[Codes], NDArray[np.float64]]:
    """A codec whose codes are the numbers of the code frames of `joints`."""
    frames = joints.reshape(-1, 4, *joints.shape[1:])
    return lambda codes: np.concatenate(frames[codes[:, 0]])


def test_squats_are_told_apart_and_done_again() -> None:
    joints = squats(3)
    shown = shown_by(joints)
    codes = np.arange(len(joints) // 4)[:, None]
    ends = repetition_ends("squat", codes, 3, shown)
    assert len(ends) == 2
    pieces = np.split(codes, ends)
    for piece in pieces:
        assert times_done("squat", shown(piece)) == 1
    for times in (2, 3, 7):
        assert times_done("squat", shown(np.concatenate(repeated(pieces, times)))) == times


def test_what_cannot_be_told_apart_has_no_ends() -> None:
    joints = squats(3)
    codes, shown = np.arange(len(joints) // 4)[:, None], shown_by(joints)
    assert repetition_ends("squat", codes, 1, shown) == ()
    assert repetition_ends("squat", codes, 4, shown) == ()
    assert repetition_ends("dance", codes, 3, shown) == ()


def test_only_counts_that_come_out_right_fit() -> None:
    joints = squats(3)
    codes, shown = np.arange(len(joints) // 4)[:, None], shown_by(joints)
    ends = repetition_ends("squat", codes, 3, shown)
    fits = fitting_counts("squat", codes, ends, shown)
    assert fits
    for times in fits:
        pieces = np.split(codes, ends)
        assert times_done("squat", shown(np.concatenate(repeated(pieces, times)))) == times
    # Three squats over and over are never two, three or four.
    assert not {2, 3, 4} & set(fitting_counts("squat", codes, (), shown))
    # With two repetitions there is none between them to do again.
    assert fitting_counts("dance", codes, (5,), shown) == {2: False}
    # What nobody counts fits as long as it does not take too long.
    assert tuple(fitting_counts("throw", codes[:30], (), shown)) == (2, 3, 4, 5)


def test_each_count_says_whether_the_action_still_shows() -> None:
    joints = squats(3)
    codes, shown = np.arange(len(joints) // 4)[:, None], shown_by(joints)
    ends = repetition_ends("squat", codes, 3, shown)
    assert set(fitting_counts("squat", codes, ends, shown).values()) == {True}
    assert set(fitting_counts("dance", codes, ends, shown).values()) == {False}


@pytest.mark.parametrize(("count", "fit"), [(5, {3, 5, 7, 9, 19}), (6, {4, 6, 8, 20})])
def test_steps_are_done_again_in_pairs(count: int, fit: set[int]) -> None:
    joints = marching(count, 9.0, 0.3, 4, np.random.default_rng(0))
    joints = joints[: len(joints) // 4 * 4]
    codes, shown = np.arange(len(joints) // 4)[:, None], shown_by(joints)
    ends = repetition_ends("march_in_place", codes, count, shown)
    assert len(ends) == count - 1
    fits = fitting_counts("march_in_place", codes, ends, shown)
    # A left step follows a right one: five become seven, never six.
    assert fit <= set(fits) <= set(range(count % 2, 21, 2))
    for times in fits:
        pieces = done_over("march_in_place", codes, ends, times)
        assert len(pieces) == times
        assert times_done("march_in_place", shown(np.concatenate(pieces))) == times


def test_few_steps_cannot_become_more() -> None:
    joints = marching(3, 9.0, 0.3, 4, np.random.default_rng(0))
    joints = joints[: len(joints) // 4 * 4]
    codes, shown = np.arange(len(joints) // 4)[:, None], shown_by(joints)
    ends = repetition_ends("march_in_place", codes, 3, shown)
    assert set(fitting_counts("march_in_place", codes, ends, shown)) == {3}
    # One step over and over is of one foot.
    assert fitting_counts("march_in_place", codes, (), shown) == {}


def walk(count: int, frames_a_step: int = 12, still: int = 6) -> NDArray[np.float64]:
    """Joints (4n, 22, 3) of steps ahead; the last brings the feet together."""
    steps, ahead = [], 0.0
    for number in range(count):
        ahead += 0.35 if number < count - 1 else 0.0
        side, begin = ("left", "right")[number % 2], still + number * frames_a_step
        place = feet_at((0.0, ahead), 0.0, side)
        steps.append(Footfall(side, begin, begin + frames_a_step, place, 0.0))
    over = 2 * still + count * frames_a_step
    root = np.zeros((over, 3))
    middle = still + frames_a_step // 2
    last = middle + (count - 1) * frames_a_step
    root[:, 2] = np.interp(np.arange(over), [middle, last], [0.0, ahead])
    joints = danced(Plan(root, np.zeros(over), tuple(steps)), ease_bones(over))
    return joints[: over // 4 * 4]


def test_a_walk_is_taken_apart_where_a_foot_sets_off() -> None:
    rows = to_features(walk(6).astype(np.float32))
    frames = rows[: len(rows) // 4 * 4].reshape(-1, 4, rows.shape[1])
    codes = np.arange(len(frames))[:, None]

    def shown(codes: Codes) -> NDArray[np.float64]:  # each walk goes on where the last one ended
        return recover(np.concatenate(frames[codes[:, 0]]).astype(np.float64))

    assert times_done("walk_forward", shown(codes)) == 6
    ends = repetition_ends("walk_forward", codes, 6, shown)
    assert len(ends) == 5
    fits = fitting_counts("walk_forward", codes, ends, shown)
    assert {4, 6, 8, 20} <= set(fits)


def test_left_and_right_steps_take_turns() -> None:
    pieces = [np.full((2, 1), number) for number in range(5)]
    order = [int(piece[0, 0]) for piece in repeated(pieces, 9, 2)]
    assert order == [0, 1, 2, 3, 2, 1, 2, 1, 4]
