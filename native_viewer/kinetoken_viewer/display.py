"""A display that disappears: X11 ends a process that has lost it, so what is to be saved is saved before."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any

_handlers: list[Any] = []  # kept, since X11 holds them by their address alone
_closing: list[Callable[[], None]] = []


def close_when_lost(close: Callable[[], None]) -> None:
    """Something half written, to be ended properly before all else."""
    _closing.append(close)


def when_lost(rescue: Callable[[], int]) -> None:
    """From now on, `rescue` runs when the X server goes away, and the process ends with the exit code that it returns."""
    if not sys.platform.startswith("linux"):
        return
    from pyglet.libs.x11 import xlib

    def lost(_display: object) -> int:
        code = 1
        try:
            for close in _closing:
                with contextlib.suppress(Exception):
                    close()
            code = rescue()
        finally:  # Xlib would end the process in its own way, with words of its own
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)

    _handlers.append(xlib.XIOErrorHandler(lost))
    xlib.XSetIOErrorHandler(_handlers[-1])
