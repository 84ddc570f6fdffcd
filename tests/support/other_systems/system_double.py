"""Doubles of Windows and macOS on Linux, for our own modules alone.

What the other system lacks is missing, what raises there raises here, and what would go wrong there
without a word fails the test. The standard library and other packages see Linux, as they have to.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import fcntl
import io
import os
import select
import signal
import socket
import stat
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from types import ModuleType

OWN = ("kinetoken", "kinetoken_export", "kinetoken_viewer")
SHOWN = (*OWN, "tests")
"""Tests see Linux all the same where pytest rewrites their assertions: it loads them itself."""
_LISTDIR, _READLINK, _OPEN, _IO_OPEN = os.listdir, os.readlink, os.open, io.open
_GONE_ON_WINDOWS = (
    "fork", "sysconf", "getuid", "geteuid", "getgid", "mkfifo", "nice", "sched_getaffinity",
    "memfd_create", "killpg", "setsid", "getpgid", "uname", "statvfs", "WNOHANG", "waitid",
    "set_blocking", "get_blocking", "O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC",
    "chown", "fchmod", "openpty", "posix_fadvise", "sendfile", "pread", "getloadavg", "ctermid",
)  # fmt: skip
_GONE_ON_MACOS = ("sched_getaffinity", "memfd_create", "posix_fadvise")
_SIGNALS_OF_WINDOWS = ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM")
_MODULES_OF_POSIX = (
    "fcntl",
    "resource",
    "termios",
    "pwd",
    "grp",
    "tty",
    "pty",
    "readline",
    "posix",
)
_BAD_LETTERS = set('<>:"|?*')
_BAD_NAMES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10)),
}


class Seen(ModuleType):
    """A module as the other system has it: some names are missing, some are other things."""

    def __init__(self, real, gone=(), **others) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _gone=frozenset(gone), _others=others)

    def __getattr__(self, name):
        if name in self._gone:
            raise AttributeError(f"the other system has no {self._real.__name__}.{name}")
        return self._others[name] if name in self._others else getattr(self._real, name)

    def __setattr__(self, name, value) -> None:
        setattr(self._real, name, value)

    def __delattr__(self, name) -> None:
        delattr(self._real, name)


class _OwnFinder(MetaPathFinder):
    def __init__(self, builtin_names) -> None:
        self._builtins = builtin_names

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in SHOWN:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _OwnLoader(spec.loader.name, spec.loader.path)
            spec.loader.builtins = self._builtins
        return spec


class _OwnLoader(SourceFileLoader):
    builtins: dict

    def exec_module(self, module) -> None:
        module.__dict__["__builtins__"] = self.builtins
        super().exec_module(module)


def install(system: str) -> None:
    """Show our modules that system from now on."""
    seen, gone = _windows() if system == "windows" else _macos()

    def import_(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0 and name in gone:
            raise ModuleNotFoundError(f"the other system has no module {name}", name=name)
        if level == 0 and name in seen:
            return seen[name]
        return builtins.__import__(name, globals, locals, fromlist, level)

    own = {**builtins.__dict__, "__import__": import_, "open": _opened}
    sys.meta_path.insert(0, _OwnFinder(own))
    io.open = _opened  # by which pathlib opens
    if system == "windows":
        for name in ("unlink", "remove", "rmdir", "replace", "rename"):
            setattr(os, name, _sharing(getattr(os, name)))


def _opened(file, mode="r", *rest, **options):
    """Open a file: not of /proc, and a text never in the encoding of the system."""
    if isinstance(file, str | os.PathLike):
        _check_place(os.fspath(file))
        encoding = options.get("encoding", rest[1] if len(rest) > 1 else None)
        if "b" not in mode and encoding in (None, "locale"):
            assert not _is_ours(), f"a text is opened without its encoding: {file}"
        if any(letter in mode for letter in "wax+"):
            _check_name(os.fspath(file))
    return _IO_OPEN(file, mode, *rest, **options)


def _is_ours() -> bool:
    """Tell if one of our modules asked, be it through pathlib."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("pathlib"):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in OWN


def _check_place(path) -> None:
    if str(path).startswith(("/proc", "/sys/")):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _check_name(path) -> None:
    name = os.path.basename(os.fsdecode(path))
    if SYSTEM == "windows" and (
        _BAD_LETTERS & set(name)
        or name.split(".")[0].lower() in _BAD_NAMES
        or name[-1:] in (" ", ".")
    ):
        raise OSError(errno.EINVAL, "the file name is not correct", path)


SYSTEM = os.environ.get("KINETOKEN_TEST_SYSTEM", "")


