"""Which motion answers a request: side, count, speed, posture and length are those asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")

from kinetoken_export.codecs.source import Codes
from kinetoken_export.demo.training.coded.coded_window import RISE, CodedWindow
from kinetoken_export.demo.training.coded.motion_bank import ANY_POSTURE, MotionBank
from kinetoken_export.demo.words.requests import Part


def codes(length: int, first: int = 0) -> Codes:
    """Code frames (length, 4) whose level 0 counts up from `first`."""
    return np.arange(first, first + length)[:, None] * np.ones((1, 4), np.int64)


def latents(frames: Codes) -> NDArray[np.float32]:
    """A phase of a cycle of six frames."""
    angle = frames[:, 0] * (2 * np.pi / 6)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def bank(*windows: CodedWindow) -> MotionBank:
    return MotionBank(windows, latents, np.random.default_rng(0))


def drawn(found: MotionBank, part: Part, times: int = 30) -> Sequence[CodedWindow]:
    return [w for w in (found.motion(part, "standing") for _ in range(times)) if w is not None]


def test_side_speed_and_style_are_those_asked_for() -> None:
    found = bank(
        CodedWindow(codes(9), "throw", side="left"),
        CodedWindow(codes(9), "throw", side="right"),
        CodedWindow(codes(9), "throw", side="right", speed="slow"),
        CodedWindow(codes(9), "throw", side="right", style="angry"),
    )
    assert {w.side for w in drawn(found, Part("throw"))} == {"left", "right"}
    assert {w.side for w in drawn(found, Part("throw", "left"))} == {"left"}
    assert {w.speed for w in drawn(found, Part("throw", speed="slow"))} == {"slow"}
    assert {w.speed for w in drawn(found, Part("throw"))} == {""}
    assert {w.style for w in drawn(found, Part("throw", style="angry"))} == {"angry"}
    assert found.motion(Part("bow"), "standing") is None


def test_what_follows_begins_as_what_came_before_ended() -> None:
    found = bank(CodedWindow(codes(12), "wave"), CodedWindow(codes(12, 3), "wave"))
    for end, nearest in ((9, 3), (12, 0)):
        after = [found.motion(Part("wave"), "standing", codes(2, end - 1)) for _ in range(30)]
        assert sum(w is not None and w.codes[0, 0] == nearest for w in after) > 25


def test_a_part_of_several_is_short() -> None:
    found = bank(CodedWindow(codes(40), "dance"), CodedWindow(codes(20), "dance"))
    parts = [found.motion(Part("dance"), "standing", longest=24) for _ in range(20)]
    assert {len(w.codes) for w in parts if w is not None} == {20}


def test_a_count_is_a_window_of_exactly_as_many() -> None:
    found = bank(
        CodedWindow(codes(8), "run", count=3),
        CodedWindow(codes(20), "run", count=6),
    )
    assert {len(w.codes) for w in drawn(found, Part("run", count=3))} == {8}
    assert {len(w.codes) for w in drawn(found, Part("run", count=6))} == {20}
    # Twice three steps are not six: the feet come together between them.
    assert found.motion(Part("run", count=9), "standing") is None


def test_one_is_done_where_the_name_means_one() -> None:
    once, twice = (CodedWindow(codes(8 * n), "cartwheel", count=n) for n in (1, 2))
    assert {w.count for w in drawn(bank(once, twice), Part("cartwheel"))} == {1}
    assert {w.count for w in drawn(bank(twice), Part("cartwheel"))} == {2}
    claps = (CodedWindow(codes(8 * n), "clap", count=n) for n in (1, 2))
    assert {w.count for w in drawn(bank(*claps), Part("clap"))} == {1, 2}


def test_steps_are_pieces_of_one_walk() -> None:
    walk = CodedWindow(codes(20), "walk_forward", count=5, cuts=(3, 7, 11, 15), fits=(3, 5, 7))
    parts = bank(walk).repetitions(Part("walk_forward", count=7), "standing")
    assert parts is not None
    assert [int(w.codes[0, 0]) for w in parts] == [0, 3, 7, 11, 7, 3, 15]
    assert bank(walk).repetitions(Part("walk_forward", count=6), "standing") is None


def test_what_can_go_on_is_short_where_nobody_says_how_long() -> None:
    found = bank(
        CodedWindow(codes(36), "swim"),
        CodedWindow(codes(20), "swim"),
        CodedWindow(codes(36), "swim", speed="slow"),
        CodedWindow(codes(36), "throw"),
    )
    assert {len(w.codes) for w in drawn(found, Part("swim"))} == {20}
    assert {len(w.codes) for w in drawn(found, Part("swim", speed="slow"))} == {36}
    assert {len(w.codes) for w in drawn(found, Part("throw"))} == {36}


def test_a_pose_that_fits_no_length_is_drawn_as_it_is() -> None:
    found = bank(CodedWindow(codes(8), "t_pose"))
    assert {len(w.codes) for w in drawn(found, Part("t_pose"))} == {8}


def test_repetitions_are_pieces_of_one_motion_or_motions_in_turn() -> None:
    apart = CodedWindow(codes(30), "bow", count=3, cuts=(11, 19), fits=(2, 3, 5))
    found = bank(apart)
    for count in (2, 3, 5):
        parts = found.repetitions(Part("bow", count=count), "standing")
        assert parts is not None
        assert [w.count for w in parts] == [1] * count
        assert [w.codes[0, 0] for w in parts] == [0, *[11] * (count - 2), 19]
        assert [len(w.codes) for w in parts] == [11, *[8] * (count - 2), 11]
    # Only counts that came out right are drawn.
    assert found.repetitions(Part("bow", count=4), "standing") is None
    assert found.repetitions(Part("nod", count=2), "standing") is None
    # What is short enough is done again.
    both = bank(apart, CodedWindow(codes(25), "bow", count=1, fits=(2, 3, 4, 5)))
    for count, longest in ((3, 25), (5, 11)):
        parts = both.repetitions(Part("bow", count=count), "standing")
        assert parts is not None
        assert len(parts[0].codes) == longest
        assert len(parts) == count
    short = CodedWindow(codes(9), "throw", count=1, fits=(2, 3))
    once = bank(short).repetitions(Part("throw", count=2), "")
    assert once is not None
    assert [len(w.codes) for w in once] == [9, 9]


def test_the_first_repetition_of_a_low_body_begins_with_the_way_up() -> None:
    found = bank(
        CodedWindow(codes(30), "squat", count=3, cuts=(11, 19), fits=(2,)),
        CodedWindow(codes(7, 100), RISE, begins="lying"),
    )
    parts = found.repetitions(Part("squat", count=2), "lying", codes(5))
    assert parts is not None
    assert [len(w.codes) for w in parts] == [18, 11]
    assert parts[0].begins == "lying"


@pytest.mark.parametrize("seconds", [3, 4, 6, 10, 20])
def test_seconds_are_exact_and_begin_and_end_alike(seconds: int) -> None:
    found = bank(CodedWindow(codes(30), "walk_forward"))
    window = found.motion(Part("walk_forward", seconds=seconds), "standing")
    assert window is not None
    assert len(window.codes) == 5 * seconds
    assert window.codes[0, 0] == 0
    assert window.codes[-1, 0] == 29
    steps = np.diff(window.codes[:, 0]) - 1
    assert not steps[:2].any()
    assert not steps[-1:].any()


def test_seams_lie_where_the_motion_is_alike() -> None:
    found = bank(CodedWindow(codes(30), "walk_forward"))
    window = found.motion(Part("walk_forward", seconds=12), "standing")
    assert window is not None
    jumps = [s for s in np.diff(window.codes[:, 0]) - 1 if s]
    assert jumps
    assert sum(j % 6 == 0 for j in jumps) >= len(jumps) - 1


def test_a_low_body_gets_up_first_and_down_where_it_begins_low() -> None:
    found = bank(
        CodedWindow(codes(5), "bow"),
        CodedWindow(codes(7), "lie_down", ends="lying"),
        CodedWindow(codes(6), "get_up_from_floor", begins="lying"),
        CodedWindow(codes(4), RISE, begins="kneeling"),
        CodedWindow(codes(3), RISE, begins="lying"),
    )
    lengths = {
        posture: len(w.codes)
        for posture in ("standing", "lying", "kneeling")
        if (w := found.motion(Part("bow"), posture)) is not None
    }
    assert lengths == {"standing": 5, "lying": 8, "kneeling": 9}
    risen = found.motion(Part("get_up_from_floor"), "lying")
    assert risen is not None
    assert len(risen.codes) == 6
    from_standing = found.motion(Part("get_up_from_floor"), "standing")
    assert from_standing is not None
    assert len(from_standing.codes) == 13
    from_anywhere = found.motion(Part("get_up_from_floor"), ANY_POSTURE)
    assert from_anywhere is not None
    assert len(from_anywhere.codes) == 6
    assert found.motion(Part("bow"), "seated") is None


def test_seconds_are_of_the_side_that_is_asked_for() -> None:
    found = bank(
        *(CodedWindow(codes(30), "wave", side="right") for _ in range(20)),
        CodedWindow(codes(60), "wave", side="left"),
    )
    window = found.motion(Part("wave", "left", seconds=6), "standing")
    assert window is not None
    assert window.side == "left"


def test_a_motion_that_does_not_fit_a_length_makes_way_for_another() -> None:
    # One frame cannot be added to 14 frames whose loops are three long at least.
    found = bank(CodedWindow(codes(14), "dance"), CodedWindow(codes(20), "dance"))
    for _ in range(20):
        window = found.motion(Part("dance", seconds=3), "standing")
        assert window is not None
        assert len(window.codes) == 15
