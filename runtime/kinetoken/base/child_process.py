"""A child process for work that must not hold up this one, and the pipe to it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

from .signals import hear_nothing, starting_unheard

_Job = TypeVar("_Job")


class ChildProcess:
    """Runs `work(job, pipe)` in a new interpreter.

    Ctrl-C is for this process alone, which then ends the child. The child ends with this process,
    and its pipe ends when the child does.
    """

    def __init__(self, name: str, work: Callable[[_Job, Connection], None], job: _Job) -> None:
        """Starts it; `work` and `job` must be importable and picklable."""
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        """This end of the pipe."""
        self._process = context.Process(
            target=_work_unheard, args=(work, job, other), name=name, daemon=True
        )
        with starting_unheard():
            self._process.start()
        other.close()  # so that reading from the pipe fails once the child is gone

    @property
    def exit_reason(self) -> str | None:
        """How it ended, such as "killed by signal 9" or "exit code 1"; None while it runs."""
        code = self._process.exitcode
        if code is None:
            return None
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

    def wait(self, seconds: float) -> None:
        """Wait until it has ended by itself, but no longer than this."""
        self._process.join(seconds)

    def end(self, seconds: float, *, kindly: bool = True) -> None:
        """Terminate it if `kindly`, then kill it if it still runs, waiting `seconds` for each."""
        for stop in (self._process.terminate, self._process.kill)[0 if kindly else 1 :]:
            if self._process.is_alive():
                stop()
                self._process.join(seconds)


def _work_unheard(work: Callable[[_Job, Connection], None], job: _Job, pipe: Connection) -> None:
    hear_nothing()
    work(job, pipe)
