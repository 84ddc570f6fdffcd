"""A process that outlives its work: a library that aborts, or the system's lack of memory, ends the
child alone, and what the child had written down is still there.

The child is forked before anything is imported, so it costs a millisecond. On systems without
`fork` or `sigwaitinfo` (Windows, macOS) the work is done in this process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import IO, Final

from .operating_system import LINUX, c_function

_SET_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of Linux
_kept: IO[bytes] | None = None


@dataclass(frozen=True)
class Ending:
    """How the child ended."""

    code: int
    """Its exit code, or minus the signal that killed it."""
    kept: IO[bytes]
    """What it had written down, from the beginning."""

    @property
    def reason(self) -> str | None:
        """The signal that killed it, in words; None if it ended by itself."""
        if self.code >= 0:
            return None
        try:
            return signal.Signals(-self.code).name
        except ValueError:
            return f"signal {-self.code}"


def kept_file() -> IO[bytes] | None:
    """Where to write down what must survive this process; None if nobody would read it."""
    return _kept


def run_apart() -> Ending | None:
    """Go on in a child process.

    Returns None there, and where there are no child processes of this kind; here, how it ended.
    """
    if sys.platform != "linux" or not LINUX:  # the first for the type checker
        return None
    kept = os.fdopen(os.memfd_create("kinetoken"), "w+b")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    heard = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}
    before, parent = signal.pthread_sigmask(signal.SIG_BLOCK, heard), os.getpid()
    child = os.fork()
    if not child:
        global _kept
        _kept = kept
        _end_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return None
    code, stopped = _wait(child, heard)
    if not stopped:  # otherwise there is nothing left to stop: this process only says how it ended
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    kept.seek(0)
    return Ending(code, kept)


def _wait(child: int, heard: set[signal.Signals]) -> tuple[int, bool]:
    """Pass on what is sent to this process alone, until the child ends.

    A terminal sends Ctrl-C to both. Returns the child's exit code, or minus the signal that killed
    it, and whether it was asked to stop.
    """
    stopped = False
    while True:
        info = signal.sigwaitinfo(heard)
        if info.si_signo != signal.SIGCHLD:
            stopped = True
            if info.si_code <= 0:  # another process sent it
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, info.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), stopped


def _end_with(parent: int) -> None:
    """Have the system send SIGTERM to this process when its parent is gone."""
    if (prctl := c_function("prctl")) is not None:
        prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
