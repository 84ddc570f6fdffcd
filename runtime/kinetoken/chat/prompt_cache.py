"""The engine's state after the system prompt, kept on disk to spare the next start that work.

The files lie in the bundle's own cache folder, or in the user's if the bundle cannot be written.
They are a convenience: one that is missing, damaged or another's is made again, and one that cannot
be written is not. Engines trust a state, so each file is signed with a secret of the user: a bundle
cannot bring its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ..base.atomic_file import atomic_path
from ..base.cache_folder import cache_paths, user_cache
from ..base.errors import OutputError
from ..base.input_file import read_input
from ..generation.bundle import Bundle

PROMPT_CACHE_MAGIC: Final = b"kinetoken cache 1\n"
HEADER_BYTES: Final = len(PROMPT_CACHE_MAGIC) + 32
_SECRET_BYTES: Final = 32
MOST_FILES: Final = 8  # files of a bundle: of earlier engines, say
LARGEST_STATE: Final = 1 << 30  # bytes


class PromptCache:
    """The kept states of one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def load(self, ids: Sequence[int]) -> bytes | None:
        """The state of a run that was fed these ids; None if there is no whole one."""
        secret = _secret()
        if secret is None:
            return None
        for path in self._places(ids):
            with contextlib.suppress(OSError):
                if (
                    path.stat().st_size <= LARGEST_STATE
                    and (state := _opened(read_input(path), secret)) is not None
                ):
                    with contextlib.suppress(OSError):
                        os.utime(path)  # in use: not the one to go
                    return state
        return None

    def save(self, ids: Sequence[int], state: bytes) -> Path | None:
        """Keep a state in the first folder that can be written; returns the file.

        None if there is no such folder or secret, or the state is too large to be read again.
        """
        secret = _secret()
        if secret is None or HEADER_BYTES + len(state) > LARGEST_STATE:
            return None
        for path in self._places(ids):
            with contextlib.suppress(OSError, OutputError):
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(path) as part:
                    part.write_bytes(PROMPT_CACHE_MAGIC + _signature(state, secret) + state)
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


def _opened(data: bytes, secret: bytes) -> bytes | None:
    """The state in a file; None if it is damaged or not this user's."""
    signature, state = data[len(PROMPT_CACHE_MAGIC) : HEADER_BYTES], data[HEADER_BYTES:]
    if not data.startswith(PROMPT_CACHE_MAGIC):
        return None
    return state if hmac.compare_digest(signature, _signature(state, secret)) else None


def _signature(state: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, state, "sha256")


def _secret() -> bytes | None:
    """The user's secret, made when it is first needed; None where there is no place for one."""
    with contextlib.suppress(OSError, OutputError):
        path = user_cache() / "state.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_bytes(_SECRET_BYTES))
        secret = read_input(path)
        return secret if len(secret) == _SECRET_BYTES else None
    return None


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
