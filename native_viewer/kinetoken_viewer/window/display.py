"""A display that is not there, and one that disappears: X11 ends a process that has lost it, so what is to be saved is
saved before."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any

from kinetoken.base.errors import EngineError

_handlers: list[Any] = []  # kept, since X11 holds them by their address alone
_closing: list[Callable[[], None]] = []


class NoDisplayError(EngineError):
    """There is no screen to open a window on, or no OpenGL to fill it."""


def why_not(error: Exception) -> str:
    """What pyglet means that could not open a window: no display, or one without OpenGL."""
    display = os.environ.get("DISPLAY")
    said = " ".join(str(error).split()) or type(error).__name__
    if sys.platform.startswith("linux") and not display:
        return "no display: DISPLAY is not set"
    if (
        type(error).__name__ == "NoSuchDisplayException"
    ):  # pyglet's own; importing it would open the display
        return f"no display: nothing answers at DISPLAY={display}"
    if isinstance(error, ImportError):
        return f"a library is missing: {said}"
    return f"the display offers no OpenGL: {said}"


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
