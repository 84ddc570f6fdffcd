from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

import fake_generators
from kinetoken.options import GenerateOptions
from kinetoken_viewer.feed import (
    MESSAGES_PER_POLL,
    Ended,
    Failed,
    Feed,
    Job,
    Message,
    Moved,
    Opened,
    Said,
)
from kinetoken_viewer.pace import PREBUFFER, SLOWEST, JitterBuffer
from synthetic_motion import walking

JOB = Job("a person walks", GenerateOptions())


@pytest.fixture
def open_feed() -> Iterator[object]:
    feeds: list[Feed] = []

    def start(server: object, job: Job = JOB) -> Feed:
        feeds.append(Feed(job, server))  # type: ignore[arg-type]
        return feeds[-1]

    yield start
    for feed in feeds:
        feed.close()


def read(feed: Feed, seconds: float = 20.0) -> list[Message]:
    """Everything up to the last message."""
    out: list[Message] = []
    end = time.monotonic() + seconds
    while not feed.over and time.monotonic() < end:
        out += feed.poll(wait=0.1)
    return out


def test_messages_arrive_whole_and_in_order(open_feed) -> None:
    messages = read(open_feed(fake_generators.good))
    assert messages[0] == Opened(5, 20.0)
    assert "".join(m.text for m in messages if isinstance(m, Said)) == "I walk ahead."
    joints = np.concatenate([m.chunk.joints for m in messages if isinstance(m, Moved)])
    np.testing.assert_array_equal(joints, walking(fake_generators.FRAMES))
    assert isinstance(messages[-1], Ended)


def test_a_killed_generator_is_reported_after_what_it_made(open_feed) -> None:
    messages = read(open_feed(fake_generators.killed))
    assert [type(m) for m in messages] == [Opened, Moved, Failed]
    assert "killed by signal 9" in messages[-1].reason
    assert "\n" not in messages[-1].reason


def test_a_generator_that_leaves_is_reported(open_feed) -> None:
    messages = read(open_feed(fake_generators.leaves))
    assert isinstance(messages[-1], Failed)
    assert "exit code 0" in messages[-1].reason


def test_an_error_of_the_tree_keeps_its_words_and_exit_code(open_feed) -> None:
    assert read(open_feed(fake_generators.refuses)) == [Failed("the bundle is not whole", 3)]


def test_a_silent_generator_never_blocks_the_viewer(open_feed) -> None:
    feed = open_feed(fake_generators.silent)
    begin = time.monotonic()
    assert [feed.poll() for _ in range(100)] == [[]] * 100
    assert time.monotonic() - begin < 0.5
    begin = time.monotonic()
    feed.close()
    assert time.monotonic() - begin < 3.0
    assert feed.over


def test_a_flooding_generator_gets_a_bounded_share_and_is_held_back(open_feed) -> None:
    feed = open_feed(fake_generators.flood)
    assert isinstance(feed.poll(limit=1, wait=20.0)[0], Opened)
    time.sleep(0.2)
    assert len(feed.poll()) <= MESSAGES_PER_POLL
    feed.close()


def test_the_real_server_streams_a_real_bundle(open_feed, tiny_bundle) -> None:
    job = Job("a person walks", GenerateOptions(seed=1, seconds=1.0, max_thought=4), str(tiny_bundle))
    messages = read(open_feed(fake_generators.real, job))
    assert messages[0] == Opened(1, 20.0)
    last = messages[-1]
    assert isinstance(last, Ended)
    assert len(last.clip) == 20
    joints = np.concatenate([m.chunk.joints for m in messages if isinstance(m, Moved)])
    np.testing.assert_array_equal(joints, last.clip.joints)


def test_the_real_server_reports_a_missing_bundle(open_feed, tmp_path) -> None:
    job = Job("a person walks", GenerateOptions(), str(tmp_path / "nothing"))
    (message,) = read(open_feed(fake_generators.real, job))
    assert isinstance(message, Failed)
    assert message.exit_code == 3
    assert "nothing" in message.reason


def play(speed: float, length: float, *, known: bool) -> tuple[float, float, list[float]]:
    """A generator at `speed` times real time: seconds of the first and last picture, and how each stall grew."""
    buffer, dt = JitterBuffer(), 1 / 60
    position, clock, first, stalls, still = 0.0, 0.0, -1.0, [], 0.0
    while position < length - 1e-6:
        clock += dt
        made = min(length, speed * clock)
        finished = made >= length
        to_come = length - made if known else 0.0
        rate = buffer.rate(made - position, finished=finished, rtf=speed, to_come=to_come)
        position = min(made, position + dt * rate)
        if rate > 0 and first < 0:
            first = clock
        if first >= 0:
            still = 0.0 if rate > 0 else still + dt
            if rate == 0:
                stalls.append(still)
    return first, clock, stalls


def test_a_fast_generator_never_stalls_and_starts_soon() -> None:
    first, last, stalls = play(1.5, 8.0, known=False)
    assert stalls == []
    assert first == pytest.approx(PREBUFFER / 1.5, abs=0.05)
    assert last < 8.0 + first + 1.0


def test_a_slow_generator_of_known_length_waits_once_then_never_stalls() -> None:
    first, last, stalls = play(0.8, 8.0, known=True)
    assert stalls == []
    assert first == pytest.approx(2.0, abs=0.4)  # L * (1 / speed - 1)
    assert last < 8.0 / 0.8 + 1.0


def test_a_slow_generator_of_unknown_length_waits_in_few_long_rests() -> None:
    _, last, stalls = play(0.5, 6.0, known=False)
    rests = sum(1 for still in stalls if still <= 1 / 60 + 1e-9)
    assert 1 <= rests <= 12  # a rest refills the buffer instead of stuttering frame by frame
    assert last < 6.0 / 0.5 + 1.5


def test_rate_slows_as_the_buffer_runs_low() -> None:
    buffer = JitterBuffer()
    assert buffer.rate(PREBUFFER / 2, finished=False) == 0.0
    assert buffer.rate(PREBUFFER, finished=False) == 1.0
    assert buffer.rate(PREBUFFER / 20, finished=False) == SLOWEST
    assert SLOWEST < buffer.rate(PREBUFFER * 0.9, finished=False) < 1.0
    assert buffer.rate(0.0, finished=False) == 0.0
    assert buffer.waiting
    assert buffer.rate(0.0, finished=True) == 1.0
    assert not buffer.waiting
