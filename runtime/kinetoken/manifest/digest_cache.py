"""Digests of a bundle's large files, remembered so that not every start reads gigabytes.

A file whose size, inode and times are those of a remembered digest is taken to be unchanged, for a
week. Its times change with every write through the system's calls, and the time of its last change
of any kind cannot be set by hand. A program that has the file mapped into memory can change it
while the times follow late or not at all, and so can a failing disk: `kinetoken inspect --verify`
always reads everything. A file changed a moment ago is not remembered, as the next write could
leave the same time. The cache can only spare reading: if its digest is not the expected one, the
file is read. It lies in the bundle's cache folder, or in the user's if the bundle cannot be
written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..base.atomic_file import atomic_path
from ..base.cache_folder import cache_paths
from ..base.errors import FormatError
from ..base.input_file import read_input_text
from ..base.json_text import parse_json
from .file_info import FileInfo

DIGESTS_NAME: Final = "digests.json"
LARGE_FILE: Final = 32 << 20  # bytes: a smaller file is digested in no time
SETTLED_SECONDS: Final = (
    2.0  # seconds without a change; file systems keep times in steps of up to two
)

BELIEVED_SECONDS: Final = 7 * 86_400.0  # seconds that a digest is believed

_Digests = dict[str, tuple[list[int], str, float]]
"""File to its marks, its digest, and when that was made, in seconds since 1970."""


class DigestCache:
    """Digests of one bundle's files: remembered if a file is unchanged, else computed."""

    def __init__(self, folder: Path, expected: Mapping[str, FileInfo]) -> None:
        """`expected`: what the files should be; a remembered digest that differs is ignored."""
        self._folder, self._expected = folder, expected
        self._seen = self._load()
        self._news = False

    def file_info(self, path: Path) -> FileInfo:
        """Size and digest of a file of the bundle. OSError if it cannot be read."""
        before = path.stat()
        if before.st_size < LARGE_FILE:
            return FileInfo.of(path)
        name, marks = path.relative_to(self._folder).as_posix(), _marks(before)
        known = self._seen.get(name)
        if (
            known is not None
            and known[0] == marks
            and 0 <= time.time() - known[2] < BELIEVED_SECONDS
        ):
            remembered = FileInfo(before.st_size, known[1])
            if remembered == self._expected.get(name):
                return remembered
        info = FileInfo.of(path)
        changed = max(before.st_mtime, before.st_ctime)
        if _marks(path.stat()) == marks and changed + SETTLED_SECONDS < time.time():
            self._seen[name] = (marks, info.sha256, time.time())
            self._news = True
        return info

    def keep(self) -> None:
        """Write new digests down in the first folder that can be written, if there is one."""
        if not self._news:
            return
        for path in self._places():
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(path) as part:
                    part.write_text(json.dumps(self._seen), encoding="utf-8")
                return

    def _load(self) -> _Digests:
        """Read from all folders the latest digest of each file; damaged caches count as empty."""
        found: _Digests = {}
        for path in self._places():
            with contextlib.suppress(OSError, ValueError, FormatError):
                for name, entry in _checked(parse_json(read_input_text(path))).items():
                    found[name] = max(entry, found.get(name, entry), key=lambda seen: seen[2])
        return found

    def _places(self) -> Iterator[Path]:
        key = hashlib.sha256(os.fsencode(self._folder.resolve())).hexdigest()[:24]
        return cache_paths(self._folder, DIGESTS_NAME, f"digests-{key}.json")


def _marks(stat: os.stat_result) -> list[int]:
    """The numbers that change when a file does."""
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]


def _checked(data: Any) -> _Digests:
    """The cache as it was written. ValueError for anything else."""
    if not isinstance(data, dict):
        raise ValueError("expected an object")
    seen: _Digests = {}
    for name, value in data.items():
        if not (isinstance(value, list) and [*map(type, value)] == [list, str, float]):
            raise ValueError("expected marks, a digest and a time")
        marks, digest, at = value
        seen[name] = (marks, digest, at)
    return seen
