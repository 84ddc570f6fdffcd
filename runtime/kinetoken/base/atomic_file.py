"""Files that are written whole or not at all: beside their place, flushed to disk, then moved."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import platform
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .errors import OutputError
from .operating_system import move_into_place, process_exists, read_system_file

_PART: Final = re.compile(r"\.([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}\.part(\.\w+)?")
"""Of a half: where and in which process it is written, and a number of its own."""
STALE_SECONDS: Final = 86_400.0
"""Without a change, after which nobody still writes a half, whichever machine shares the folder."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_mine: set[str] = set()  # names of the halves that this process writes now
_swept: set[Path] = set()


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new empty file with the same suffix; it replaces `path` when the block ends well.

    If the block ends otherwise, `path` stays as it was and nothing is left beside it. OutputError
    says what is wrong. A process that is killed leaves its half behind, which the next one to write
    into the folder removes.
    """
    with _told(path):
        target = Path(os.path.realpath(path))  # through a link, the file it leads to
        if target.parent not in _swept:
            _swept.add(target.parent)
            _sweep(target.parent)
        with _file_beside(target) as part:
            mode = part.stat().st_mode
            yield part
            part.chmod(mode)  # some libraries put a private file of their own in its place
            _flush(part)
            move_into_place(part, target)
        flush_folder(target.parent)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise OutputError now if `path` cannot be written later. Writes nothing there."""
    with _told(path), _file_beside(Path(os.path.realpath(path))):
        pass


def remove_leftovers(folder: Path) -> None:
    """Remove what processes left that were killed while they wrote.

    Call it only if nobody else writes to this folder.
    """
    for part in folder.glob(".*.part*"):
        if _PART.fullmatch(part.name):
            with contextlib.suppress(OSError):
                part.unlink()


@contextlib.contextmanager
def _file_beside(target: Path) -> Iterator[Path]:
    """Yield a new empty file in the target's folder, which is removed unless the block moved it."""
    with contextlib.suppress(FileNotFoundError):
        if not os.path.isfile(target) and os.stat(target):
            raise OutputError(
                f"cannot write {target}: it is not a regular file; choose a file name"
            )
    if not target.parent.is_dir():
        raise OutputError(
            f"cannot write {target}: there is no folder {target.parent}; make it first"
        )
    number = secrets.token_hex(4)
    part = target.with_name(f".{_place()}-{os.getpid()}-{number}.part{target.suffix}")
    _mine.add(part.name)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield part
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        _mine.discard(part.name)


def _sweep(folder: Path) -> None:
    """Remove halves that nobody writes any more: their process is gone, or they are old."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            found = _PART.fullmatch(name)
            if found is not None and name not in _mine:
                with contextlib.suppress(OSError):
                    here = found[1] == _place()
                    age = time.time() - (folder / name).stat().st_mtime
                    if age > STALE_SECONDS or (here and not _alive(int(found[2]))):
                        (folder / name).unlink(missing_ok=True)


@functools.cache
def _place() -> str:
    """Eight digits for this machine and its numbering of processes, since it was last started."""
    told = [platform.node()]
    with contextlib.suppress(OSError):
        told += [read_system_file(_BOOT), os.readlink("/proc/self/ns/pid")]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _alive(process: int) -> bool:
    """Tell if another process has this number; True if nobody can say."""
    if process == os.getpid():  # which does not write this half: one before had its number
        return False
    return process_exists(process) is not False


@contextlib.contextmanager
def _told(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the system's errors into one line for the user."""
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
    """Write a folder's names to disk, if the system lets folders be opened."""
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
