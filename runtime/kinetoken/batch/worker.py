"""A worker on a machine of a cluster: one engine that answers several jobs at once.

Imports no Ray.
"""

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
from .batch_run import BatchRun
from .jobs import ClipAnswer, Job, Problem


@dataclass(frozen=True)
class WorkerSetup:
    """The model and the options of every worker."""

    bundle: str | None
    """Folder, the same on every machine; None: the demo, or what $KINETOKEN_BUNDLE says there."""
    bundle_sha256: str
    """Of its manifest."""
    load: LoadOptions
    parallel: int
    suffix: str
    """Of the clips."""
    version: str = __version__
    """Of kinetoken."""


@dataclass(frozen=True)
class PackedAnswer:
    """An answer on its way back, its clip as the bytes of a file."""

    job: Job
    frames: int = 0
    seconds: float = 0.0
    thought: str = ""
    data: bytes = b""
    refused: str | None = None
    """The reason why there is no clip."""

    def save(self, path: Path) -> None:
        """Write the clip, whole or not at all. OutputError."""
        with atomic_path(path) as part:
            part.write_bytes(self.data)


class Worker:
    """Takes jobs on any thread, and does several at once on a thread of its own."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._jobs: SimpleQueue[tuple[Job, Future[PackedAnswer]]] = SimpleQueue()
        self._answers: dict[str, tuple[Job, Future[PackedAnswer]]] = {}
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._refusal = ""
        try:
            self._run = self._open()
        except KinetokenError as error:
            self._refusal = str(error)
        else:
            threading.Thread(target=self._work, daemon=True).start()

    def ready(self) -> str:
        """The reason why this worker cannot work; empty where it can."""
        return self._refusal

    def make(self, job: Job) -> PackedAnswer:
        """Do a job. KinetokenError where the engine failed: this worker then does no more."""
        answer: Future[PackedAnswer] = Future()
        with self._lock:
            if self._failure is not None:
                raise self._failure
            self._jobs.put((job, answer))
        return answer.result()

    def _open(self) -> BatchRun:
        from ..generation.bundle import bundle_folder, open_bundle
        from ..manifest.schema import MANIFEST_NAME
        from .folder import digest

        setup, folder = self._setup, bundle_folder(self._setup.bundle)
        if setup.version != __version__:
            raise InputError(
                f"expected kinetoken {setup.version}, got {__version__}; "
                "install the same version everywhere"
            )
        if digest(folder / MANIFEST_NAME) != setup.bundle_sha256:
            raise InputError(
                f"{folder} is another model than where the batch was started; copy it there"
            )
        return BatchRun(open_bundle(folder, setup.load), setup.parallel)

    def _work(self) -> None:
        try:
            while True:
                while self._run.room and self._begin(wait=not self._run.busy):
                    pass
                for answer in self._run.step():
                    packed = self._packed(answer)  # first: its caller must hear of any error
                    self._answers.pop(packed.job.name)[1].set_result(packed)
        except BaseException as error:  # whatever it is, the callers must hear of it
            self._fail(error)

    def _begin(self, wait: bool) -> bool:
        """Take in a job, if one is there; False where none is."""
        try:
            job, answer = self._jobs.get(block=wait)
        except Empty:
            return False
        try:
            self._answers[job.name] = job, answer
            self._run.begin(job)
        except InputError as error:
            self._answers.pop(job.name)[1].set_result(PackedAnswer(job, refused=str(error)))
        return True

    def _packed(self, answer: ClipAnswer | Problem) -> PackedAnswer:
        """The answer as the bytes of its file; one that cannot be written is refused alone."""
        if isinstance(answer, Problem):
            assert answer.name is not None, "the problem of a job has its name"
            return PackedAnswer(self._answers[answer.name][0], refused=answer.message)
        try:
            data = self._bytes(answer) if answer.frames else b""
        except (KinetokenError, OSError) as error:
            refused = f"its clip cannot be written on the worker's machine: {error}"
            return PackedAnswer(answer.job, refused=refused)
        return PackedAnswer(answer.job, answer.frames, answer.seconds, answer.thought, data)

    def _bytes(self, answer: ClipAnswer) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"clip.{self._setup.suffix}"
            answer.save(path)
            return path.read_bytes()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = error
            waiting = [answer for _, answer in self._answers.values()]
            while not self._jobs.empty():
                waiting.append(self._jobs.get()[1])
        for answer in waiting:
            answer.set_exception(error)
