"""Standard streams: they are there, take every letter, and cannot steer a terminal.

What a model, a file or its name says is escaped where a terminal would act on it, or where the
encoding of the stream has no such letter. Words for people never stop the work that they are about.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO, cast

# Control characters but tab and newline, marks that turn the direction of a text, halves of
# characters: what a terminal acts on or cannot show.
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_missing: set[int] = set()
_lost: set[int] = set()


def open_missing_streams() -> None:
    """Put the null device in the place of standard streams that were closed (`>&-`).

    Else the next file that is opened would take their number, and get what is meant for them.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
        setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
        _missing.add(number)


def stdout_is_missing() -> bool:
    """True where this program was started without a standard output."""
    return 1 in _missing


def output_was_lost() -> bool:
    """True where something was written to a standard output that is missing."""
    return bool(_lost)


def escaped(text: str) -> str:
    r"""The text with \u001b for an escape character, and so on, as JSON has it."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class AnyLetterStream:
    r"""A stream of text that writes \u2192 where its encoding, such as cp1252, has no arrow."""

    def __init__(self, stream: TextIO) -> None:
        self.below = stream
        """The stream as the system gave it."""

    def write(self, text: str) -> int:
        """Write the text."""
        if stdout_is_missing() and self.below.fileno() == 1:
            _lost.add(1)
        try:
            self.below.write(text)
        except UnicodeEncodeError:
            encoding = self.below.encoding
            self.below.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


class ForgivingStream(AnyLetterStream):
    """The same for words that nobody may be able to read: a full disk, a terminal that is gone."""

    def write(self, text: str) -> int:
        """Write the text, if that is possible."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError):
            self.below.flush()


class PrintableStream:
    """A stream of text that escapes what could steer a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        """The stream below, for those who know what they send."""

    def write(self, text: str) -> int:
        """Write the text, escaped."""
        self.stream.write(escaped(text))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write each line, escaped."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def printable_output() -> Iterator[None]:
    """Standard output and standard error escape what could steer a terminal.

    A warning is one line. Standard error never raises.
    """
    before = sys.stdout, sys.stderr
    out, err = AnyLetterStream(sys.stdout), ForgivingStream(sys.stderr)
    sys.stdout, sys.stderr = (cast(TextIO, PrintableStream(cast(TextIO, s))) for s in (out, err))
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    finally:
        sys.stdout, sys.stderr = before


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    print(f"kinetoken: warning: {' '.join(str(message).split())}", file=sys.stderr)
