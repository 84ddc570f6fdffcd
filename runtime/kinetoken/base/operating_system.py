"""What differs between operating systems: the one module that knows, so that all others can ask.

Linux has everything here. macOS has no /proc, no `sched_getaffinity`, and other functions in its C
library; Windows has no C library to ask, no `fcntl`, no `resource`, no SIGHUP, and files that are
open cannot be moved or removed there. What a system cannot tell is None or empty, never a guess.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

LINUX: Final = sys.platform.startswith("linux")
MACOS: Final = sys.platform == "darwin"
WINDOWS: Final = os.name == "nt"
_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
STOP_SIGNALS: Final[tuple[int, ...]] = tuple(
    int(getattr(signal, name)) for name in _NAMES if hasattr(signal, name)
)
"""Signals that ask a program to stop."""
_LOCKED_BYTE: Final = 1 << 30
"""The byte that stands for the file on Windows, where nobody reads or writes what is locked."""
_MOVE_SECONDS: Final = 2.0
"""For which a file may be held open by a virus scanner or an indexer of Windows."""


def c_function(name: str) -> Any | None:
    """A function of the C library of this process; None where there is none of this name."""
    import ctypes

    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no such library
        return None


def library_file(stem: str) -> str:
    """The name of a shared library, such as libggml.so for "ggml"."""
    if WINDOWS:
        return f"{stem}.dll"
    return f"lib{stem}.dylib" if MACOS else f"lib{stem}.so"


def read_system_file(path: Path) -> str:
    """A text of /proc or /sys; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def clock_ticks() -> int | None:
    """Ticks per second in which the system counts the time of its cores."""
    sysconf = getattr(os, "sysconf", None)
    with contextlib.suppress(OSError, ValueError):
        return None if sysconf is None else int(sysconf("SC_CLK_TCK"))
    return None


def usable_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def address_space_left() -> int | None:
    """Bytes below this process's limit of its address space (ulimit -v); None without one."""
    try:
        import resource
    except ImportError:
        return None
    limit, pages = resource.getrlimit(resource.RLIMIT_AS)[0], _pages_in_use()
    if limit == resource.RLIM_INFINITY or pages is None:
        return None
    return max(0, limit - pages * resource.getpagesize())


def _pages_in_use() -> int | None:
    words = read_system_file(Path("/proc/self/statm")).split()
    return int(words[0]) if words else None


def limit_address_space(most: int) -> None:
    """Allow this process so many bytes, and no core dump, where the system has such limits."""
    try:
        import resource
    except ImportError:
        return
    for kind, limit in ((resource.RLIMIT_AS, most), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):  # macOS refuses RLIMIT_AS
            resource.setrlimit(kind, (limit, limit))


def peak_resident_bytes() -> int | None:
    """The most memory that this process held, counted by the system; None if it does not count."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if MACOS else peak * 1024


def run_nicely(step: int) -> None:
    """Give way to other programs by so much, where the system knows niceness."""
    nice = getattr(os, "nice", None)
    if nice is not None:
        nice(step)


def process_exists(number: int) -> bool | None:
    """Tell if a process has this number; None if the system cannot say."""
    if WINDOWS:  # where os.kill(number, 0) is Ctrl-C
        return None
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return None
    return True


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
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except OSError:
        return False
    finally:
        os.lseek(handle, place, os.SEEK_SET)
    return True


def remove_and_close(path: Path, handle: int) -> None:
    """Remove a file that this process has locked and open: while it is ours, if the system can."""
    with contextlib.suppress(OSError):
        if WINDOWS:
            os.close(handle)
            path.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
            os.close(handle)


def move_into_place(source: Path, target: Path) -> None:
    """Rename a file over another. OSError; Windows is asked again while somebody reads the other."""
    end = time.monotonic() + (_MOVE_SECONDS if WINDOWS else 0.0)
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.05)


def bind_alone(listener: socket.socket) -> None:
    """Let a socket take a port that just became free, but never one that another program has.

    SO_REUSEADDR means the first on POSIX, and on Windows that two programs share a port.
    """
    alone = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
    option = socket.SO_REUSEADDR if alone is None else alone
    listener.setsockopt(socket.SOL_SOCKET, option, 1)


def has_typed(terminal: TextIO) -> bool:
    """Tell if a line waits at the terminal; False on Windows, which asks sockets alone."""
    try:
        return bool(select.select([terminal], [], [], 0.0)[0])
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def holding_signals(numbers: Sequence[int]) -> Iterator[None]:
    """Hold signals back until the end of the block, also in processes that it starts.

    On Windows, where started processes inherit nothing of this kind, it does nothing.
    """
    mask = getattr(signal, "pthread_sigmask", None)
    if mask is None:
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # started in the block, it would end the holding
    before = mask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        mask(signal.SIG_SETMASK, before)


def let_signals_through(numbers: Sequence[int]) -> None:
    """End the holding in a process that was started during it."""
    mask = getattr(signal, "pthread_sigmask", None)
    if mask is not None:
        mask(signal.SIG_UNBLOCK, numbers)
