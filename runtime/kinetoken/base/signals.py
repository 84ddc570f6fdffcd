"""Signals that ask a program to stop: who hears them, and when.

Ctrl-C is SIGINT. Service managers and shutdowns send SIGTERM, a terminal that closes SIGHUP, a
console of Windows SIGBREAK. Each of them stops what Ctrl-C stops and keeps what Ctrl-C keeps. What
a parent had this process ignore stays ignored, as SIGINT in the background jobs of a script, which
SIGTERM ends all the same.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from .operating_system import STOP_SIGNALS, holding_signals, let_signals_through

if TYPE_CHECKING:
    from types import FrameType

_INHERITED: Final = tuple(number for number in STOP_SIGNALS if number != signal.SIGTERM)
"""What a terminal sends to all of its processes."""
_told: set[int] = set()


def told_to_end() -> bool:
    """True once a signal asked for the end of the program, not only of what it does now."""
    return bool(_told)


@contextlib.contextmanager
def stop_signals_as_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt for every signal that asks this program to stop."""
    _told.clear()
    with _heard_by(_raise, STOP_SIGNALS), _no_interrupt_lost():
        yield


@contextlib.contextmanager
def starting_unheard() -> Iterator[None]:
    """Start processes that hear nothing of a terminal: it is for this one, which then ends them.

    A Python process calls `hear_nothing` first. Signals that come meanwhile are heard afterwards.
    """
    with holding_signals(_INHERITED):
        yield


def hear_nothing() -> None:
    """Ignore what a terminal sends, in the process that was started."""
    for number in _INHERITED:
        signal.signal(number, signal.SIG_IGN)
    let_signals_through(_INHERITED)


@contextlib.contextmanager
def deferring_ctrl_c() -> Iterator[None]:
    """Protect work that must not be torn apart: Ctrl-C is raised at the end of the block."""
    heard = threading.Event()
    with _heard_by(heard.set, _of_this_program()):
        yield
    if heard.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def noting_ctrl_c() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C instead of raising it; the second one is raised."""
    heard = threading.Event()

    def hear() -> None:
        if heard.is_set():
            raise KeyboardInterrupt
        heard.set()

    with _heard_by(hear, _of_this_program()):
        yield heard.is_set


def _raise() -> None:
    raise KeyboardInterrupt


def _of_this_program() -> tuple[int, ...]:
    """The signals that somebody hears already: the others would end a program that imports us."""
    return tuple(
        number
        for number in STOP_SIGNALS
        if signal.getsignal(number) not in (signal.SIG_DFL, signal.SIG_IGN, None)
    )


@contextlib.contextmanager
def _heard_by(react: Callable[[], None], numbers: tuple[int, ...]) -> Iterator[None]:
    """Call `react` for these signals within the block, except for those that are ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hear(number: int, _: FrameType | None) -> None:
        again = told_to_end() and number not in (signal.SIGINT, signal.SIGTERM)
        if number != signal.SIGINT:
            _told.add(number)
        if not again:  # a shell passes on the hang-up that its jobs have heard themselves
            react()

    before = {}
    try:
        for number in numbers:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, hear)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _no_interrupt_lost() -> Iterator[None]:
    """Raise a KeyboardInterrupt again that struck where Python can only report it.

    Callbacks of the garbage collector and of foreign libraries are such places.
    """
    before = sys.unraisablehook

    def report(found: sys.UnraisableHookArgs) -> None:
        if found.exc_type is KeyboardInterrupt:
            _thread.interrupt_main(signal.SIGTERM if told_to_end() else signal.SIGINT)
        else:
            before(found)

    sys.unraisablehook = report
    try:
        yield
    finally:
        sys.unraisablehook = before
