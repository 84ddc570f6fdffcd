"""A folder that appears whole or not at all, and replaces an old one in a single step."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from kinetoken.base.atomic_file import flush_folder
from kinetoken.base.errors import OutputError
from kinetoken.base.operating_system import c_function, remove_and_close, try_lock

_TAKEN: Final = (errno.EEXIST, errno.ENOTEMPTY)
_AT_FDCWD: Final = -100  # fcntl.h: paths relative to the working directory
_EXCHANGE: Final = 2  # RENAME_EXCHANGE of linux/fs.h, and RENAME_SWAP of macOS' sys/stdio.h


@contextmanager
def new_folder(out: Path, force: bool = False) -> Iterator[Path]:
    """Make a folder beside `out` to build in.

    It becomes `out` when the block ends well, and is gone when it does not. A process killed half
    way leaves a hidden folder behind, which the next one that builds the same `out` removes.
    OutputError where `out` exists and `force` does not say to replace it, where its folder cannot
    be written, or where the disk is full.
    """
    out = Path(os.path.abspath(out))
    _check_place(out, force)
    building = out.parent / f"{_prefix(out)}{secrets.token_hex(6)}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        with _locked(_lock_of(building)):
            try:
                building.mkdir(mode=0o755)
                yield building
                _put_in_place(building, out, force)
            finally:  # what is left is a half-built folder, or the one that was replaced
                shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        if isinstance(error, OutputError) or error.strerror is None:
            raise
        kept = "; what was there is unchanged" if force else ""
        raise OutputError(
            f"cannot write {out}: {error.strerror}; free some space or give another folder{kept}"
        ) from error


def _check_place(out: Path, force: bool) -> None:
    if os.path.lexists(out) and not force:
        raise OutputError(f"{out} exists: give another folder with -o, or --force to replace it")
    if os.path.lexists(out) and (out.is_symlink() or not out.is_dir()):
        raise OutputError(f"{out} is not a folder: give another folder with -o, or remove it first")


def _prefix(out: Path) -> str:
    return f".{out.name}.new."


def _lock_of(building: Path) -> Path:
    return building.with_name(f"{building.name}.lock")


def _aside_of(building: Path) -> Path:
    return building.with_name(f"{building.name}.old")


def _sweep(out: Path) -> None:
    """Remove what killed processes left: folders whose lock nobody holds."""
    for lock in out.parent.glob(f"{_prefix(out)}*.lock"):
        building = lock.with_name(lock.name.removesuffix(".lock"))
        with suppress(OSError):
            handle = os.open(lock, os.O_RDWR)
            if not try_lock(handle):
                os.close(handle)
                continue
            if _aside_of(building).exists() and not os.path.lexists(out):
                os.replace(_aside_of(building), out)  # killed between the two renames
            shutil.rmtree(_aside_of(building), ignore_errors=True)
            shutil.rmtree(building, ignore_errors=True)
            remove_and_close(lock, handle)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file that tells others this process is still at work."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try_lock(handle)
        yield
    finally:
        remove_and_close(path, handle)


def _put_in_place(building: Path, out: Path, force: bool) -> None:
    for path in building.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    if not force or not os.path.lexists(out):
        try:
            os.rename(building, out)
        except OSError as error:
            _check_place(out, force)  # another process may have come first
            if not force or error.errno not in _TAKEN:
                raise
            _put_in_place(building, out, force)
    elif not _exchange(building, out):
        _step_aside(building, out)
    flush_folder(out.parent)


def _step_aside(building: Path, out: Path) -> None:
    """Replace a folder in two steps, on systems that cannot swap two folders.

    The old one steps aside first and comes back if anything fails.
    """
    aside = _aside_of(building)
    os.replace(out, aside)
    try:
        os.replace(building, out)
    except BaseException:
        os.replace(aside, out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False where the system or its file system cannot."""
    call = find_swap_function()
    if call is None:
        return False
    if call(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(other))


def find_swap_function() -> Callable[[bytes, bytes], int] | None:
    """Find the system's function that swaps two paths; None where it has none."""
    if (swap := c_function("renamex_np")) is not None:  # macOS
        return lambda a, b: int(swap(a, b, _EXCHANGE))
    if (rename := c_function("renameat2")) is not None:  # Linux
        return lambda a, b: int(rename(_AT_FDCWD, a, _AT_FDCWD, b, _EXCHANGE))
    return None
