"""Several answers at once from a server: one request each; the server batches them."""

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

_MAX_FAILURES: Final = 3  # in a row: the server is down, and the next line would fail too
_CLIENT_ERRORS: Final = (400, 413, 414, 422, 431)  # RFC 9110 and 6585: the request is at fault


def answer_by_server(
    bundle: Bundle, jobs: Iterable[Job], size: int
) -> Iterator[ClipAnswer | Problem]:
    """Yield each job's answer, or its problem, as they arrive; `size` requests at once.

    EngineError where the server fails several times in a row; a line that it refuses is a Problem.
    So is an answer that the server cut off, or in which it broke the grammar: it is too short.
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
                failures += not _refuses_request(done.error)
                if failures >= _MAX_FAILURES or not isinstance(done.error, EngineError):
                    raise done.error
                yield done.job.problem(done.error)
            else:
                failures = 0
                yield done
    finally:
        work.stopped.set()


def _refuses_request(error: Exception) -> bool:
    """Tell a refusal of this line alone from a failure of the server."""
    return isinstance(error, StatusError) and error.status in _CLIENT_ERRORS


@dataclass(frozen=True)
class _Failure:
    """An error that ended a valid request."""

    job: Job
    error: Exception


class _Work:
    """Jobs to do and answers done, shared by several threads."""

    def __init__(self, bundle: Bundle, jobs: Iterable[Job]) -> None:
        self._bundle = bundle
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        for job in jobs:
            self._waiting.put(job)
        self.total = self._waiting.qsize()
        self.done: SimpleQueue[ClipAnswer | Problem | _Failure] = SimpleQueue()
        self.stopped = threading.Event()

    def run(self) -> None:
        """Do one job after another, until none is left."""
        while not self.stopped.is_set():
            try:
                job = self._waiting.get_nowait()
            except Empty:
                return
            try:
                self.done.put(self._answer(job))
            except Exception as error:  # raised where the answers are read
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
