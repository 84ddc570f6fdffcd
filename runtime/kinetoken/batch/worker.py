"""What runs on a machine of a cluster: one engine that answers several jobs at once. Knows no cluster."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from .. import __version__
from ..base.atomic_file import atomic_path
from ..base.errors import InputError, KinetokenError
from ..engines.load_options import LoadOptions
from .driver import BatchRun
from .jobs import ClipAnswer, Job


@dataclass(frozen=True)
class Order:
    """What a worker is for."""

    bundle: str | None
    """Folder, the same on every machine; None: the one that the machine's own settings name."""
    bundle_sha256: str
    """Of its manifest."""
    load: LoadOptions
    parallel: int
    suffix: str
    """Of the clips."""
    version: str = __version__
    """Of kinetoken."""


@dataclass(frozen=True)
class Made:
    """An answer on its way back, its clip as the bytes of a file."""

    job: Job
    frames: int = 0
    seconds: float = 0.0
    thought: str = ""
    data: bytes = b""
    refused: str | None = None
    """Why there is none, where what was asked cannot be met."""

    def save(self, path: Path) -> None:
        """Write the clip, whole or not at all. OutputError."""
        with atomic_path(path) as part:
            part.write_bytes(self.data)


class Worker:
    """Jobs come in on any thread; one thread of its own does them, several at once."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._jobs: SimpleQueue[tuple[Job, Future[Made]]] = SimpleQueue()
        self._answers: dict[str, Future[Made]] = {}
        self._door = threading.Lock()
        self._failure: BaseException | None = None
        self._refusal = ""
        try:
            self._run = self._open()
        except KinetokenError as error:
            self._refusal = str(error)
        else:
            threading.Thread(target=self._work, daemon=True).start()

    def ready(self) -> str:
        """Why this worker cannot work; empty where it can."""
        return self._refusal

    def make(self, job: Job) -> Made:
        """A job, done. KinetokenError where the engine failed: this worker then does no more."""
        answer: Future[Made] = Future()
        with self._door:
            if self._failure is not None:
                raise self._failure
            self._jobs.put((job, answer))
        return answer.result()

    def _open(self) -> BatchRun:
        from ..generation.bundle import bundle_folder, open_bundle
        from ..manifest.schema import MANIFEST_NAME
        from .folder import digest

        order, folder = self._order, bundle_folder(self._order.bundle)
        if order.version != __version__:
            raise InputError(
                f"expected kinetoken {order.version}, got {__version__}; install the same everywhere"
            )
        if digest(folder / MANIFEST_NAME) != order.bundle_sha256:
            raise InputError(
                f"{folder} is another model than where the batch was started; copy it there"
            )
        return BatchRun(open_bundle(folder, order.load), order.parallel)

    def _work(self) -> None:
        try:
            while True:
                while self._run.room and self._begin(wait=not self._run.busy):
                    pass
                for answer in self._run.step():
                    made = self._packed(
                        answer
                    )  # before its place is given up: who waits must hear of whatever goes wrong
                    self._answers.pop(answer.job.name).set_result(made)
        except BaseException as error:  # whatever it is, those who wait must hear of it
            self._fail(error)

    def _begin(self, wait: bool) -> bool:
        """Take in a job, if one is there; whether there may be more."""
        try:
            job, answer = self._jobs.get(block=wait)
        except Empty:
            return False
        try:
            self._answers[job.name] = answer
            self._run.begin(job)
        except InputError as error:
            self._answers.pop(job.name).set_result(Made(job, refused=str(error)))
        return True

    def _packed(self, answer: ClipAnswer) -> Made:
        """An answer as the bytes of its file; where that cannot be written, it alone is refused."""
        try:
            data = self._bytes(answer) if answer.frames else b""
        except (KinetokenError, OSError) as error:
            return Made(
                answer.job, refused=f"its clip cannot be written on the worker's machine: {error}"
            )
        return Made(answer.job, answer.frames, answer.seconds, answer.thought, data)

    def _bytes(self, answer: ClipAnswer) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"clip.{self._order.suffix}"
            answer.save(path)
            return path.read_bytes()

    def _fail(self, error: BaseException) -> None:
        with self._door:
            self._failure = error
            waiting = list(self._answers.values())
            while not self._jobs.empty():
                waiting.append(self._jobs.get()[1])
        for answer in waiting:
            answer.set_exception(error)
