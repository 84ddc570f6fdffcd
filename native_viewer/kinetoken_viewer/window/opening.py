"""Opening a window, on a machine that may have no display."""

from __future__ import annotations

from collections.abc import Callable

from kinetoken.base.errors import EngineError, KinetokenError
from kinetoken.base.machine.packages import require_package

from ..stage.stage import Stage
from .request import WindowRequest

ShowStage = Callable[[Stage], None]
"""Shows a stage until its window is closed."""


class NoWindowError(EngineError):
    """There is no screen to open a window on."""

    @property
    def short(self) -> str:
        """The beginning of the reason, for one line."""
        return str(self)[:80]


def window_opener(request: WindowRequest) -> ShowStage:
    """The function that opens the window. NoWindowError, MissingPackageError."""
    require_package("pyglet", "viewer")
    require_package("PIL", "viewer")
    try:
        from .window import PlayerWindow
    except KinetokenError as error:
        raise NoWindowError(str(error)) from error
    return lambda stage: PlayerWindow(stage, request).play()