def _held() -> set[str]:
    """Files that this process has open or mapped."""
    found = set()
    for number in _LISTDIR("/proc/self/fd"):
        try:
            found.add(_READLINK(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    with _IO_OPEN("/proc/self/maps", encoding="utf-8") as maps:
        found.update(line.split(None, 5)[5].strip() for line in maps if line.count("/") > 1)
    return found


def _sharing(real):
    """Refuse what Windows refuses: to move or remove files that are open."""

    def refuse_open(*paths, **options):
        held = _held()
        for path in paths if options.get("dir_fd") is None else ():
            whole = os.path.realpath(path)
            if whole in held or any(one.startswith(f"{whole}/") for one in held):
                raise PermissionError(errno.EACCES, "another process uses the file", path)
        return real(*paths, **options)

    return refuse_open


def _windows():
    names = Seen(
        os, _GONE_ON_WINDOWS, name="nt", kill=_kill, open=_os_open, fsync=_fsync, symlink=_symlink,
        access=os.access,
    )  # fmt: skip
    known = {int(getattr(signal, name)) for name in _SIGNALS_OF_WINDOWS} | {21}
    missing = {
        name for name in dir(signal)
        if name.startswith("SIG") and name[3:4] != "_" and name not in _SIGNALS_OF_WINDOWS
    } | {"pthread_sigmask", "pthread_kill", "sigwaitinfo", "sigwait", "setitimer", "alarm",
         "sigpending", "sigtimedwait"}  # fmt: skip

    def heard(number, handler):
        if number not in known:
            raise ValueError("invalid signal value")
        return signal.signal(number, handler)

    class Socket(socket.socket):
        def setsockopt(self, level, option, *value):
            assert option != socket.SO_REUSEADDR, "on Windows two programs would share the port"
            if option != -5:
                super().setsockopt(level, option, *value)

    msvcrt = ModuleType("msvcrt")
    msvcrt.LK_NBLCK, msvcrt.locking = 2, _locking
    seen = {
        "os": names,
        "sys": Seen(sys, platform="win32"),
        "signal": Seen(signal, missing - {"SIGBREAK"}, SIGBREAK=21, signal=heard),
        "ctypes": Seen(ctypes, CDLL=_cdll_of_windows),
        "socket": Seen(socket, ("AF_UNIX", "SO_REUSEPORT"), socket=Socket, SO_EXCLUSIVEADDRUSE=-5),
        "select": Seen(select, ("poll", "epoll"), select=_select),
        "mmap": Seen(__import__("mmap"), ("MADV_HUGEPAGE", "madvise")),
        "platform": Seen(__import__("platform"), system=lambda: "Windows"),
        "msvcrt": msvcrt,
    }
    return seen, _MODULES_OF_POSIX


def _kill(process, number):
    assert number, "on Windows os.kill(process, 0) is Ctrl-C"
    os.kill(process, signal.SIGKILL)


def _os_open(path, flags, *rest, **options):
    _check_place(os.fspath(path))
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    if flags & os.O_CREAT:
        _check_name(path)
    return _OPEN(path, flags, *rest, **options)


def _fsync(handle):
    if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    os.fsync(handle)


def _symlink(source, target, *rest, **options):
    raise OSError(errno.EPERM, "a required privilege is not held", source)


def _cdll_of_windows(name, *rest, **options):
    if name is None:
        raise TypeError("argument of type 'NoneType' is not iterable")
    return ctypes.CDLL(name, *rest, **options)


def _select(reading, writing, odd, *seconds):
    for one in (*reading, *writing):
        if not stat.S_ISSOCK(os.fstat(one if isinstance(one, int) else one.fileno()).st_mode):
            raise OSError(10038, "an operation was attempted on something that is not a socket")
    return select.select(reading, writing, odd, *seconds)


def _locking(handle, mode, count):
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from error


class _LibraryOfMacos:
    """The C library of macOS: it swaps two paths by a function of its own."""

    def __init__(self, name, *rest, **options) -> None:
        self._real = ctypes.CDLL(name, *rest, **options)
        if name is None:
            self.renamex_np = lambda a, b, how: self._real.renameat2(-100, a, -100, b, how)

    def __getattr__(self, name):
        if name in ("malloc_trim", "prctl", "renameat2"):
            raise AttributeError(name)
        return getattr(self._real, name)


def _macos():
    import mmap
    import resource

    def limited(kind, limits):
        if kind == resource.RLIMIT_AS:
            raise ValueError("current limit exceeds maximum limit")
        resource.setrlimit(kind, limits)

    seen = {
        "os": Seen(os, _GONE_ON_MACOS),
        "sys": Seen(sys, platform="darwin"),
        "signal": Seen(signal, ("sigwaitinfo", "sigtimedwait", "SIGPWR", "SIGSTKFLT")),
        "ctypes": Seen(ctypes, CDLL=_LibraryOfMacos),
        "mmap": Seen(mmap, ("MADV_HUGEPAGE",)),
        "platform": Seen(__import__("platform"), system=lambda: "Darwin"),
        "resource": Seen(resource, setrlimit=limited),
    }
    return seen, ()
