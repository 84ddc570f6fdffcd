"""Who does which job, and what happens to the jobs of a worker that is lost. Knows no cluster."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from .jobs import Job, Problem

MOST_LOSSES: Final = 3  # workers that a job may outlive: it may be what ends them


class Dispatch:
    """Every job is with one worker at a time, and counts once."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._waiting = deque(jobs)
        self._under_way: dict[str, tuple[int, Job]] = {}
        self._losses: Counter[str] = Counter()

    @property
    def over(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._waiting and not self._under_way

    def next(self, worker: int) -> Job | None:
        """The next job, which is this worker's from now on; None where none waits."""
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        self._under_way[job.name] = worker, job
        return job

    def done(self, worker: int, job: Job) -> bool:
        """Whether this answer counts: not where the worker was given up and the job is another's."""
        if self._under_way.get(job.name, (None, job))[0] != worker:
            return False
        del self._under_way[job.name]
        return True

    def lost(self, worker: int, reason: str) -> list[Problem]:
        """A worker is gone: its jobs are the next ones of others; those that have seen too many workers go are given up."""
        given_up, back = [], [job for at, job in self._under_way.values() if at == worker]
        for job in reversed(back):
            del self._under_way[job.name]
            self._losses[job.name] += 1
            if self._losses[job.name] < MOST_LOSSES:
                self._waiting.appendleft(job)
            else:
                given_up.append(
                    job.problem(f"{MOST_LOSSES} workers were lost over it ({reason}); try it alone")
                )
        return given_up
