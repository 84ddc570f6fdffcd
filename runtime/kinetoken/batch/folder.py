"""The folder of a batch: its clips, how they were made (batch.json), and the result of every line
(report.jsonl)."""

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
from ..base.atomic_file import atomic_path, check_writable, remove_leftovers
from ..base.errors import FormatError, InputError, OutputError
from ..base.input_file import read_input, read_input_text
from ..base.json_text import parse_json
from ..base.operating_system import try_lock
from ..motion.clip import Clip
from .jobs import Job, JobAnswer, Problem, given_options

BATCH_FILE: Final = "batch.json"
_LOCK_FILE: Final = ".lock"
REPORT_FILE: Final = "report.jsonl"
LOCAL_ENGINE: Final = "local"
_FORMAT: Final = "kinetoken-batch"
_VERSION: Final = 1
_MADE, _BEGUN, _FAILED = "made", "begun", "failed"
_ADVICE: Final = "choose another folder, or use --force to replace them"
_DIFFERENCES: Final = {
    "engine": "engine",
    "engine_model": "model on the server",
    "lookahead": "lookahead",
    "clips": "format",
    "seed": "seed",
}


@dataclass(frozen=True)
class BatchInfo:
    """The model, engine and settings that made the clips of a folder."""

    bundle: str
    """Name of the model."""
    bundle_sha256: str
    """Of its manifest, which holds the digests of its files."""
    engine: str
    """Kind of the server that writes the answers; "local" for the bundle's own model."""
    engine_model: str | None
    """The server's name for its model."""
    lookahead: int
    clips: str
    """Suffix of the clips."""
    seed: int
    """Base of the seeds of lines without one."""
    parallel: int
    """Answers at once in the last run."""
    prompts: str
    """Name of the prompts file in the last run."""
    prompts_sha256: str

    def differs(self, other: BatchInfo) -> str | None:
        """Say why clips made with the other settings would differ; None: they would not."""
        if self.bundle_sha256 != other.bundle_sha256:
            same_name = ", another file" if self.bundle == other.bundle else ""
            return f"of another model ({self.bundle}{same_name})"
        for key, word in _DIFFERENCES.items():
            here = getattr(self, key)
            if here != getattr(other, key):
                return f"of another {word} ({here})"
        return None


