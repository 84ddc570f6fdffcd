"""Displays that are missing, and displays that disappear.

X11 ends a process that has lost its display, so everything is saved before.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any

from kinetoken.base.errors import EngineError
from kinetoken.base.operating_system import LINUX

_handlers: list[Any] = []  # kept, since X11 holds them by their address alone
_closing: list[Callable[[], None]] = []


class NoDisplayError(EngineError):
    """There is no screen to open a window on, or no OpenGL to fill it."""


def no_window_reason(error: Exception) -> str:
    """The reason why pyglet could not open a window: no display, or one without OpenGL."""
    display = os.environ.get("DISPLAY")
    said = " ".join(str(error).split()) or type(error).__name__
    if LINUX and not display:
        return "no display: DISPLAY is not set"
    # pyglet's own error; importing its class would open the display.
    if type(error).__name__ == "NoSuchDisplayException":
        return f"no display: nothing answers at DISPLAY={display}"
    if isinstance(error, ImportError):
        return f"a library is missing: {said}"
    return f"the display offers no OpenGL: {said}"


def close_when_lost(close: Callable[[], None]) -> None:
    """Registers something half written, to be closed before all else."""
    _closing.append(close)


def when_lost(rescue: Callable[[], int]) -> None:
    """Lets `rescue` run when the X server goes away; the process ends with its exit code."""
    if not LINUX:
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
