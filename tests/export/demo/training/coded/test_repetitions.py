"""Repetitions are told apart where either side of a cut counts right, and can be done again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken_export.codecs.source import Codes
from kinetoken_export.demo.data.exercises import EXERCISE_ACTS
from kinetoken_export.demo.data.gaits.stepping import marching
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


def test_steps_are_done_again_in_pairs() -> None:
    joints = marching(5, 9.0, 0.3, 4, np.random.default_rng(0))
    joints = joints[: len(joints) // 4 * 4]
    codes, shown = np.arange(len(joints) // 4)[:, None], shown_by(joints)
    ends = repetition_ends("march_in_place", codes, 5, shown)
    assert len(ends) == 4
    fits = fitting_counts("march_in_place", codes, ends, shown)
    # A left step follows a right one: five become seven, never six.
    assert {5, 7, 9, 19} <= set(fits) <= set(range(3, 20, 2))
    for times in fits:
        pieces = done_over("march_in_place", codes, ends, times)
        assert len(pieces) == times
        assert times_done("march_in_place", shown(np.concatenate(pieces))) == times


def test_left_and_right_steps_take_turns() -> None:
    pieces = [np.full((2, 1), number) for number in range(5)]
    order = [int(piece[0, 0]) for piece in repeated(pieces, 9, 2)]
    assert order == [0, 1, 2, 3, 2, 1, 2, 1, 4]
