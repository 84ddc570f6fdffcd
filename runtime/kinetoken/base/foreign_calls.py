"""Calls of libraries that may never return, and what ends them all the same.

Python hears Ctrl-C between two instructions of its own, so a library that never returns would keep
it for ever. The system's handler runs at once, though, and writes the signal's number into a pipe
on which a thread waits. That thread asks the calls under way to stop, and ends the process where
one does not.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from .errors import INTERRUPTED, EngineError
from .operating_system import STOP_SIGNALS

TICK_SECONDS: Final = 0.5
PATIENCE: Final = 2.0
"""Seconds after a signal in which a call may return by itself, as they nearly always do."""
LAST_PATIENCE: Final = 10.0
"""Seconds in which a call that was asked to stop must return."""


@dataclass(eq=False)
class ForeignCall:
    """One call under way."""

    name: str
    """What is called, as in "the decoder"."""
    stop: Callable[[], None]
    """Asks it to return; called from another thread."""
    limit: float | None = None
    """Seconds that it may take; None: any."""
    seconds: float = field(default=0.0, init=False)
    """Seconds that the process was awake since it began."""
    signalled: float | None = field(default=None, init=False)
    """The same at the first signal."""
    asked: float | None = field(default=None, init=False)
    """The same when it was asked to stop."""

    @property
    def overdue(self) -> bool:
        """Whether it was asked to stop because it took too long."""
        return self.asked is not None and self.signalled is None

    @property
    def must_stop(self) -> bool:
        """Whether it is time to ask it to stop."""
        if self.signalled is not None:
            return self.seconds - self.signalled >= PATIENCE
        return self.limit is not None and self.seconds >= self.limit

    @property
    def is_lost(self) -> bool:
        """Whether it does not stop though it was asked to."""
        return self.asked is not None and self.seconds - self.asked >= LAST_PATIENCE


_under_way: dict[int, weakref.ref[ForeignCall]] = {}
"""Weak: Ctrl-C may strike anywhere, and a call that is over must not be taken for one that hangs."""


@contextlib.contextmanager
def stoppable(
    name: str, stop: Callable[[], None], limit: float | None = None
) -> Iterator[ForeignCall]:
    """Name a call that may be asked to stop by `watching_signals`, after `limit` seconds anyway."""
    call = ForeignCall(name, stop, limit)
    key = id(call)
    try:
        _under_way[key] = weakref.ref(call)
        yield call
    finally:
        _under_way.pop(key, None)


@contextlib.contextmanager
def watching_signals() -> Iterator[None]:
    """Watch over foreign calls while the block runs, for a program whose main thread this is.

    At its end, calls that other threads have under way are stopped: libraries abort where a program
    ends below them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    inlet, outlet = socket.socketpair()
    inlet.setblocking(False)
    outlet.setblocking(False)
    before = signal.set_wakeup_fd(inlet.fileno(), warn_on_full_buffer=False)
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(outlet, done), name="signals", daemon=True)
    watch.start()
    try:
        yield
    finally:
        _stop_all()
        signal.set_wakeup_fd(before)
        done.set()
        inlet.close()  # which wakes the thread
        watch.join(2 * TICK_SECONDS)
        outlet.close()


def _calls() -> list[ForeignCall]:
    """All calls under way."""
    found = {key: reference() for key, reference in list(_under_way.items())}
    for key in [key for key, call in found.items() if call is None]:
        _under_way.pop(key, None)
    return [call for call in found.values() if call is not None]


def _stop_all() -> None:
    """Ask all calls to return, and wait for them, but not for ever."""
    for call in _calls():
        call.stop()
    end = time.monotonic() + PATIENCE
    while _calls() and time.monotonic() < end:
        time.sleep(0.01)


def _watch(outlet: socket.socket, done: threading.Event) -> None:
    """Wait for signals; grow the age of calls under way."""
    while not done.is_set():
        ready, _, _ = select.select([outlet], [], [], TICK_SECONDS)
        signalled = False
        if ready:
            with contextlib.suppress(OSError):
                signalled = any(number in STOP_SIGNALS for number in outlet.recv(64))
        for call in _calls():
            _attend(call, signalled, 0.0 if ready else TICK_SECONDS)


def _attend(call: ForeignCall, signalled: bool, seconds: float) -> None:
    """Let a call grow older, and stop it where it is time."""
    call.seconds += seconds
    if signalled and call.signalled is None and not call.overdue:
        call.signalled = call.seconds
    if call.asked is None and call.must_stop:
        call.asked = call.seconds
        call.stop()
    elif call.is_lost:
        end_process(call)


def end_process(call: ForeignCall) -> None:
    """End this process and its children at once: a library keeps the main thread."""
    for child in multiprocessing.active_children():
        child.kill()
    os.write(2, f"kinetoken: {call.name} did not return, so the program was ended\n".encode())
    os._exit(EngineError.exit_code if call.overdue else INTERRUPTED)
