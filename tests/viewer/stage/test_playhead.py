from __future__ import annotations

import numpy as np
import pytest

from kinetoken.motion.resample import catmull_rom
from kinetoken_viewer.stage.playhead import (
    LONGEST_STEP_SECONDS,
    SPEEDS,
    Playhead,
    Track,
    last_position,
)
from synthetic_motion import walking


def test_track_grows_and_keeps_every_frame() -> None:
    joints = walking(300)
    track = Track()
    for start in range(0, 300, 7):
        track.append(joints[start : start + 7])
    assert len(track) == 300
    np.testing.assert_array_equal(track.frames, joints)


def test_track_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"expected joints \(n, 22, 3\)"):
        Track().append(np.zeros((4, 21, 3)))


def test_sample_is_exact_on_frames_and_holds_the_ends() -> None:
    joints = walking(9)
    track = Track(joints)
    for index in range(9):
        np.testing.assert_allclose(track.sample(float(index)), joints[index], atol=1e-12)
    np.testing.assert_allclose(track.sample(-3.0), joints[0])
    np.testing.assert_allclose(track.sample(99.0), joints[-1])


def test_sample_of_one_frame_and_of_none() -> None:
    np.testing.assert_array_equal(Track(walking(1)).sample(0.4), walking(1)[0])
    with pytest.raises(ValueError, match="empty track"):
        Track().sample(0.0)


def test_spline_follows_a_quadratic_exactly_where_lerp_does_not() -> None:
    p = [np.array([t * t]) for t in (-1.0, 0.0, 1.0, 2.0)]
    assert catmull_rom(p[0], p[1], p[2], p[3], 0.5)[0] == pytest.approx(0.25)


def test_spline_is_smooth_across_frames() -> None:
    track = Track(walking(20))
    step = 1e-4
    for frame in range(2, 17):
        before = (track.sample(frame) - track.sample(frame - step)) / step
        after = (track.sample(frame + step) - track.sample(frame)) / step
        assert np.abs(before - after).max() < 1e-3


def test_upsampling_a_20_fps_walk_stays_within_a_millimetre() -> None:
    fine = walking(400)  # as if at 20 fps; every third frame is the coarse clip
    track = Track(fine[::3])
    middle = np.arange(6, 390)
    sampled = np.stack([track.sample(i / 3) for i in middle])
    assert (
        np.abs(sampled - fine[middle]).max() < 0.006
    )  # a third of the rate: 27 times the error at 20 fps


def test_clock_runs_in_seconds_and_speed() -> None:
    head = Playhead(20.0)
    for _ in range(60):
        head.advance(1 / 60, 100, finished=True)
    assert head.position == pytest.approx(20.0)
    head.speed = 0.5
    for _ in range(60):
        head.advance(1 / 60, 100, finished=True)
    assert head.position == pytest.approx(30.0)


def test_clock_never_passes_what_has_arrived() -> None:
    head = Playhead(20.0, loop=True)
    for _ in range(100):
        assert not head.advance(0.05, 10, finished=False)
    assert head.position == 8.0  # the last frame only shapes the curve before it
    assert head.ahead(10, finished=False) == 0.0
    assert head.playing


def test_clock_loops_or_stops_at_the_end() -> None:
    head = Playhead(20.0, loop=True)
    head.position = 8.5
    assert head.advance(0.05, 10, finished=True)
    assert head.position == 0.0
    head.loop, head.position = False, 8.5
    assert not head.advance(0.05, 10, finished=True)
    assert (head.position, head.playing) == (9.0, False)
    head.toggle(10, finished=True)
    assert (head.position, head.playing) == (0.0, True)


def test_a_hanging_display_slows_the_motion_instead_of_skipping() -> None:
    head = Playhead(20.0)
    head.advance(5.0, 1000, finished=True)
    assert head.position == pytest.approx(20.0 * LONGEST_STEP_SECONDS)


def test_step_goes_to_whole_frames_both_ways() -> None:
    head = Playhead(20.0)
    head.position = 3.4
    head.step(1, 10, finished=True)
    assert (head.position, head.playing) == (4.0, False)
    head.position = 3.4
    head.step(-1, 10, finished=True)
    assert head.position == 3.0
    head.step(-1, 10, finished=True)
    assert head.position == 2.0
    head.seek(99.0, 10, finished=True)
    head.step(1, 10, finished=True)
    assert head.position == 9.0


def test_speed_keys_stay_within_the_table() -> None:
    head = Playhead(20.0)
    for _ in range(20):
        head.change_speed(1)
    assert head.speed == SPEEDS[-1]
    for _ in range(20):
        head.change_speed(-1)
    assert head.speed == SPEEDS[0]


@pytest.mark.parametrize(
    ("available", "finished", "expected"),
    [(0, True, 0), (1, True, 0), (1, False, 0), (5, True, 4), (5, False, 3)],
)
def test_edge(available: int, finished: bool, expected: float) -> None:
    assert last_position(available, finished=finished) == expected


def test_only_the_part_from_a_to_b_is_played_again_and_again() -> None:
    head = Playhead(20.0)
    head.mark(start=10.0)
    head.mark(stop=14.0)
    assert head.span == (10.0, 14.0)
    head.seek(10.0, 60, finished=True)
    assert not head.advance(0.1, 60, finished=True)
    assert head.position == 12.0
    assert head.advance(0.1, 60, finished=True)
    assert head.position == 10.0
    head.loop = False
    for _ in range(3):
        head.advance(0.1, 60, finished=True)
    assert (head.position, head.playing) == (14.0, False)
    head.toggle(60, finished=True)
    assert (head.position, head.playing) == (10.0, True)


def test_the_ends_of_a_part_give_way_to_each_other() -> None:
    head = Playhead(20.0)
    head.mark(stop=30.0)
    assert head.span == (0.0, 30.0)
    head.mark(start=40.0)
    assert head.span is not None
    assert head.span[0] == 40.0
    assert head.span[1] > 1e6  # to the end, however far that is
    head.mark(stop=20.0)
    assert head.span == (0.0, 20.0)


def test_a_part_of_a_motion_under_way_is_played_again_once_it_has_come() -> None:
    head = Playhead(20.0)
    head.mark(start=2.0, stop=8.0)
    for _ in range(20):
        assert not head.advance(0.1, 6, finished=False)
    assert head.position == 4.0  # of six frames the fifth is the last that can be shown
    assert [head.advance(0.1, 30, finished=False) for _ in range(2)] == [False, True]
    assert head.position == 2.0
