"""Calls that never return are stopped, and the process ends where even that does not help."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from kinetoken.base import foreign_calls
from kinetoken.base.foreign_calls import (
    LAST_PATIENCE,
    PATIENCE,
    TICK_SECONDS,
    ForeignCall,
    stoppable,
    watching_signals,
)


class Watched:
    """A call, and what was done to it as time went by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: float | None = None) -> None:
        self.done: list[str] = []
        self.call = ForeignCall("a loop", lambda: self.done.append("asked"), limit)
        monkeypatch.setattr(foreign_calls, "end_process", lambda call: self.done.append("ended"))

    def wait(self, seconds: float) -> list[str]:
        """What was done within so many seconds."""
        self.done.clear()
        for _ in range(round(seconds / TICK_SECONDS)):
            foreign_calls._attend(self.call, False, TICK_SECONDS)
        return self.done

    def signal(self) -> None:
        foreign_calls._attend(self.call, True, 0.0)


def test_a_call_without_limit_may_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Watched(monkeypatch).wait(1e4) == []


def test_a_signal_stops_a_call_that_does_not_return(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.wait(100)
    watched.signal()
    assert watched.wait(PATIENCE - TICK_SECONDS) == []
    watched.signal()  # another Ctrl-C does not begin the wait anew
    assert watched.wait(TICK_SECONDS) == ["asked"]
    assert not watched.call.overdue
    assert watched.wait(LAST_PATIENCE - TICK_SECONDS) == []
    assert watched.wait(TICK_SECONDS) == ["ended"]


def test_a_limit_stops_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, limit=60.0)
    assert watched.wait(60.0 - TICK_SECONDS) == []
    assert watched.wait(TICK_SECONDS) == ["asked"]
    assert watched.call.overdue


def test_a_call_that_is_over_is_known_no_more() -> None:
    with stoppable("a loop", lambda: None):
        assert len(foreign_calls._under_way) == 1
    assert foreign_calls._under_way == {}


STUCK = """
import ctypes, os, signal, threading
from kinetoken.base import foreign_calls
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
foreign_calls.PATIENCE = foreign_calls.LAST_PATIENCE = foreign_calls.TICK_SECONDS = 0.1
lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(256)
lock(mutex)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
with foreign_calls.watching_signals(), foreign_calls.stoppable("the lock", lambda: None):
    lock(mutex)  # waits for itself, whatever signal comes
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the locks of Linux")
def test_a_library_that_never_returns_ends_with_the_process() -> None:
    command = [sys.executable, "-c", STUCK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert done.stderr == "kinetoken: the lock did not return, so the program was ended\n"


def test_calls_of_other_threads_are_stopped_at_the_end() -> None:
    begun, asked = threading.Event(), threading.Event()

    def work() -> None:
        with stoppable("a loop", asked.set):
            begun.set()
            asked.wait(60)

    other = threading.Thread(target=work, daemon=True)
    with watching_signals():
        other.start()
        begun.wait(60)
    assert asked.is_set()
    assert foreign_calls._under_way == {}
