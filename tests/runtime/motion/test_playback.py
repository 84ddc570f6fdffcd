from __future__ import annotations

import pytest

from kinetoken.motion.playback import (
    FASTEST,
    PREBUFFER,
    PREBUFFERS,
    SLOWEST,
    JitterBuffer,
    Meter,
    Sample,
    prebuffer,
)


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


def test_the_buffer_is_as_long_as_the_pace_asks() -> None:
    assert prebuffer(0.0) == PREBUFFER == prebuffer(1.5)
    assert prebuffer(40.0) == PREBUFFERS[0]
    assert prebuffer(0.2) == PREBUFFERS[1]
    assert prebuffer(3.0) < prebuffer(2.0) < prebuffer(1.0)


def test_what_was_played_slowly_is_made_up_for_later() -> None:
    buffer = JitterBuffer()
    assert buffer.speed(PREBUFFER / 20, finished=False, passed=2.0) == SLOWEST
    assert buffer.late == pytest.approx(0.5)
    assert buffer.speed(PREBUFFER, finished=False, passed=1.0) == 1.0
    assert buffer.speed(9.0, finished=False, passed=1.0) == FASTEST
    assert buffer.late == pytest.approx(0.4)
    assert buffer.speed(9.0, finished=True, passed=100.0) == FASTEST
    assert buffer.late == 0.0
    assert buffer.speed(9.0, finished=False, passed=1.0) == 1.0


def test_the_wait_of_a_slow_generator_is_known_beforehand() -> None:
    buffer, ahead, to_come, rtf = JitterBuffer(), 0.4, 3.6, 0.5
    wait = buffer.wait(ahead, rtf, to_come)
    then = ahead + wait * rtf
    assert then == pytest.approx(buffer.goal(rtf, to_come - wait * rtf))
    assert buffer.wait(ahead, 0.0, to_come) == 0.0
    assert buffer.wait(5.0, 2.0, 9.0) == 0.0


def test_the_meter_counts_the_last_seconds_of_work_and_words_make_no_motion() -> None:
    meter = Meter()
    assert (meter.rtf, meter.tokens_per_second) == (0.0, 0.0)
    meter.push(Sample(4.0, 0.0, 10))
    meter.push(Sample(6.0, 0.0, 30))
    assert (meter.rtf, meter.tokens_per_second) == (0.0, 10.0)
    meter.push(Sample(6.5, 0.2, 34))
    assert meter.rtf == 0.0
    meter.push(Sample(7.0, 0.6, 50))
    assert meter.rtf == pytest.approx(0.8)
    for second in range(8, 40):
        meter.push(Sample(float(second), 0.6 + 2.0 * (second - 7), 50 + 100 * (second - 7)))
    assert meter.rtf == pytest.approx(2.0)
    assert meter.tokens_per_second == pytest.approx(100.0)
