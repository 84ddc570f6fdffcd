"""A child process: what it is given, how it ends, and that it can be made to end."""

from __future__ import annotations

import signal

import pytest

from child_jobs import answers, leaves, stubborn, waits
from kinetoken.base.child_process import ChildProcess

SECONDS = 20.0
KILLED = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows knows one way to end a process


def test_it_gets_its_job_and_never_hears_ctrl_c() -> None:
    child = ChildProcess("test", answers, "hello")
    assert child.pipe.recv() == "hello True"
    assert child.exit_reason is None
    child.pipe.close()  # the child hears that nobody is left
    child.wait(SECONDS)
    assert child.exit_reason == "exit code 1"


def test_its_pipe_ends_with_it() -> None:
    child = ChildProcess("test", leaves, 3)
    with pytest.raises(EOFError):
        child.pipe.recv()
    child.wait(SECONDS)
    assert child.exit_reason == "exit code 3"
    child.end(SECONDS)  # of one that has ended: nothing


@pytest.mark.parametrize(
    ("work", "kindly", "number"),
    [(waits, True, signal.SIGTERM), (waits, False, KILLED), (stubborn, True, KILLED)],
)
def test_it_can_be_made_to_end(work, kindly: bool, number: int) -> None:
    child = ChildProcess("test", work, None)
    assert child.pipe.recv() == "here"
    child.end(1.0 if work is stubborn else SECONDS, kindly=kindly)
    assert child.exit_reason == f"killed by signal {int(number)}"
