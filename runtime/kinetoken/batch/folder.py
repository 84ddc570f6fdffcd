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
from ..errors import FormatError, InputError, OutputError
from ..writers.atomic import atomic_path, check_writable
from .jobs import Answer, Job, Problem, given

MANIFEST: Final = "batch.json"
REPORT: Final = "report.jsonl"
FORMAT: Final = "kinetoken-batch"
VERSION: Final = 1
MADE, FAILED = "made", "failed"
_ELSEWHERE: Final = "choose another folder, or --force to make them anew"


@dataclass(frozen=True)
class BatchInfo:
    """What made the clips of a folder."""

    bundle: str
    """Name of the model."""
    bundle_sha256: str
    """Of its manifest, which holds the digests of its files."""
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
        for key, word in (
            ("bundle_sha256", "model"),
            ("lookahead", "lookahead"),
            ("clips", "format"),
            ("seed", "seed"),
        ):
            here, there = getattr(self, key), getattr(other, key)
            if here != there:
                names = (self.bundle, other.bundle) if key == "bundle_sha256" else (here, there)
                return f"of another {word} ({names[0]}{'' if names[0] != names[1] else ', another file'})"
        return None


class BatchFolder:
    """Open for writing, by one process at a time."""

    def __init__(self, path: Path) -> None:
        """Makes the folder where it is not there. OutputError where it cannot be, or where another process writes into it."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {path}: {error.strerror}; choose another") from error
        check_writable(path / REPORT)
        self._lock = _lock(path)
        self._done: dict[str, dict[str, Any]] = {}
        self._report: Any = None

    def __enter__(self) -> BatchFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._report is not None:
            self._report.close()
        if self._lock is not None:
            os.close(self._lock)

    def seed(self, force: bool) -> int | None:
        """The seed of the batch that is here; None where there is none."""
        info = self._info(force)
        return None if info is None else info.seed

    def open(self, info: BatchInfo, jobs: Iterable[Job], force: bool) -> list[Job]:
        """The jobs that are left to do. InputError where clips of another run are in the way, unless `force`."""
        before = self._info(force)
        other = None if before is None else before.differs(info)
        made = {} if before is None else self._read_report()
        if other and made and not force:
            raise InputError(f"{self.path} holds clips {other}; {_ELSEWHERE}")
        self._done = {} if other else made
        left = [
            job for job in jobs if not self._has(job, info.clips, ours=before is not None and not other, force=force)
        ]
        with _told(self.path), atomic_path(self.path / MANIFEST) as part:
            said = {"format": FORMAT, "format_version": VERSION, "kinetoken": __version__, **asdict(info)}
            part.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
        self._write_report(self._done.values())
        self._report = (self.path / REPORT).open("a", encoding="utf-8")
        return left

    def file(self, job: Job, suffix: str) -> Path:
        """Where a job's clip belongs."""
        return self.path / f"{job.name}.{suffix}"

    def note(self, answer: Answer) -> None:
        """An answer has come to its end and its clip, if it has motion, is in its place."""
        job = answer.job
        row = {"id": job.name, "line": job.line, "status": MADE, "prompt": job.prompt, "options": given(job.options)}
        row |= {"frames": answer.frames, "seconds": answer.seconds, "thought": answer.thought, "request": job.request}
        self._done[job.name] = row
        with _told(self.path):
            self._report.write(json.dumps(row) + "\n")
            self._report.flush()

    def close(self, problems: Iterable[Problem]) -> None:
        """The report as a whole, in the order of the lines."""
        failed = [{"line": p.line, "status": FAILED, "error": p.message} for p in problems]
        self._report.close()
        self._write_report(sorted([*self._done.values(), *failed], key=lambda row: int(row["line"])))

    def _has(self, job: Job, suffix: str, *, ours: bool, force: bool) -> bool:
        """Whether a job is done already. InputError where something else is in its place, unless `force`."""
        row, there = self._done.get(job.name), self.file(job, suffix).exists()
        if row is not None and row["request"] == job.request and (there or not row["frames"]):
            row["line"] = job.line
            return True
        self._done.pop(job.name, None)
        if force or not there or (ours and row is None):  # made, but stopped before it was noted: made again
            return False
        what = "of another prompt or other options" if ours else "that no batch in this folder made"
        raise InputError(f"line {job.line}: {self.file(job, suffix)} is a clip {what}; {_ELSEWHERE}")

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
            raise InputError(f"{self.path / MANIFEST} is not of this kinetoken's batches; {_ELSEWHERE}") from error

    def _read_report(self) -> dict[str, dict[str, Any]]:
        """What was made, by name; lines that are not whole are left out."""
        found = {}
        with contextlib.suppress(OSError):
            for raw in (self.path / REPORT).read_bytes().splitlines():
                with contextlib.suppress(ValueError, RecursionError):
                    row = json.loads(raw)
                    if isinstance(row, dict) and row.get("status") == MADE and _is_whole(row):
                        found[row["id"]] = row
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


def _is_whole(row: Mapping[str, Any]) -> bool:
    kinds = {"id": str, "line": int, "request": str, "frames": int}
    return all(isinstance(row.get(key), kind) for key, kind in kinds.items())


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path / REPORT}: {error.strerror}; free some space") from error


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
        raise OutputError(f"another kinetoken batch writes into {path}; wait for it or choose another folder") from None
    except OSError:  # a file system that knows no locks
        os.close(handle)
        return None
    return handle
