"""The user's cache folder, and where what can be computed again is kept."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .errors import OutputError

CACHE_FOLDER: Final = ".cache"


def user_cache() -> Path:
    """kinetoken's folder in the user's cache, which need not exist; OutputError without a home."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:
        message = "there is no home folder to keep files in: set XDG_CACHE_HOME to a folder"
        raise OutputError(message) from error
    return Path(home) / "kinetoken"


def cache_paths(bundle: Path, name: str, name_of_users: str) -> Iterator[Path]:
    """The bundle's place for this name, then the user's, if there is one; neither need exist."""
    yield bundle / CACHE_FOLDER / name
    with contextlib.suppress(OSError):
        yield user_cache() / name_of_users
