"""The folder of a bundle for a command.

One that has yet to come from the hub comes behind a bar.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from .terminal import ProgressBar, StepLine

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..hub.pull import PullState

_GB = 1e9
_MB = 1e6


class PullBar:
    """How much of a bundle has come; gone at the end."""

    def __init__(self) -> None:
        self._words = StepLine()
        self._bar: ProgressBar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._words.erase()
        if self._bar is not None:
            self._bar.erase()

    def show(self, state: PullState) -> None:
        """Repaint."""
        if state.total == 0:  # nothing is known yet
            self._words.show(state.note)
            return
        if self._bar is None:
            self._words.erase()
            self._bar = ProgressBar("downloading", float(state.total), before=state.done)
        self._bar.show(state.done, f"{readable_progress(state.done, state.total)} | {state.note}")


def local_folder(given: str | None) -> Path:
    """The folder of the bundle that was given, else of the usual one.

    Pulled where it is not here.
    """
    from ..generation.bundle import bundle_folder

    with PullBar() as bar:
        return bundle_folder(given, bar.show)


def readable_size(number: int) -> str:
    """Such as "3.1 GB" or "12.8 MB"."""
    return f"{number / _GB:.1f} GB" if number >= _GB else f"{number / _MB:.1f} MB"


def readable_progress(done: int, total: int) -> str:
    """Such as "1.3 of 3.1 GB"."""
    unit, name = (_GB, "GB") if total >= _GB else (_MB, "MB")
    return f"{done / unit:.1f} of {total / unit:.1f} {name}"
