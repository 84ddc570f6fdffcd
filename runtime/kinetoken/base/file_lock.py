"""Locks that end with their process, however it ends: the one place that asks the system for them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .atomic_file import check_writable
from .errors import OutputError

_BYTE: Final = 1 << 30
"""The byte that stands for the file on Windows, where nobody reads or writes what is locked."""


def try_lock(handle: int) -> bool | None:
    """Lock an open file: True if it is ours now, False if another has it.

    None if this system, or the file system below, has no locks. Closing the file gives the lock
    back.
    """
    try:
        import fcntl
    except ImportError:
        return _try_lock_of_windows(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _try_lock_of_windows(handle: int) -> bool | None:
    try:
        import msvcrt
    except ImportError:
        return None
    place = os.lseek(handle, 0, os.SEEK_CUR)
    try:
        os.lseek(handle, _BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except OSError:
        return False
    finally:
        os.lseek(handle, place, os.SEEK_SET)
    return True


@contextlib.contextmanager
def sole_writer(path: str | os.PathLike[str], who: str) -> Iterator[None]:
    """Hold a file that is replaced as a whole, from its first reading to its last writing.

    The lock is a file beside it, which goes with the block. OutputError where another process has
    it: "`who` writes into PATH".
    """
    check_writable(path)
    target = Path(os.path.realpath(path))
    lock = target.with_name(f".{target.name}.lock")
    handle = _opened(lock, path)
    while (ours := try_lock(handle)) is not False:
        if ours is None or _is_still(handle, lock):
            break
        os.close(handle)  # the one before removed it between our opening and locking
        handle = _opened(lock, path)
    else:
        os.close(handle)
        raise OutputError(f"{who} writes into {path}; end it, or name another file")
    try:
        yield
    finally:
        if os.name == "posix":  # while it is ours: another's would be another file
            lock.unlink(missing_ok=True)
        os.close(handle)
        if os.name != "posix":
            with contextlib.suppress(OSError):
                lock.unlink(missing_ok=True)


def _opened(lock: Path, path: str | os.PathLike[str]) -> int:
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}; choose a place that you may write to"
        ) from error


def _is_still(handle: int, lock: Path) -> bool:
    """Tell if the open file is the one that has this name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(lock))
    except OSError:
        return False
