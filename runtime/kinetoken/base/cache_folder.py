"""Cache folders: the user's, and the places of what can be computed again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .errors import OutputError

CACHE_FOLDER: Final = ".cache"


def user_cache() -> Path:
    """kinetoken's folder in the user's cache; it may not exist yet. OutputError without a home."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:
        message = "there is no home folder to keep files in: set XDG_CACHE_HOME to a folder"
        raise OutputError(message) from error
    return Path(home) / "kinetoken"


def cache_paths(bundle: Path, name: str, name_of_users: str) -> Iterator[Path]:
    """The bundle's path for this name, then the user's, if there is one. Neither may exist yet.

    The bundle's is left out where a link leads out of the bundle.
    """
    own = bundle / CACHE_FOLDER / name
    if Path(os.path.realpath(own)).is_relative_to(os.path.realpath(bundle)):
        yield own
    with contextlib.suppress(OSError):
        yield user_cache() / name_of_users
