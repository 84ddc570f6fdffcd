"""A batch on a Ray cluster; the only file that imports Ray.

The machines make clips and send them back. This process alone writes into the folder, so no clip is
written twice, and the machines need no access to it. The jobs of a lost worker go to the others.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..base.errors import EngineError, MissingPackageError
from .cluster_address import LOCAL, host_and_port
from .dispatch import Dispatch
from .jobs import Job, JobAnswer, Problem
from .worker import Worker, WorkerSetup

try:
    import ray
    from ray.exceptions import RayError
except ImportError as error:
    raise MissingPackageError("ray", "ray") from error

_CONNECT_SECONDS: Final = 5.0
_JOIN_SECONDS: Final = 15.0
_QUEUED_PER_WORKER: Final = 1  # jobs that wait at a worker, so that it never waits for one
_MAX_LOSSES: Final = 3  # lost workers per worker, with no clip made in between
_WARN_SECONDS: Final = 30.0  # without any worker
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class ClusterPlan:
    """The number of workers and the setup of each."""

    workers: int | None
    """None: one on each machine."""
    setup: WorkerSetup


@contextlib.contextmanager
def joined_cluster(address: str) -> Iterator[None]:
    """Stay in a cluster until the block ends. EngineError, soon, where none answers."""
    connect(address)
    try:
        yield
    finally:
        ray.shutdown()


def answer_by_cluster(plan: ClusterPlan, jobs: Sequence[Job]) -> Iterator[JobAnswer | Problem]:
    """Yield each job's answer, or its problem, as they arrive.

    EngineError where the workers fail.
    """
    return Crew(plan, jobs).work()


def connect(address: str) -> None:
    """Join a cluster: host:port of its head, "auto" for this machine's, "local" to start one here.

    EngineError, soon, where none answers.
    """
    if address != LOCAL:
        check_answers(address)
        check_joins(address)
    try:
        _join(address)
    except Exception as error:  # Ray's errors have no common base here
        raise EngineError(
            f"no Ray cluster at {address}: {_line(str(error))}; start one with ray start"
        ) from error


def _join(address: str) -> None:
    more = {"include_dashboard": False} if address == LOCAL else {}
    ray.init(
        None if address == LOCAL else address, logging_level="ERROR", log_to_driver=False, **more
    )


def check_joins(address: str) -> None:
    """Try to join in a separate process; EngineError where that fails.

    Ray itself would wait for minutes where something else than Ray answers.
    """
    command = [
        sys.executable,
        "-c",
        "import sys, ray; ray.init(sys.argv[1], log_to_driver=False)",
        address,
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_JOIN_SECONDS)
        ended, said = done.returncode, done.stderr
    except subprocess.TimeoutExpired as error:
        ended, said = None, error.stderr or b""
    if ended == 0:
        return
    if b"InvalidAuthToken" in said:
        raise EngineError(
            f"the Ray cluster at {address} asks for a token; "
            "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        )
    if ended is None:
        waited = f"no Ray cluster answers at {address} within {_JOIN_SECONDS:g} seconds"
        raise EngineError(f"{waited}; start one with ray start --head, and give its port")
    reason = _line(said.decode(errors="replace"))
    raise EngineError(f"no Ray cluster at {address}: {reason}; start one with ray start --head")


def check_answers(address: str) -> None:
    """Try to connect; InputError for a bad address, EngineError where nothing answers.

    Ray itself would wait much longer.
    """
    host_port = host_and_port(address)
    if host_port is None:
        return
    try:
        socket.create_connection(host_port, _CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise EngineError(
            f"nothing answers at {address} ({reason}); start Ray there with: ray start --head"
        ) from error


class Crew:
    """The workers of a batch, and the job of each."""

    def __init__(self, plan: ClusterPlan, jobs: Sequence[Job]) -> None:
        self._dispatch, self._setup = Dispatch(jobs), plan.setup
        self._share = worker_share(plan.workers, len(jobs))
        self._count = self._share.workers
        if self._setup.load.threads is None:
            threads = max(1, int(self._share.processors))
            self._setup = replace(self._setup, load=replace(self._setup.load, threads=threads))
        self._workers: dict[int, Any] = {}
        self._calls: dict[Any, tuple[int, Job | None]] = {}
        """Ray's calls under way, each with its worker and its job; no job: the worker starts."""
        self._started = self._welcomed = self._lost = 0

    def work(self) -> Iterator[JobAnswer | Problem]:
        """Run until every job is done or given up."""
        for _ in range(self._count):
            self._start()
        try:
            while not self._dispatch.over:
                yield from self._wait()
        finally:
            for worker in list(self._workers):
                self._end(worker)

    def _start(self) -> None:
        number, self._started = self._started, self._started + 1
        actor = ray.remote(Worker).options(
            num_cpus=self._share.processors,
            num_gpus=self._share.cards,
            max_concurrency=self._setup.parallel + _QUEUED_PER_WORKER + 1,
            scheduling_strategy="SPREAD",
        )
        self._workers[number] = handle = actor.remote(self._setup)
        self._calls[handle.ready.remote()] = number, None

    def _wait(self) -> Iterator[JobAnswer | Problem]:
        """Take in the next call that returns."""
        ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=_WARN_SECONDS)
        if not ready and all(job is None for _, job in self._calls.values()):
            needs = f"{self._count} workers of {self._share.processors:g} CPUs each"
            warnings.warn(
                f"still waiting for the cluster to start {needs}", RuntimeWarning, stacklevel=2
            )
        for call in ready:
            worker, job = self._calls.pop(call)
            try:
                value = ray.get(call)
            except RayError as error:
                yield from self._lose(worker, job, error)
                continue
            if job is None:
                self._welcome(worker, value)
            elif self._dispatch.done(worker, job):
                self._lost = 0
                yield job.problem(value.refused) if value.refused is not None else value
            self._feed(worker)

    def _welcome(self, worker: int, refusal: str) -> None:
        """Note that a worker has started, or why it cannot; the others then do its work."""
        if not refusal:
            self._welcomed += 1
        else:
            self._end(worker)
            if not self._workers:
                raise EngineError(f"no worker of the cluster can start: {refusal}")
            warnings.warn(
                f"a worker of the cluster cannot start: {refusal}", RuntimeWarning, stacklevel=2
            )

    def _feed(self, worker: int) -> None:
        """Give a worker as many jobs as it does at once, and one to wait."""
        if worker not in self._workers:
            return
        busy = sum(at == worker for at, _ in self._calls.values())
        for _ in range(self._setup.parallel + _QUEUED_PER_WORKER - busy):
            job = self._dispatch.next(worker)
            if job is None:
                return
            self._calls[self._workers[worker].make.remote(job)] = worker, job

    def _lose(self, worker: int, job: Job | None, error: RayError) -> Iterator[Problem]:
        """Replace a worker that is gone or has failed; its jobs are done again."""
        if worker not in self._workers:
            return
        reason = _line(str(getattr(error, "cause", None) or error))
        self._end(worker)
        self._lost += 1
        warnings.warn(
            f"a worker of the cluster is lost, others do its work: {reason}",
            RuntimeWarning,
            stacklevel=2,
        )
        yield from self._dispatch.lost(worker, reason)
        if self._lost > self._count * (_MAX_LOSSES if self._welcomed else 1):
            raise EngineError(
                f"workers of the cluster are lost one after another: {reason}; see Ray's logs"
            )
        self._start()
        for other in list(self._workers):
            self._feed(other)

    def _end(self, worker: int) -> None:
        """Stop a worker, and wait for none of its calls."""
        handle = self._workers.pop(worker)
        self._calls = {call: about for call, about in self._calls.items() if about[0] != worker}
        with contextlib.suppress(Exception):  # it may be gone already
            ray.kill(handle)


@dataclass(frozen=True)
class Share:
    """The hardware of each worker."""

    workers: int
    processors: float
    cards: float
    """Graphics cards; Ray shows a worker none that it does not ask for."""


def worker_share(workers: int | None, jobs: int) -> Share:
    """Divide the smallest machine into equal parts, one for each worker that is placed on it."""
    machines = [
        node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")
    ]
    processors = min((float(machine["CPU"]) for machine in machines), default=1.0)
    cards = min((float(machine.get("GPU", 0)) for machine in machines), default=0.0)
    count = min(workers or max(1, len(machines)), max(1, jobs))
    beside = -(-count // max(1, len(machines)))  # workers on one machine, rounded up
    each = [amount / beside for amount in (processors, cards)]
    return Share(count, *(float(int(amount)) if amount >= 1 else amount for amount in each))


def _line(text: str) -> str:
    """The most telling line of an error: the last exception's message, else the first line."""
    lines = [_COLOUR.sub("", line).strip() for line in text.splitlines() if line.strip()] or [
        "it does not say why"
    ]
    exceptions = [line.partition("Error: ")[2] for line in lines if "Error: " in line]
    return (exceptions[-1] if exceptions else lines[0])[:200].rstrip(".")
