"""The folder of a batch: its clips, what made them (batch.json), and what became of every line (report.jsonl)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from .. import __version__
from ..base.atomic_file import atomic_path, check_writable, tidy
from ..base.errors import FormatError, InputError, OutputError
from ..motion.clip import Clip
from .jobs import Answer, Job, Problem, given

MANIFEST: Final = "batch.json"
REPORT: Final = "report.jsonl"
FORMAT: Final = "kinetoken-batch"
VERSION: Final = 1
MADE, BEGUN, FAILED = "made", "begun", "failed"
HERE: Final = "local"
_ELSEWHERE: Final = "choose another folder, or --force to make them anew"
_WORDS: Final = {
    "engine": "engine", "engine_model": "model on the server", "lookahead": "lookahead", "clips": "format", "seed": "seed",
}  # fmt: skip


@dataclass(frozen=True)
class BatchInfo:
    """What made the clips of a folder."""

    bundle: str
    """Name of the model."""
    bundle_sha256: str
    """Of its manifest, which holds the digests of its files."""
    engine: str
    """Kind of the server that writes the answers; "local": the bundle's own model does."""
    engine_model: str | None
    """The server's name for its model."""
    lookahead: int
    clips: str
    """Suffix of the clips."""
    seed: int
    """From which the seeds of lines follow that have none."""
    parallel: int
    """Answers at once when it was last run."""
    prompts: str
    """Name of the prompts file when it was last read."""
    prompts_sha256: str

    def differs(self, other: BatchInfo) -> str | None:
        """In which of the things that make a clip another one differs, in words; None: in none."""
        if self.bundle_sha256 != other.bundle_sha256:
            return f"of another model ({self.bundle}{', another file' if self.bundle == other.bundle else ''})"
        for key, word in _WORDS.items():
            here = getattr(self, key)
            if here != getattr(other, key):
                return f"of another {word} ({here})"
        return None


