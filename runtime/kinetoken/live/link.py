"""The door to the process that sends. It makes motion leave on time while this process runs the language model."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..base.child_process import ChildProcess
from ..base.errors import EngineError, InputError, KinetokenError, MissingPackageError, OutputError
from .messages import (
    Asked,
    Begin,
    End,
    Finish,
    Gone,
    Motion,
    News,
    Order,
    Ready,
    Refused,
    Report,
    Rested,
    Shown,
    Words,
)
from .settings import LiveSettings
from .worker import work

Array = NDArray[np.floating]
PIECE: Final = 20  # frames that go over at once, so that none holds up the other side for long
STOP_SECONDS: Final = 3.0  # patience with a process that is told to end
Worker = Callable[[LiveSettings, Connection], None]


class Live:
    """One motion on its way to everything in the settings. Ways out that fail are told and do not stop the others."""

    def __init__(
        self, settings: LiveSettings, tell: Callable[[str], None], worker: Worker = work
    ) -> None:
        """Opens all of it; `tell` hears one line for each thing the user should know.

        InputError for a port in use or an unknown host, MissingPackageError.
        """
        self.report = Report()
        """How it went, once it is over."""
        self.over = False
        """Whether nothing will be sent any more."""
        self.exit_code = 0
        """Other than 0 after a way out failed."""
        self._tell = tell
        self._begun = self._rested = 0
        self._child = ChildProcess("kinetoken-live", worker, settings)
        self._pipe = self._child.pipe
        self._open()

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, prompt: str, seed: int | None = None) -> None:
        """The prompt that is answered from here on; every reader hears of it, and forgets the thought before."""
        self._send(Asked(prompt, seed))

    def say(self, text: str) -> None:
        """Words of the thought."""
        self._send(Words(text))

    def push(self, joints: Array, rtf: float = 0.0) -> None:
        """Frames (n, 22, 3) that follow; waits while half a minute is in hand. `rtf` of the generator, 0 where unknown."""
        for start in range(0, len(joints), PIECE):
            self._send(Motion(joints[start : start + PIECE].astype(np.float32), rtf))

    def show(self, joints: Array, time: float, *, waiting: bool = False) -> None:
        """The pose (22, 3) that a window shows now; from the first one on, the window is the clock.

        `waiting`: it is no more than that because the generator has not come so far.
        """
        self._send(Shown(joints.astype(np.float32), time, waiting))

    def begin(self, expected: float = 0.0) -> None:
        """Of endless motion: another answer; what was not shown of the one before is forgotten. Seconds to expect of it."""
        self._begun += 1
        self._send(Begin(expected))

    def end(self) -> None:
        """Of endless motion: all of the answer has been pushed."""
        self._send(End())

    def rest(self) -> None:
        """Until every answer that has ended was shown."""
        while not self.over and self._rested < self._begun:
            self._hear()

    def finish(self) -> None:
        """All frames have been pushed."""
        self._send(Finish())

    def wait(self) -> Report:
        """Until the last frame has left, which is never where the motion loops and somebody listens."""
        while not self.over:
            self._hear()
        return self.report

    def close(self) -> None:
        """Ends it now, kindly at first."""
        self._pipe.close()
        self.over = True
        self._child.wait(STOP_SECONDS)
        self._child.end(STOP_SECONDS)

    def _open(self) -> None:
        try:
            news: News = self._pipe.recv()
        except (EOFError, OSError):
            news = Refused(self._death(), EngineError.exit_code)
        except BaseException:
            self.close()
            raise
        if isinstance(news, Ready):
            for note in news.notes:
                self._tell(note)
            return
        self.close()
        assert isinstance(news, Refused)
        raise _error(news)

    def _send(self, order: Order) -> None:
        while not self.over and self._pipe.poll():
            self._hear()
        if self.over:
            return
        try:
            self._pipe.send(order)
        except OSError:
            while not self.over:  # why it ended is in what it said last
                self._hear()

    def _hear(self) -> None:
        """The next news, waited for."""
        try:
            news: News = self._pipe.recv()
        except (EOFError, OSError):
            news = Gone(self._death(), EngineError.exit_code)
            self.over = True
        if isinstance(news, Report):
            self.report, self.over = news, True
        elif isinstance(news, Rested):
            self._rested = news.answers
        elif isinstance(news, Gone):
            self.exit_code = self.exit_code or news.exit_code
            self._tell(news.reason)

    def _death(self) -> str:
        self._child.wait(STOP_SECONDS)
        how = self._child.exit_reason or "it does not answer"
        return f"the process that sends the motion ended unexpectedly ({how}); start it again"


def _error(refused: Refused) -> KinetokenError:
    """The error of the tree that the other process met, with its own words."""
    if refused.exit_code == MissingPackageError.exit_code:
        error = MissingPackageError.__new__(MissingPackageError)
        error.args = (refused.reason,)
        return error
    kinds = {InputError.exit_code: InputError, OutputError.exit_code: OutputError}
    return kinds.get(refused.exit_code, EngineError)(refused.reason)