class BatchFolder:
    """The folder of a batch, held by one process at a time.

    Created when it is opened for writing.
    """

    def __init__(self, path: Path) -> None:
        """OutputError where it cannot be written, or where another process writes into it."""
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
        """The seed of the batch in this folder; None where there is no batch."""
        info = self._info(force)
        return None if info is None else info.seed

    def left(self, info: BatchInfo, jobs: Iterable[Job], force: bool) -> list[Job]:
        """The jobs left to do, with those that failed before at the end; writes nothing.

        InputError where clips of another run are in the way, unless `force`.
        """
        before = self._info(force)
        other = None if before is None else before.differs(info)
        rows = [] if before is None else self._read_report()
        made = {row["id"]: row for row in rows if row["status"] == _MADE}
        if other and made and not force:
            raise InputError(f"{self.path} holds clips {other}; {_ADVICE}")
        self._done = {} if other else made
        self._begun = (
            {}
            if other
            else {
                row["id"]: row for row in rows if row["status"] == _BEGUN and row["id"] not in made
            }
        )
        ours = before is not None and not other
        left = [job for job in jobs if not self._has(job, info, ours=ours, force=force)]
        failed = {row["request"] for row in rows if row["status"] == _FAILED}
        return sorted(left, key=lambda job: job.request in failed)

    def open(self, info: BatchInfo, jobs: Iterable[Job], force: bool) -> list[Job]:
        """The jobs left to do; opens the folder for their clips. InputError, OutputError."""
        if self._lock is None:
            self._enter()
        left = self.left(info, jobs, force)
        if self._lock is not None:
            remove_leftovers(self.path)
        with _output_errors(self.path), atomic_path(self.path / BATCH_FILE) as part:
            content = {
                "format": _FORMAT,
                "format_version": _VERSION,
                "kinetoken": __version__,
                **asdict(info),
            }
            part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        self._write_report([*self._done.values(), *self._begun.values()])
        self._report = (self.path / REPORT_FILE).open("a", encoding="utf-8")
        return left

    def _enter(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot create the folder {self.path}: {error.strerror}; choose another"
            ) from error
        check_writable(self.path / REPORT_FILE)
        self._lock = _lock(self.path)

    def file(self, job: Job, suffix: str) -> Path:
        """The path of a job's clip."""
        return self.path / f"{job.name}.{suffix}"

    def begin(self, job: Job) -> None:
        """Note that a job's clip is about to be written, in case of a crash before its `note`."""
        row = {
            "id": job.name,
            "line": job.line,
            "status": _BEGUN,
            "prompt": job.prompt,
            "request": job.request,
        }
        self._begun[job.name] = row
        self._append(row)
        with _output_errors(self.path):
            os.fsync(self._report.fileno())

    def note(self, answer: JobAnswer) -> None:
        """Note that a job is done and its clip, if it has motion, is written."""
        job = answer.job
        row = {
            "id": job.name,
            "line": job.line,
            "status": _MADE,
            "prompt": job.prompt,
            "options": given_options(job.options),
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
        """Write the whole report, in the order of the lines."""
        failed = [problem.row | {"status": _FAILED} for problem in problems]
        self._report.close()
        rows = [*self._done.values(), *self._begun.values(), *failed]
        self._write_report(sorted(rows, key=lambda row: int(row["line"])))

    def _append(self, row: Mapping[str, Any]) -> None:
        with _output_errors(self.path):
            self._report.write(json.dumps(row) + "\n")
            self._report.flush()

    def _has(self, job: Job, info: BatchInfo, *, ours: bool, force: bool) -> bool:
        """True for a job that is done.

        InputError where another file is in its place, unless `force`.
        """
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
        raise InputError(f"line {job.line}: {path} is a clip {what}; {_ADVICE}")

    def _began(self, job: Job, path: Path, seed: int) -> bool:
        """True for an unnoted clip that this job left when it was interrupted."""
        begun = self._begun.get(job.name)
        return begun["request"] == job.request if begun else is_clip_of(job.seeded(seed), path)

    def _info(self, force: bool) -> BatchInfo | None:
        """Read batch.json; None where there is none. InputError where it is something else."""
        try:
            said = parse_json(read_input_text(self.path / BATCH_FILE))
            names = [field.name for field in fields(BatchInfo)]
            if said.get("format") != _FORMAT or said.get("format_version") != _VERSION:
                raise KeyError("format")
            return BatchInfo(**{name: said[name] for name in names})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            if force:
                return None
            raise InputError(
                f"{self.path / BATCH_FILE} is not a batch of this version of kinetoken; {_ADVICE}"
            ) from error

    def _read_report(self) -> list[dict[str, Any]]:
        """Read the rows of the report; incomplete ones are left out."""
        found = []
        with contextlib.suppress(OSError):
            for raw in read_input(self.path / REPORT_FILE).splitlines():
                with contextlib.suppress(ValueError):
                    row = parse_json(raw)
                    if isinstance(row, dict) and _is_whole(row):
                        found.append(row)
        return found

    def _write_report(self, rows: Iterable[Mapping[str, Any]]) -> None:
        with _output_errors(self.path), atomic_path(self.path / REPORT_FILE) as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def digest(path: Path) -> str:
    """The sha256 of a small file; FormatError where it cannot be read."""
    try:
        return hashlib.sha256(read_input(path)).hexdigest()
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}; check the path") from error


def is_clip_of(job: Job, path: Path) -> bool:
    """True for an .npz file that names this prompt and this seed itself."""
    if path.suffix != ".npz":
        return False
    try:
        clip = Clip.load(path)
    except FormatError:
        return False
    return (clip.prompt, clip.seed) == (job.prompt, job.options.seed)


def _is_whole(row: Mapping[str, Any]) -> bool:
    kinds: dict[str, type] = {"id": str, "line": int, "request": str}
    if row.get("status") == _MADE:
        kinds["frames"] = int
    return row.get("status") in (_MADE, _BEGUN, _FAILED) and all(
        isinstance(row.get(key), kind) for key, kind in kinds.items()
    )


def _check_can_be_made(path: Path) -> None:
    """OutputError where no existing folder above can be written into."""
    above = next((folder for folder in path.absolute().parents if folder.exists()), Path("/"))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(
            f"cannot create the folder {path}: {above} cannot be written into; choose another"
        )


@contextlib.contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write {path / REPORT_FILE}: {error.strerror}; free some space"
        ) from error


def _lock(path: Path) -> int | None:
    """Lock the folder until this process ends, however it ends; None where there are no locks.

    OutputError where another has it.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        handle = os.open(path / _LOCK_FILE, os.O_RDWR | os.O_CREAT)
    ours = try_lock(handle)
    if ours:
        return handle
    os.close(handle)
    if ours is False:
        raise OutputError(
            f"another kinetoken batch writes into {path}; wait for it or choose another folder"
        )
    return None
