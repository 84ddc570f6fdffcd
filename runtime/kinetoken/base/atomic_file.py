"""Files that are written whole or not at all: beside their place, flushed to disk, then moved."""

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
    """Yield a new empty file with the same suffix; it replaces `path` when the block ends well.

    If the block ends otherwise, `path` stays as it was and nothing is left beside it. OutputError
    says what is wrong.

    `long`: writing takes so long that the process may be killed meanwhile, which leaves the half
    behind. Its name holds the target's and the process's, so the next writer removes it.
    """
    with _told(path):
        target = Path(os.path.realpath(path))  # through a link, the file it leads to
        if long:
            _sweep(target)
        with _file_beside(target, f"{target.stem[:80]}.{os.getpid()}" if long else "") as part:
            mode = part.stat().st_mode
            yield part
            part.chmod(mode)  # some libraries put a private file of their own in its place
            _flush(part)
            os.replace(part, target)
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
def _file_beside(target: Path, name: str = "") -> Iterator[Path]:
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
    part = target.with_name(f".{name or secrets.token_hex(8)}.part{target.suffix}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield part
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _sweep(target: Path) -> None:
    """Remove halves of this file whose process is gone, or was this one's number once."""
    pattern = re.compile(rf"\.{re.escape(target.stem[:80])}\.(\d+)\.part{re.escape(target.suffix)}")
    with contextlib.suppress(OSError):
        for name in os.listdir(target.parent):
            found = pattern.fullmatch(name)
            if found is not None and not _alive(int(found[1])):
                target.with_name(name).unlink(missing_ok=True)


def _alive(process: int) -> bool:
    """Tell if another process has this number; True if nobody can say."""
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
