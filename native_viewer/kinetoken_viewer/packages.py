"""Packages of the extra [viewer]: asked for before work that needs them."""

from __future__ import annotations

import importlib.util
from typing import Final

from kinetoken.base.errors import MissingPackageError

_NAMES: Final = {"PIL": "Pillow"}


def require_package(module: str) -> None:
    """MissingPackageError unless the module can be found; nothing is imported."""
    if importlib.util.find_spec(module) is None:
        raise MissingPackageError(_NAMES.get(module, module), "viewer")
