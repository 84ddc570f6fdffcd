"""Assignment of jobs to workers, and of a lost worker's jobs to others.

Independent of any cluster.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from .jobs import Job, Problem

MAX_LOSSES: Final = 3  # workers lost with a job before it is given up: it may be what kills them


class Dispatch:
    """Gives every job to one worker at a time, and counts it once."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._waiting = deque(jobs)
        self._under_way: dict[str, tuple[int, Job]] = {}
        self._losses: Counter[str] = Counter()

    @property
    def over(self) -> bool:
        """True once no job waits and none is under way."""
        return not self._waiting and not self._under_way

    def next(self, worker: int) -> Job | None:
        """Give this worker the next job; None where none waits."""
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        self._under_way[job.name] = worker, job
        return job

    def done(self, worker: int, job: Job) -> bool:
        """Note an answer; False where the worker was given up and the job is another's."""
        if self._under_way.get(job.name, (None, job))[0] != worker:
            return False
        del self._under_way[job.name]
        return True

    def lost(self, worker: int, reason: str) -> list[Problem]:
        """Put a lost worker's jobs in front; the problems of those that lost too many workers."""
        given_up, back = [], [job for at, job in self._under_way.values() if at == worker]
        for job in reversed(back):
            del self._under_way[job.name]
            self._losses[job.name] += 1
            if self._losses[job.name] < MAX_LOSSES:
                self._waiting.appendleft(job)
            else:
                given_up.append(
                    job.problem(f"{MAX_LOSSES} workers were lost over it ({reason}); try it alone")
                )
        return given_up
