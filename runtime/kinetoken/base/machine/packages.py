"""Packages of extras: asked for before the work that needs them, without importing them."""

from __future__ import annotations

import importlib.util
from typing import Final

from ..errors import MissingPackageError

_NAMES: Final = {"PIL": "Pillow", "pythonosc": "python-osc", "zmq": "pyzmq"}
"""Packages with another name than their module."""


def require_package(module: str, *extras: str) -> None:
    """MissingPackageError unless the module can be found.

    `extras`: those of kinetoken that bring it, each alone.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingPackageError(_NAMES.get(module, module), *extras)