class BatchFolder:
    """Of one process at a time; made when it is opened for writing."""

    def __init__(self, path: Path) -> None:
        """OutputError where it cannot be made or written into, or where another process writes into it."""
        self.path = path
        self._lock: int | None = None
        self._done: dict[str, dict[str, Any]] = {}
        self._begun: dict[str, dict[str, Any]] = {}
        self._report: Any = None
        if path.exists():
            self._enter()
        else:
            _check_can_be_made(path)

    def __enter__(self) -> BatchFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._report is not None:
            self._report.close()
        if self._lock is not None:
            os.close(self._lock)

    def seed(self, force: bool) -> int | None:
        """The seed of the batch that is here; None where there is none."""
        info = self._info(force)
        return None if info is None else info.seed

    def left(self, info: BatchInfo, jobs: Iterable[Job], force: bool) -> list[Job]:
        """The jobs that are left to do, those last that failed before; writes nothing.

        InputError where clips of another run are in the way, unless `force`.
        """
        before = self._info(force)
        other = None if before is None else before.differs(info)
        rows = [] if before is None else self._read_report()
        made = {row["id"]: row for row in rows if row["status"] == MADE}
        if other and made and not force:
            raise InputError(f"{self.path} holds clips {other}; {_ELSEWHERE}")
        self._done = {} if other else made
        self._begun = (
            {}
            if other
            else {
                row["id"]: row for row in rows if row["status"] == BEGUN and row["id"] not in made
            }
        )
        ours = before is not None and not other
        left = [job for job in jobs if not self._has(job, info, ours=ours, force=force)]
        failed = {row["request"] for row in rows if row["status"] == FAILED}
        return sorted(left, key=lambda job: job.request in failed)

    def open(self, info: BatchInfo, jobs: Iterable[Job], force: bool) -> list[Job]:
        """As `left`, and from now on what is made is written here. OutputError."""
        if self._lock is None:
            self._enter()
        left = self.left(info, jobs, force)
        if self._lock is not None:
            tidy(self.path)
        with _told(self.path), atomic_path(self.path / MANIFEST) as part:
            said = {
                "format": FORMAT,
                "format_version": VERSION,
                "kinetoken": __version__,
                **asdict(info),
            }
            part.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
        self._write_report([*self._done.values(), *self._begun.values()])
        self._report = (self.path / REPORT).open("a", encoding="utf-8")
        return left

    def _enter(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make the folder {self.path}: {error.strerror}; choose another"
            ) from error
        check_writable(self.path / REPORT)
        self._lock = _lock(self.path)

    def file(self, job: Job, suffix: str) -> Path:
        """Where a job's clip belongs."""
        return self.path / f"{job.name}.{suffix}"

    def begin(self, job: Job) -> None:
        """A job's clip is about to be put into its place: should this end in the middle, it is known to be this batch's."""
        row = {
            "id": job.name,
            "line": job.line,
            "status": BEGUN,
            "prompt": job.prompt,
            "request": job.request,
        }
        self._begun[job.name] = row
        self._append(row)
        with _told(self.path):
            os.fsync(self._report.fileno())

    def note(self, answer: Answer) -> None:
        """An answer has come to its end and its clip, if it has motion, is in its place."""
        job = answer.job
        row = {
            "id": job.name,
            "line": job.line,
            "status": MADE,
            "prompt": job.prompt,
            "options": given(job.options),
        }
        row |= {
            "frames": answer.frames,
            "seconds": answer.seconds,
            "thought": answer.thought,
            "request": job.request,
        }
        self._append(row)
        self._done[job.name] = row
        self._begun.pop(job.name, None)

    def close(self, problems: Iterable[Problem]) -> None:
        """The report as a whole, in the order of the lines."""
        failed = [problem.row | {"status": FAILED} for problem in problems]
        self._report.close()
        rows = [*self._done.values(), *self._begun.values(), *failed]
        self._write_report(sorted(rows, key=lambda row: int(row["line"])))

    def _append(self, row: Mapping[str, Any]) -> None:
        with _told(self.path):
            self._report.write(json.dumps(row) + "\n")
            self._report.flush()

    def _has(self, job: Job, info: BatchInfo, *, ours: bool, force: bool) -> bool:
        """Whether a job is done already. InputError where something else is in its place, unless `force`."""
        path, row = self.file(job, info.clips), self._done.get(job.name)
        there = path.exists()
        if row is not None and row["request"] == job.request and (there or not row["frames"]):
            row["line"] = job.line
            return True
        known = self._done.pop(job.name, None) or self._begun.get(job.name)
        if not there:
            self._begun.pop(job.name, None)
        if force or not there or (row is None and ours and self._began(job, path, info.seed)):
            return False
        what = (
            "of another prompt or other options" if known else "that no batch in this folder made"
        )
        raise InputError(f"line {job.line}: {path} is a clip {what}; {_ELSEWHERE}")

    def _began(self, job: Job, path: Path, seed: int) -> bool:
        """Whether a clip that is not noted as made is what this job left when it was stopped."""
        begun = self._begun.get(job.name)
        return begun["request"] == job.request if begun else is_clip_of(job.seeded(seed), path)

    def _info(self, force: bool) -> BatchInfo | None:
        """What the folder says of itself; None where it says nothing. InputError where it is of something else."""
        try:
            said = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
            names = [field.name for field in fields(BatchInfo)]
            if said.get("format") != FORMAT or said.get("format_version") != VERSION:
                raise KeyError("format")
            return BatchInfo(**{name: said[name] for name in names})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            if force:
                return None
            raise InputError(
                f"{self.path / MANIFEST} is not of this kinetoken's batches; {_ELSEWHERE}"
            ) from error

    def _read_report(self) -> list[dict[str, Any]]:
        """Its rows; those that are not whole are left out."""
        found = []
        with contextlib.suppress(OSError):
            for raw in (self.path / REPORT).read_bytes().splitlines():
                with contextlib.suppress(ValueError, RecursionError):
                    row = json.loads(raw)
                    if isinstance(row, dict) and _is_whole(row):
                        found.append(row)
        return found

    def _write_report(self, rows: Iterable[Mapping[str, Any]]) -> None:
        with _told(self.path), atomic_path(self.path / REPORT) as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def digest(path: Path) -> str:
    """sha256 of a small file; FormatError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}; check the path") from error


def is_clip_of(job: Job, path: Path) -> bool:
    """Whether a file is a clip that says itself that it was made of this prompt with this seed; of the formats, .npz does."""
    if path.suffix != ".npz":
        return False
    try:
        clip = Clip.load(path)
    except FormatError:
        return False
    return (clip.prompt, clip.seed) == (job.prompt, job.options.seed)


def _is_whole(row: Mapping[str, Any]) -> bool:
    kinds: dict[str, type] = {"id": str, "line": int, "request": str}
    if row.get("status") == MADE:
        kinds["frames"] = int
    return row.get("status") in (MADE, BEGUN, FAILED) and all(
        isinstance(row.get(key), kind) for key, kind in kinds.items()
    )


def _check_can_be_made(path: Path) -> None:
    """OutputError where there is no folder that a new one could be made in."""
    above = next((folder for folder in path.absolute().parents if folder.exists()), Path("/"))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(
            f"cannot make the folder {path}: {above} is no folder to write into; choose another"
        )


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write {path / REPORT}: {error.strerror}; free some space"
        ) from error


def _lock(path: Path) -> int | None:
    """The folder for this process alone, until it ends however it ends. OutputError where another one has it."""
    try:
        import fcntl
    except ImportError:  # Windows: nobody is kept out
        return None
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise OutputError(
            f"another kinetoken batch writes into {path}; wait for it or choose another folder"
        ) from None
    except OSError:  # a file system that knows no locks
        os.close(handle)
        return None
    return handle
