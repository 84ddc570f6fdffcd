"""The engine's state after the system prompt, kept on disk to spare the next start that work.

The files lie in the bundle's own cache folder, or in the user's if the bundle cannot be written.
They are a convenience: one that is missing, damaged or another's is made again, and one that cannot
be written is not.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ..base.atomic_file import atomic_path
from ..base.cache_folder import cache_paths
from ..base.errors import OutputError
from ..base.input_file import read_input
from ..generation.bundle import Bundle

PROMPT_CACHE_MAGIC: Final = b"kinetoken cache 1\n"
HEADER_BYTES: Final = len(PROMPT_CACHE_MAGIC) + 32
MOST_FILES: Final = 8  # files of a bundle: of earlier engines, say
LARGEST_STATE: Final = 1 << 30  # bytes


class PromptCache:
    """The kept states of one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def load(self, ids: Sequence[int]) -> bytes | None:
        """The state of a run that was fed these ids; None if there is no whole one."""
        for path in self._places(ids):
            with contextlib.suppress(OSError):
                if (
                    path.stat().st_size <= LARGEST_STATE
                    and (state := _opened(read_input(path))) is not None
                ):
                    with contextlib.suppress(OSError):
                        os.utime(path)  # in use: not the one to go
                    return state
        return None

    def save(self, ids: Sequence[int], state: bytes) -> Path | None:
        """Keep a state in the first folder that can be written; returns the file.

        None if there is no such folder, or the state is too large to be read again.
        """
        if HEADER_BYTES + len(state) > LARGEST_STATE:
            return None
        for path in self._places(ids):
            with contextlib.suppress(OSError, OutputError):
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(path) as part:
                    part.write_bytes(PROMPT_CACHE_MAGIC + hashlib.sha256(state).digest() + state)
                with contextlib.suppress(OSError):
                    _tidy(path.parent)
                return path
        return None

    def _places(self, ids: Sequence[int]) -> Iterator[Path]:
        name = self._name(ids)
        return cache_paths(self._bundle.folder, name, f"states/{name}")

    def _name(self, ids: Sequence[int]) -> str:
        """A name made of what the state depends on: the bundle's files, the engine, the tokens."""
        digests = {name: info.sha256 for name, info in self._bundle.manifest.files.items()}
        depends = [digests, self._bundle.language_model.fingerprint, list(ids)]
        digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
        return f"prompt-{digest[:24]}.state"


def _opened(data: bytes) -> bytes | None:
    """The state in a file; None if it is damaged."""
    digest, state = data[len(PROMPT_CACHE_MAGIC) : HEADER_BYTES], data[HEADER_BYTES:]
    whole = data.startswith(PROMPT_CACHE_MAGIC) and hashlib.sha256(state).digest() == digest
    return state if whole else None


def _tidy(folder: Path) -> None:
    """Remove all but the files used last.

    Other processes may do the same at once.
    """
    ages = [
        (age, path) for path in folder.glob("prompt-*.state") if (age := _age(path)) is not None
    ]
    for _, path in sorted(ages)[MOST_FILES:]:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float | None:
    """Seconds since a file was last written or read as a state; None if it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return None
