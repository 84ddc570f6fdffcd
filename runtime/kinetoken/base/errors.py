"""All errors that kinetoken raises on purpose, with their exit codes.

    KinetokenError            1
    ├── InputError            2   an argument, option or prompt that cannot be used
    ├── FormatError           3   a file that is not what it should be
    │   ├── BundleError       3   a bundle that is incomplete, altered or of another version
    │   └── TokenError        3   motion tokens that do not form whole frames
    ├── MissingPackageError   4   a package is not installed
    ├── OutputError           5   a file that cannot be written
    ├── EngineError           6   an inference engine failed
    │   └── PoseError         6   a decoder gave what is no body
    └── DownloadError         7   a bundle that cannot be fetched

Each message says what to do next.
"""

from __future__ import annotations

from typing import Final

BROKEN_PIPE: Final = 141
"""The exit code once the reader of standard output is gone, as shells have it."""
INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the signal's number."""


class KinetokenError(Exception):
    """Base of every error raised on purpose; `str(error)` is one line for the user."""

    exit_code = 1

    def adding(self, more: str) -> KinetokenError:
        """Return an error with the same exit code and more in its line."""
        error = KinetokenError(f"{self}; {more}")
        error.exit_code = self.exit_code
        return error


class InputError(KinetokenError, ValueError):
    """An argument, option or prompt that cannot be used."""

    exit_code = 2


class FormatError(KinetokenError):
    """A file that is not what it should be."""

    exit_code = 3


class BundleError(FormatError):
    """A bundle that is incomplete, altered, or written for another version."""


class TokenError(FormatError):
    """Motion tokens that do not form whole frames."""


class MissingPackageError(KinetokenError, ImportError):
    """A package is not installed."""

    exit_code = 4

    def __init__(self, package: str, *extras: str) -> None:
        """`extras`: those of kinetoken that bring the package, each alone; none: name it."""
        line = f"pip install {package}"
        if extras:
            choice = " or ".join(f'".[{extra}]"' for extra in extras)
            line = f"in the clone of kinetoken, pip install {choice}"
        super().__init__(f"this needs {package}, which is not installed: {line}")


class OutputError(KinetokenError, OSError):
    """A file that cannot be written."""

    exit_code = 5


class EngineError(KinetokenError):
    """An inference engine failed."""

    exit_code = 6


class PoseError(EngineError):
    """A decoder gave what is no body: the answer ends, and others may go on."""


class DownloadError(KinetokenError):
    """A bundle that cannot be fetched."""

    exit_code = 7
