"""Output that cannot steer a terminal, whatever a model, a file or its name says."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO, cast

# Control characters but tab and newline, marks that turn the direction of a text, halves of
# characters: what a terminal acts on or cannot show.
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escaped(text: str) -> str:
    r"""The text with \u001b for an escape character, and so on, as JSON has it."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PrintableStream:
    """A stream of text that escapes what could steer a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        """The stream as it was, for those who know what they send."""

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

    A warning is one line.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, PrintableStream(stream)) for stream in before)
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
