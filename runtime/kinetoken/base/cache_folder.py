"""Where what can be computed again is kept: in the bundle's own cache folder, or in the user's where the bundle cannot be written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CACHE_FOLDER: Final = ".cache"


def cache_paths(bundle: Path, name: str, name_of_users: str) -> Iterator[Path]:
    """The bundle's place for this name, then the user's, where there is a user with a home; neither need exist."""
    yield bundle / CACHE_FOLDER / name
    with contextlib.suppress(RuntimeError, OSError):
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        yield Path(home) / "kinetoken" / name_of_users
