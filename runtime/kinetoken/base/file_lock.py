"""Files that one process writes at a time; the lock ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .atomic_file import check_writable
from .errors import OutputError
from .operating_system import remove_and_close, try_lock


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
        remove_and_close(lock, handle)


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
