"""A batch over a Ray cluster; the only file that knows Ray.

The machines make clips and send them back; this process alone writes into the folder, so nothing is there twice, and the machines
need not see it. A job whose worker is lost goes to another.
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
from .address import LOCAL, host_and_port
from .dispatch import Dispatch
from .jobs import Answer, Job, Problem
from .worker import Order, Worker

try:
    import ray
    from ray.exceptions import RayError
except ImportError as error:
    raise MissingPackageError("ray", "ray") from error

ANSWERS_WITHIN: Final = 5.0  # seconds
JOINS_WITHIN: Final = 15.0
AHEAD: Final = 1  # jobs that wait at a worker, so that it need not wait for them
MOST_LOSSES: Final = 3  # workers lost for each place, and nothing made meanwhile
PATIENCE: Final = 30.0  # seconds without a worker before a word about it
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Plan:
    """How."""

    workers: int | None
    """None: one on each machine."""
    order: Order


@contextlib.contextmanager
def joined(address: str) -> Iterator[None]:
    """In a cluster until the block ends. EngineError, soon, where none answers."""
    connect(address)
    try:
        yield
    finally:
        ray.shutdown()


def answer_over(plan: Plan, jobs: Sequence[Job]) -> Iterator[Answer | Problem]:
    """Every job's answer, or why there is none, as they come; in a cluster. EngineError where it cannot do it."""
    return Crew(plan, jobs).work()


def connect(address: str) -> None:
    """Join a cluster: host:port of its head, "auto" for the one that this machine is in, "local" for one of its own.

    EngineError, soon, where none answers.
    """
    if address != LOCAL:
        check_answers(address)
        check_joins(address)
    try:
        _join(address)
    except Exception as error:  # Ray's own share no base here
        raise EngineError(
            f"no Ray cluster at {address}: {_line(str(error))}; start one with ray start"
        ) from error


def _join(address: str) -> None:
    more = {"include_dashboard": False} if address == LOCAL else {}
    ray.init(
        None if address == LOCAL else address, logging_level="ERROR", log_to_driver=False, **more
    )


def check_joins(address: str) -> None:
    """EngineError unless a process of its own can join the cluster: where something else answers Ray waits for minutes."""
    command = [
        sys.executable,
        "-c",
        "import sys, ray; ray.init(sys.argv[1], log_to_driver=False)",
        address,
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=JOINS_WITHIN)
        ended, said = done.returncode, done.stderr
    except subprocess.TimeoutExpired as error:
        ended, said = None, error.stderr or b""
    if ended == 0:
        return
    if b"InvalidAuthToken" in said:
        raise EngineError(
            f"the Ray cluster at {address} wants a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        )
    if ended is None:
        waited = f"nothing that is Ray answers at {address} within {JOINS_WITHIN:g} seconds"
        raise EngineError(f"{waited}; start a cluster with ray start --head, and give its port")
    reason = _line(said.decode(errors="replace"))
    raise EngineError(f"no Ray cluster at {address}: {reason}; start one with ray start --head")


def check_answers(address: str) -> None:
    """InputError where this is no address, EngineError where nobody answers there: Ray itself waits long for it."""
    place = host_and_port(address)
    if place is None:
        return
    try:
        socket.create_connection(place, ANSWERS_WITHIN).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise EngineError(
            f"nobody answers at {address} ({reason}); start Ray there with: ray start --head"
        ) from error


class Crew:
    """The workers of a batch and what each is doing."""

    def __init__(self, plan: Plan, jobs: Sequence[Job]) -> None:
        self._dispatch, self._order = Dispatch(jobs), plan.order
        self._share = share(plan.workers, len(jobs))
        self._count = self._share.workers
        if self._order.load.threads is None:
            threads = max(1, int(self._share.processors))
            self._order = replace(self._order, load=replace(self._order.load, threads=threads))
        self._workers: dict[int, Any] = {}
        self._calls: dict[Any, tuple[int, Job | None]] = {}
        """What is awaited: of which worker, and which job; None: that it is ready."""
        self._started = self._welcomed = self._lost = 0

    def work(self) -> Iterator[Answer | Problem]:
        """Until every job is done or given up."""
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
            max_concurrency=self._order.parallel + AHEAD + 1,
            scheduling_strategy="SPREAD",
        )
        self._workers[number] = handle = actor.remote(self._order)
        self._calls[handle.ready.remote()] = number, None

    def _wait(self) -> Iterator[Answer | Problem]:
        """The next thing that comes back."""
        ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=PATIENCE)
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
        """A worker has started, or says why it cannot: then those that can do the work."""
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
        """As many jobs as it does at once, and one to wait."""
        if worker not in self._workers:
            return
        busy = sum(at == worker for at, _ in self._calls.values())
        for _ in range(self._order.parallel + AHEAD - busy):
            job = self._dispatch.next(worker)
            if job is None:
                return
            self._calls[self._workers[worker].make.remote(job)] = worker, job

    def _lose(self, worker: int, job: Job | None, error: RayError) -> Iterator[Problem]:
        """A worker is gone, or cannot go on: another takes its place, and its jobs are done again."""
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
        if self._lost > self._count * (MOST_LOSSES if self._welcomed else 1):
            raise EngineError(
                f"workers of the cluster are lost one after another: {reason}; see Ray's logs"
            )
        self._start()
        for other in list(self._workers):
            self._feed(other)

    def _end(self, worker: int) -> None:
        """Nothing more is expected of it."""
        handle = self._workers.pop(worker)
        self._calls = {call: about for call, about in self._calls.items() if about[0] != worker}
        with contextlib.suppress(Exception):  # it may be gone already
            ray.kill(handle)


@dataclass(frozen=True)
class Share:
    """What each worker gets."""

    workers: int
    processors: float
    cards: float
    """Graphics cards; Ray shows a worker none that it does not ask for."""


def share(workers: int | None, jobs: int) -> Share:
    """The smallest machine in equal parts: as many as the workers that the cluster puts on it."""
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
    """The line of an error that says most: what the last exception in it says, else the first line."""
    lines = [_COLOUR.sub("", line).strip() for line in text.splitlines() if line.strip()] or [
        "it does not say why"
    ]
    exceptions = [line.partition("Error: ")[2] for line in lines if "Error: " in line]
    return (exceptions[-1] if exceptions else lines[0])[:200].rstrip(".")
