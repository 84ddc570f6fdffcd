"""Files are written whole or not at all: beside their place, flushed to the disk, then moved there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .errors import OutputError

_PART: Final = re.compile(r"\.[0-9a-f]{16}\.part(\.\w+)?")


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], *, long: bool = False) -> Iterator[Path]:
    """A new empty file to write, with the same suffix; it takes the place of `path` when the block ends well.

    Whatever ends the block otherwise leaves `path` as it was and nothing beside it. OutputError says what is wrong.
    `long`: it is written for so long that the process may be killed meanwhile, which leaves the half behind; it has the
    target's name and the process's in it, and the next that writes there takes it away.
    """
    with _told(path):
        target = Path(os.path.realpath(path))  # through a link, the file it leads to
        if long:
            _sweep(target)
        with _file_beside(target, f"{target.stem[:80]}.{os.getpid()}" if long else "") as part:
            mode = part.stat().st_mode
            yield part
            part.chmod(
                mode
            )  # some libraries put a file of their own in its place, readable by nobody else
            _flush(part)
            os.replace(part, target)
        flush_folder(target.parent)


def check_writable(path: str | os.PathLike[str]) -> None:
    """OutputError where `path` cannot be written, asked before the work instead of after it. Writes nothing there."""
    with _told(path), _file_beside(Path(os.path.realpath(path))):
        pass


def remove_leftovers(folder: Path) -> None:
    """Remove what processes left that were killed while they wrote; only for who knows that nobody else writes there."""
    for part in folder.glob(".*.part*"):
        if _PART.fullmatch(part.name):
            with contextlib.suppress(OSError):
                part.unlink()


@contextlib.contextmanager
def _file_beside(target: Path, name: str = "") -> Iterator[Path]:
    """A new empty file in the target's folder, gone when the block ends unless it was moved."""
    with contextlib.suppress(FileNotFoundError):
        if not os.path.isfile(target) and os.stat(target):
            raise OutputError(
                f"cannot write {target}: it is not a regular file; choose a file name"
            )
    if not target.parent.is_dir():
        raise OutputError(
            f"cannot write {target}: there is no folder {target.parent}; make it first"
        )
    part = target.with_name(f".{name or secrets.token_hex(8)}.part{target.suffix}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield part
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _sweep(target: Path) -> None:
    """Halves of this file go whose process is no more (or was this one's number once)."""
    pattern = re.compile(rf"\.{re.escape(target.stem[:80])}\.(\d+)\.part{re.escape(target.suffix)}")
    with contextlib.suppress(OSError):
        for name in os.listdir(target.parent):
            found = pattern.fullmatch(name)
            if found is not None and not _alive(int(found[1])):
                target.with_name(name).unlink(missing_ok=True)


def _alive(process: int) -> bool:
    """Whether another process has this number; True where nobody can say."""
    if os.name != "posix":
        return True
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextlib.contextmanager
def _told(path: str | os.PathLike[str]) -> Iterator[None]:
    """The system's errors as one line for the user."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; {_advice(error)}"
        ) from error


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def flush_folder(folder: Path) -> None:
    """Names in a folder reach the disk. Best effort: not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space or choose another place"
    if error.errno == errno.ENAMETOOLONG:
        return "choose a shorter name"
    return "choose a place that you may write to"
