"""The avatar that all pages are given: a file of the user's, read once, and checked at the door."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...base.errors import FormatError
from ...base.input_file import read_input

LARGEST_AVATAR: Final = 256 << 20  # bytes, as on the page
_SUFFIXES: Final = (".vrm", ".glb")
_MAGIC: Final = b"glTF"


@dataclass(frozen=True)
class AvatarFile:
    """A .vrm or .glb in memory."""

    name: str
    body: bytes

    @property
    def path(self) -> str:
        """Path below the page's root."""
        return f"avatar{Path(self.name).suffix.lower()}"

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> AvatarFile:
        """Read the file. FormatError for what cannot be an avatar; the page looks closer."""
        file = Path(path)
        if file.suffix.lower() not in _SUFFIXES:
            raise FormatError(f"--avatar {file}: expected a .vrm or .glb file")
        try:
            body = read_input(file, LARGEST_AVATAR)
        except OSError as error:
            why = error.strerror or error
            raise FormatError(f"--avatar {file}: cannot be read ({why}); check the path") from error
        if not body.startswith(_MAGIC):
            raise FormatError(f"--avatar {file}: this is no glTF binary; export it again")
        return cls(file.name, body)
