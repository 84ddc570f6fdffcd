"""The size and digest of a bundle's file, expected and found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from ..base.errors import BundleError
from ..base.input_file import open_input

_PIECE: Final = 1 << 18
"""Bytes of a file that are hashed at a time."""
_AGAIN: Final = "copy or export the bundle again"


@dataclass(frozen=True)
class FileInfo:
    """A file of the bundle as it must be."""

    bytes: int
    """Size."""
    sha256: str
    """Digest, 64 lower-case hexadecimal digits."""

    @classmethod
    def of(cls, path: Path) -> FileInfo:
        """Size and digest of the file as it is now. OSError if it cannot be read."""
        with open_input(path) as stream:
            digest = _sha256(stream)
        return cls(path.stat().st_size, digest)


def _sha256(stream: BufferedReader) -> str:
    """Digest of what is left of a file. OSError.

    As hashlib.file_digest of Python 3.11 and newer.
    """
    digest, piece = hashlib.sha256(), memoryview(bytearray(_PIECE))
    while size := stream.readinto(piece):
        digest.update(piece[:size])
    return digest.hexdigest()


FileInfoReader = Callable[[Path], FileInfo]
"""Gives a file's size and digest. OSError."""


def check_file(path: Path, expected: FileInfo, look: FileInfoReader) -> None:
    """Raise BundleError if a file is missing, cut or altered."""
    try:
        size = path.stat().st_size
        if size != expected.bytes:
            raise BundleError(f"{path}: expected {expected.bytes:,} bytes, got {size:,}; {_AGAIN}")
        got = look(path)
    except FileNotFoundError:
        raise BundleError(f"{path} is missing from the bundle; {_AGAIN}") from None
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    if got != expected:
        digests = f"expected sha256 {expected.sha256[:12]}..., got {got.sha256[:12]}..."
        raise BundleError(f"{path} was altered: {digests}; {_AGAIN}")
