"""The number of threads follows what is fast, on machines that are made up; hardly ever at the cost of a slow token."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kinetoken.engines.llamacpp.adaptive_threads import (
    MOST_RETRY_TOKENS,
    RETRY_TOKENS,
    WATCHED_SECONDS,
    WINDOW,
    ThreadChoice,
    idle_seconds,
)

Machine = Callable[[int], tuple[float, float]]
"""Threads to the seconds of a token, and the seconds that they were on a core."""


class Idle:
    """A system that tells how long its cores were idle, or does not."""

    def __init__(self, tells: bool = True) -> None:
        self.tells, self.seconds = tells, 100.0

    def __call__(self) -> float | None:
        return self.seconds if self.tells else None


@pytest.fixture(params=[True, False], ids=["idle cores are told", "nothing is told"])
def idle(request: pytest.FixtureRequest) -> Idle:
    return Idle(request.param)


def quiet(count: int) -> tuple[float, float]:
    """Two cores that nobody else wants, as measured."""
    return {1: (0.075, 0.075), 2: (0.049, 0.098)}[count]


def beside_a_busy_program(count: int) -> tuple[float, float]:
    return {1: (0.081, 0.081), 2: (0.220, 0.268)}[count]


def beside_a_viewer(count: int) -> tuple[float, float]:
    """Cores are taken away, yet two threads stay faster."""
    return {1: (0.080, 0.080), 2: (0.074, 0.120)}[count]


BUSY = {quiet: 0.0, beside_a_busy_program: 1.0, beside_a_viewer: 0.3}
"""Cores that others use."""


def run(choice: ThreadChoice, machine: Machine, tokens: int, idle: Idle | None = None) -> list[int]:
    """The number of threads of each token."""
    counts = []
    for _ in range(tokens):
        count = choice.count
        counts.append(count)
        seconds, on_core = machine(count)
        if idle is not None:
            idle.seconds += seconds * max(0.0, 2 - count - BUSY[machine])
        choice.took(seconds, on_core, count)
    return counts


def test_a_quiet_machine_is_left_alone(idle: Idle) -> None:
    assert set(run(ThreadChoice(2, idle), quiet, 2000, idle)) == {2}


def test_a_busy_program_costs_six_tokens_and_then_a_core(idle: Idle) -> None:
    counts = run(ThreadChoice(2, idle), beside_a_busy_program, 60, idle)
    assert counts[:6] == [2] * 6, "first it looks"
    assert counts.index(1) == 6
    assert counts[6:54].count(1) == 48, "and stays"


def test_tries_in_vain_become_rare() -> None:
    silent = Idle(tells=False)
    counts = run(ThreadChoice(2, silent), beside_a_busy_program, 5000, silent)[6:]
    assert counts.count(2) <= 2 * 12, "two tokens each"
    longest = max(len(list(group)) for count, group in itertools.groupby(counts) if count == 1)
    assert MOST_RETRY_TOKENS <= longest <= MOST_RETRY_TOKENS + 10
    counts = run(ThreadChoice(2, silent), beside_a_viewer, 5000, silent)
    assert counts.count(1) <= 4 * 12


def test_where_no_core_is_idle_none_is_tried() -> None:
    idle = Idle()
    assert set(run(ThreadChoice(2, idle), beside_a_busy_program, 5000, idle)[6:]) == {1}


def test_idle_cores_that_are_not_ours_are_tried_ever_more_rarely() -> None:
    """In a container the machine's cores may be idle and still not to be had."""
    seconds = itertools.count(100.0, 10.0)
    counts = run(ThreadChoice(2, lambda: next(seconds)), beside_a_busy_program, 5000)[6:]
    assert counts.count(2) <= 2 * 14


def test_when_the_program_is_gone_the_core_is_taken_again(idle: Idle) -> None:
    choice = ThreadChoice(2, idle)
    run(choice, beside_a_busy_program, 40, idle)
    assert choice.count == 1
    counts = run(choice, quiet, 2 * RETRY_TOKENS, idle)
    assert counts[-1] == 2
    assert counts.count(1) <= (3 * WINDOW if idle.tells else RETRY_TOKENS)
    assert run(choice, beside_a_busy_program, 20, idle)[-1] == 1, "and given up as soon as before"


def test_as_many_cores_are_given_up_as_were_taken() -> None:
    def free(cores: int) -> Machine:
        """So many of eight are free: who shares one takes three times as long."""
        return lambda count: (
            0.4 / count * (3 if count > cores else 1),
            0.4 if count <= cores else 0.8,
        )

    choice = ThreadChoice(8, Idle(tells=False))
    run(choice, free(6), 100)
    assert choice.count == 6
    run(choice, free(3), 200)
    assert choice.count == 3
    run(choice, free(8), 400)
    assert choice.count == 8


def test_one_core_and_other_numbers_decide_nothing() -> None:
    alone = ThreadChoice(1)
    assert set(run(alone, lambda _: (0.1, 0.02), 500)) == {1}
    choice = ThreadChoice(2)
    for _ in range(100):
        choice.took(0.2, 0.2, 1)  # of a run that began before the number changed
    assert choice.count == 2


@pytest.mark.parametrize("seconds", [0.0003, 0.05, 0.5])
def test_a_machine_that_changes_its_mind_is_followed(seconds: float) -> None:
    """Never stuck: the choice is what is faster now."""
    silent = Idle(tells=False)
    choice = ThreadChoice(2, silent)
    for _ in range(5):
        run(choice, beside_a_busy_program, 30)
        assert choice.count == 1
        run(
            choice,
            lambda count: (seconds / count, seconds),
            max(3 * RETRY_TOKENS, round(3 * WATCHED_SECONDS / seconds)),
        )
        assert choice.count == 2


def test_what_the_system_says_of_idle_cores(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  1 2 3 250 5 6 7\ncpu0 1 2 3 4\n")
    assert idle_seconds(stat) == pytest.approx(250 / os.sysconf("SC_CLK_TCK"))
    for text in ("", "cpu", "cpu 1 2 3 many"):
        stat.write_text(text)
        assert idle_seconds(stat) is None
    assert idle_seconds(tmp_path / "missing") is None
