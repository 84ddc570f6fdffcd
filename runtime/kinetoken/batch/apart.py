"""Several answers at once where a server writes them: each is asked for on its own, and the server puts them together."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from ..base.errors import EngineError, InputError
from ..engines.remote.http import StatusError
from ..generation.bundle import Bundle
from ..generation.generator import Generation
from .jobs import ClipAnswer, Job, Problem

MOST_FAILURES: Final = (
    3  # one after another: the server is not there, and the next line would not do better
)
OF_THE_REQUEST: Final = (
    400,
    413,
    414,
    422,
    431,
)  # RFC 9110 and 6585: what was asked is at fault, not who was


def answer_apart(bundle: Bundle, jobs: Iterable[Job], size: int) -> Iterator[ClipAnswer | Problem]:
    """Every job's answer, or why there is none, as they come. EngineError where the server fails again and again;
    that it refuses some lines is theirs.

    An answer that the server broke off, or in which it broke the rules, is none: it is shorter than what was asked.
    """
    work = _Work(bundle, jobs)
    threads = [threading.Thread(target=work.run, daemon=True) for _ in range(min(size, work.total))]
    for thread in threads:
        thread.start()
    failures = 0
    try:
        for _ in range(work.total):
            done = work.done.get()
            if isinstance(done, _Failure):
                failures += not _of_the_request(done.error)
                if failures >= MOST_FAILURES or not isinstance(done.error, EngineError):
                    raise done.error
                yield done.job.problem(done.error)
            else:
                failures = 0
                yield done
    finally:
        work.stopped.set()


def _of_the_request(error: Exception) -> bool:
    """Whether the server is well and refuses this line alone."""
    return isinstance(error, StatusError) and error.status in OF_THE_REQUEST


@dataclass(frozen=True)
class _Failure:
    """What ended an answer that was right to ask for."""

    job: Job
    error: Exception


class _Work:
    """What is left to do, and what was done; used by several threads."""

    def __init__(self, bundle: Bundle, jobs: Iterable[Job]) -> None:
        self._bundle = bundle
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        for job in jobs:
            self._waiting.put(job)
        self.total = self._waiting.qsize()
        self.done: SimpleQueue[ClipAnswer | Problem | _Failure] = SimpleQueue()
        self.stopped = threading.Event()

    def run(self) -> None:
        """One job after another, until none is left."""
        while not self.stopped.is_set():
            try:
                job = self._waiting.get_nowait()
            except Empty:
                return
            try:
                self.done.put(self._answer(job))
            except Exception as error:  # it is raised where the answers are read
                self.done.put(_Failure(job, error))

    def _answer(self, job: Job) -> ClipAnswer | Problem:
        try:
            generation = Generation(self._bundle, job.prompt, job.options)
        except InputError as error:
            return job.problem(error)
        for _ in generation:
            if self.stopped.is_set():
                generation.close()
        if generation.notes:
            return job.problem("; ".join(generation.notes))
        return ClipAnswer(job, generation.clip(), generation.thought)
