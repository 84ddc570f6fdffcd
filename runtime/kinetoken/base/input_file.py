"""Opening files that the user names: the one place, so that none of them can hold the program up.

A pipe, a device or a socket may never end, or never begin. Whatever is no regular file is refused
before it is opened, with an OSError, which every reader turns into its own one line.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from io import BufferedReader
from typing import Final

from .errors import FormatError, InputError

LARGEST_TEXT: Final = 256 << 20
"""Bytes of a text that is read whole: far more than any clip's, and little for a machine."""
_READING: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""Without waiting for the other end of a pipe."""
_KINDS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_DESCRIPTOR: Final = re.compile(r"/dev/(?:stdin|fd/(\d{1,9}))|/proc/self/fd/(\d{1,9})")
"""Paths by which a shell hands over what it has opened: `<(command)` and `command | ...`."""


def check_path(path: object) -> None:
    """Raise InputError unless this can be the name of a file or a folder."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"expected the path of a file, got {path!r:.60}")


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise OSError unless this is a regular file, for libraries that open files themselves."""
    _refuse_others(os.stat(path).st_mode, path)


def open_input(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading. OSError for anything else, at once."""
    check_regular(path)  # before it is opened: that alone rewinds some devices
    handle = os.open(path, _READING)
    try:  # it may have been replaced meanwhile
        _refuse_others(os.fstat(handle).st_mode, path)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_input(path: str | os.PathLike[str], most: int | None = None) -> bytes:
    """Read a regular file whole. OSError; FormatError where it has more than `most` bytes."""
    with open_input(path) as stream:
        raw = stream.read(-1 if most is None else most + 1)
    return raw if most is None else within(raw, most, path)


def read_typed(path: str | os.PathLike[str], most: int | None = LARGEST_TEXT) -> bytes:
    """Read a text that the command line names whole: a file, or a pipe that the shell has opened.

    Such a pipe, as of `<(command)` or `command | ... /dev/stdin`, may hold LARGEST_TEXT bytes where
    `most` is None. OSError for anything else that is no file, FormatError for more bytes.
    """
    found = _DESCRIPTOR.fullmatch(os.fspath(path))
    number = int(found[1] or found[2] or 0) if found else -1
    if number < 0 or not _is_pipe(os.fstat(number).st_mode):
        return read_input(path, most)
    handle, most = os.dup(number), most or LARGEST_TEXT
    with os.fdopen(handle, "rb") as stream:
        os.set_blocking(handle, True)  # else half of it would look like the whole
        return within(stream.read(most + 1), most, path)


def _is_pipe(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def within(raw: bytes, most: int, name: str | os.PathLike[str]) -> bytes:
    """The bytes; FormatError where there are more than `most`."""
    if len(raw) > most:
        raise FormatError(
            f"{os.fspath(name)}: expected at most {most:,} bytes, got more; name another file"
        )
    return raw


def read_input_text(
    path: str | os.PathLike[str],
    most: int | None = LARGEST_TEXT,
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
) -> str:
    """Read a text file whole, its line ends as "\\n". OSError, FormatError, UnicodeDecodeError."""
    return _with_plain_ends(read_input(path, most).decode(encoding, errors))


def read_typed_text(path: str | os.PathLike[str], most: int | None = LARGEST_TEXT) -> str:
    """The same for UTF-8 text that the command line names, see `read_typed`."""
    return _with_plain_ends(read_typed(path, most).decode("utf-8"))


def _with_plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _refuse_others(mode: int, path: str | os.PathLike[str]) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file", os.fspath(path))
    kind = _KINDS.get(stat.S_IFMT(mode), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}, not a file", os.fspath(path))
