"""The number of threads follows what is fast, on machines that are made up; hardly ever at the cost of a slow token."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from kinetoken.backends.threadchoice import MOST_PATIENCE, PATIENCE, ThreadChoice

Machine = Callable[[int], tuple[float, float]]
"""Threads to the seconds of a token, and the seconds that they were on a core."""


def quiet(count: int) -> tuple[float, float]:
    """Two cores that nobody else wants, as measured."""
    return {1: (0.075, 0.075), 2: (0.049, 0.098)}[count]


def beside_a_busy_program(count: int) -> tuple[float, float]:
    return {1: (0.081, 0.081), 2: (0.220, 0.268)}[count]


def beside_a_viewer(count: int) -> tuple[float, float]:
    """Cores are taken away, yet two threads stay faster."""
    return {1: (0.080, 0.080), 2: (0.074, 0.120)}[count]


def run(choice: ThreadChoice, machine: Machine, tokens: int) -> list[int]:
    """The number of threads of each token."""
    counts = []
    for _ in range(tokens):
        counts.append(choice.count)
        choice.took(*machine(choice.count), choice.count)
    return counts


def test_a_quiet_machine_is_left_alone() -> None:
    assert set(run(ThreadChoice(2), quiet, 2000)) == {2}


def test_a_busy_program_costs_ten_tokens_and_then_a_core() -> None:
    counts = run(ThreadChoice(2), beside_a_busy_program, 60)
    assert counts[:6] == [2] * 6, "first it looks"
    assert counts.index(1) == 6
    assert counts[6:54].count(1) == 48, "and stays"


def test_tries_in_vain_become_rare() -> None:
    counts = run(ThreadChoice(2), beside_a_busy_program, 5000)[6:]
    assert counts.count(2) <= 2 * 12, "two tokens each"
    longest = max(len(list(group)) for count, group in itertools.groupby(counts) if count == 1)
    assert MOST_PATIENCE <= longest <= MOST_PATIENCE + 10
    counts = run(ThreadChoice(2), beside_a_viewer, 5000)
    assert counts.count(1) <= 4 * 12


def test_when_the_program_is_gone_the_core_is_taken_again() -> None:
    choice = ThreadChoice(2)
    run(choice, beside_a_busy_program, 40)
    assert choice.count == 1
    counts = run(choice, quiet, 2 * PATIENCE)
    assert counts[-1] == 2
    assert counts.count(1) <= PATIENCE
    assert run(choice, beside_a_busy_program, 20)[-1] == 1, "and given up as soon as before"


def test_as_many_cores_are_given_up_as_were_taken() -> None:
    def free(cores: int) -> Machine:
        """So many of eight are free: who shares one takes three times as long."""
        return lambda count: (0.4 / count * (3 if count > cores else 1), 0.4 if count <= cores else 0.8)

    choice = ThreadChoice(8)
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


@pytest.mark.parametrize("seconds", [0.05, 0.5])
def test_a_machine_that_changes_its_mind_is_followed(seconds: float) -> None:
    """Never stuck: within a few dozen tokens the choice is what is faster now."""
    choice = ThreadChoice(2)
    for _ in range(5):
        run(choice, beside_a_busy_program, 30)
        assert choice.count == 1
        run(choice, lambda count: (seconds / count, seconds), 3 * PATIENCE)
        assert choice.count == 2
