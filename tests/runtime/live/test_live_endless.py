"""Motion without end for whoever has a clock: idle where there is nothing, no jumps, a stop at any moment, flat memory."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
from numpy.typing import NDArray

from kinetoken.live.endless_timeline import EndlessTimeline
from kinetoken.live.messages import (
    AnswerBegins,
    AnswerEnds,
    AnswersShown,
    Finish,
    Motion,
    SenderReport,
    TargetsOpen,
    ThoughtText,
)
from kinetoken.live.sender import run_sender
from kinetoken.live.settings import LiveSettings
from kinetoken.live.timeline import MAX_STEP
from kinetoken.motion.playback import PREBUFFER, SLOWEST
from synthetic_motion import walking

FPS, RATE = 20.0, 60.0
WALK = walking(60)
Array = NDArray[np.float64]


def shown(timeline: EndlessTimeline, seconds: float) -> Array:
    """What leaves at 60 Hz, (n, 22, 3)."""
    poses = []
    for _ in range(round(seconds * RATE)):
        timeline.advance(1.0 / RATE)
        poses.append(timeline.pose().joints)
    return np.array(poses)


def speeds(joints: Array) -> Array:
    """The fastest joint's, m/s."""
    return np.asarray(np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1) * RATE)


def pace(joints: Array) -> Array:
    """The root's over the floor, m/s."""
    return np.asarray(np.linalg.norm(np.diff(joints[:, 0, [0, 2]], axis=0), axis=-1) * RATE)


def test_with_nothing_to_do_it_stands_and_breathes_and_memory_stays_flat() -> None:
    timeline = EndlessTimeline(FPS)
    poses = shown(timeline, 20.0)
    assert len(timeline._poses) < 8
    assert np.ptp(poses[:, 0], axis=0).max() < 0.05
    assert 0.005 < np.ptp(poses[:, 16], axis=0).max() < 0.1
    assert not timeline.waiting
    assert not timeline.over
    assert timeline.rested == 0


def test_an_answer_is_shown_whole_and_the_body_rests_again() -> None:
    timeline = EndlessTimeline(FPS)
    before = shown(timeline, 1.0)
    timeline.begin()
    timeline.push(WALK)
    timeline.end()
    during = shown(timeline, len(WALK) / FPS)
    assert timeline.rested == 0 or timeline.rested == 1
    after = shown(timeline, 3.0)
    assert timeline.rested == 1
    assert timeline.holds == 0
    gone = np.linalg.norm(after[-1, 0, [0, 2]] - before[-1, 0, [0, 2]])
    assert gone == pytest.approx(np.linalg.norm(WALK[-1, 0, [0, 2]] - WALK[0, 0, [0, 2]]), abs=0.4)
    assert speeds(np.concatenate([before, during, after])).max() < speeds_at_20(WALK).max() + 1.5
    assert speeds(after[-30:]).max() < 0.15


def speeds_at_20(joints: NDArray[np.float32]) -> Array:
    return np.asarray(
        np.linalg.norm(np.diff(joints.astype(np.float64), axis=0), axis=-1).max(axis=1) * FPS
    )


@pytest.mark.parametrize("at", [0.3, 0.83, 1.5, 2.9])
def test_a_stop_is_seen_within_a_latent_frame_and_nothing_jumps(at: float) -> None:
    timeline = EndlessTimeline(FPS)
    timeline.begin()
    timeline.push(WALK)
    timeline.end()
    before = shown(timeline, 0.2 + at)
    timeline.begin()
    timeline.end()
    after = shown(timeline, 1.2)
    both = np.concatenate([before, after])
    assert speeds(both).max() < speeds_at_20(WALK).max() + 1.5
    start = pace(before[-4:]).mean()
    assert start > 0.8
    assert pace(after)[12] < 0.8 * start  # 0.2 s later
    assert pace(after)[-1] < 0.1
    assert timeline.rested == 2
    assert timeline.ahead == 0.0


def test_the_next_answer_goes_on_from_there() -> None:
    timeline = EndlessTimeline(FPS)
    timeline.begin()
    timeline.push(WALK)
    before = shown(timeline, 1.0)
    timeline.begin()
    timeline.push(WALK + np.float32(7.0) * np.array([1, 0, 1], np.float32))
    timeline.end()
    after = shown(timeline, 4.0)
    both = np.concatenate([before, after])
    assert speeds(both).max() < speeds_at_20(WALK).max() + 1.5
    assert np.linalg.norm(after[-1, 0] - before[-1, 0]) < 4.5


def test_it_waits_for_something_in_hand_and_idles_where_that_is_gone() -> None:
    timeline = EndlessTimeline(FPS)
    timeline.begin()
    timeline.push(WALK[: round(PREBUFFER * FPS) - 1])
    assert pace(shown(timeline, 1.0)).max() < 0.1
    timeline.push(WALK[round(PREBUFFER * FPS) - 1 : 20])
    moving = shown(timeline, 1.5)
    assert pace(moving).max() > 0.8
    assert (timeline.holds, timeline.waiting) == (1, True)
    assert pace(shown(timeline, 1.0))[-1] < 0.1
    timeline.push(WALK[20:])
    assert pace(shown(timeline, 1.0)).max() > 0.8
    assert not timeline.waiting
    timeline.finish()
    shown(timeline, 3.0)
    assert timeline.over
    assert timeline.holds == 1


def test_little_in_hand_is_played_slowly() -> None:
    timeline = EndlessTimeline(FPS)
    timeline.begin()
    timeline.push(WALK[:20])
    positions = [timeline.pose().time * FPS]
    for _ in range(60):
        timeline.advance(1.0 / RATE)
        positions.append(timeline.pose().time * FPS)
    steps = np.diff(positions) * RATE / FPS
    assert steps[0] == pytest.approx(1.0)
    assert steps[-1] == pytest.approx(SLOWEST)


def test_a_slow_generator_gets_a_head_start() -> None:
    timeline = EndlessTimeline(FPS)
    timeline.begin(expected=4.0)
    timeline.push(WALK[:30], rtf=0.5)  # 2.5 s to come take 5: 2.5 s are needed in hand
    assert pace(shown(timeline, 0.5)).max() < 0.1
    timeline.push(WALK[30:60], rtf=0.5)
    assert pace(shown(timeline, 0.5)).max() > 0.5


def test_a_machine_that_hangs_does_not_make_it_jump() -> None:
    timeline = EndlessTimeline(FPS)
    timeline.begin()
    timeline.push(WALK)
    shown(timeline, 0.5)
    position = timeline.pose().time * FPS
    timeline.advance(5.0)
    assert timeline.pose().time * FPS == pytest.approx(position + MAX_STEP * FPS)


def test_the_sending_process_says_when_an_answer_was_shown() -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=run_sender,
        args=(LiveSettings(endless=True, rate=240.0, stdout=False, ws=0), there),
        daemon=True,
    )
    pytest.importorskip("websockets", reason="needs websockets, in kinetoken[live]")
    process.start()
    there.close()
    assert isinstance(here.recv(), TargetsOpen)
    here.send(AnswerBegins())
    here.send(ThoughtText("I go. "))
    here.send(Motion(WALK[:8]))
    here.send(AnswerEnds())
    assert here.recv() == AnswersShown((1, 0, 0, 0))
    here.send(AnswerBegins())
    here.send(AnswerEnds())
    assert here.recv() == AnswersShown((2, 0, 0, 0))
    here.send(Finish())
    report = here.recv()
    assert isinstance(report, SenderReport)
    assert report.frames > 60
    process.join(10)
    assert process.exitcode == 0
