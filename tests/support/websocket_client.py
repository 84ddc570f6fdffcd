"""WebSockets whose silence ends no test."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

pytest.importorskip("websockets", reason="websockets is not installed: pip install '.[live]'")
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as _connect

_KNOWS_PINGS = "ping_interval" in inspect.signature(_connect).parameters
"""Older releases send none, and know no such option."""


def connect(address: str, **options: Any) -> ClientConnection:
    """A connection that never asks whether the other side is alive: a loaded machine may be slow to answer."""
    return _connect(address, **options, **({"ping_interval": None} if _KNOWS_PINGS else {}))
