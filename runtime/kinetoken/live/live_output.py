"""Live output: a process that sends motion on time while this one runs the language model."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final

import numpy as np

from ..base.child_process import ChildProcess
from ..base.errors import EngineError, InputError, KinetokenError, MissingPackageError, OutputError
from ..motion.skeleton import Array
from .messages import (
    AnswerBegins,
    AnswerEnds,
    AnswersShown,
    FileAsked,
    Finish,
    Motion,
    NewPrompt,
    PageAsked,
    PageFile,
    PageNews,
    PageRequest,
    PeopleNumber,
    SenderNews,
    SenderOrder,
    SenderReport,
    TargetLost,
    TargetsOpen,
    TargetsRefused,
    ThoughtText,
    WindowPose,
)
from .sender import run_sender
from .settings import LiveSettings

_FRAMES_PER_MESSAGE: Final = 20  # so that none holds up the sender for long
_STOP_SECONDS: Final = 3.0  # for the process to end by itself
_Work = Callable[[LiveSettings, Connection], None]


class LiveOutput:
    """One motion on its way to all targets; a target that fails is reported, the others go on."""

    def __init__(
        self, settings: LiveSettings, tell: Callable[[str], None], worker: _Work = run_sender
    ) -> None:
        """Opens all targets; `tell` gets one line for each thing that the user should know.

        InputError for a port in use or an unknown host, MissingPackageError.
        """
        self.report = SenderReport()
        """The final report, once all is over."""
        self.over = False
        """True once nothing will be sent any more."""
        self.exit_code = 0
        """Other than 0 after a target failed."""
        self._tell = tell
        self.page = ""
        """URL of the page, if there is one."""
        self._begun: Counter[int] = Counter()  # answers of each person
        self._rested: tuple[int, ...] = ()
        self._requests: deque[PageRequest] = deque()
        self._child = ChildProcess("kinetoken-live", worker, settings)
        self._pipe = self._child.pipe
        self._open()

    def __enter__(self) -> LiveOutput:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, prompt: str, seed: int | None = None) -> None:
        """Announce the prompt that is answered from here on; the thought begins again."""
        self._send(NewPrompt(prompt, seed))

    def say(self, text: str) -> None:
        """Send text of the thought."""
        self._send(ThoughtText(text))

    def push(self, joints: Array, rtf: float = 0.0, person: int = 0) -> None:
        """Send the next frames (n, 22, 3); waits while half a minute of motion is in hand.

        `rtf`: the real-time factor of the generator, 0 if unknown.
        """
        for start in range(0, len(joints), _FRAMES_PER_MESSAGE):
            part = joints[start : start + _FRAMES_PER_MESSAGE].astype(np.float32)
            self._send(Motion(part, rtf, person))

    def show(self, joints: Array, time: float, *, waiting: bool = False) -> None:
        """Send the pose (22, 3) that a window shows now.

        From the first one on, the window is the clock.

        `waiting`: the pose holds still because the generator is behind.
        """
        self._send(WindowPose(joints.astype(np.float32), time, waiting))

    def begin(self, expected: float = 0.0, person: int = 0) -> None:
        """Begin another answer of endless motion; what was not shown of the last one is forgotten.

        `expected`: its length in seconds, 0 if unknown.
        """
        self._begun[person] += 1
        self._send(AnswerBegins(expected, person))

    def end(self, person: int = 0) -> None:
        """End the present answer of endless motion: all of it has been pushed."""
        self._send(AnswerEnds(person))

    def rests(self, person: int = 0) -> bool:
        """True once every answer of the person that has ended was shown, as far as is known."""
        rested = self._rested[person] if person < len(self._rested) else 0
        return rested >= self._begun[person]

    def rest(self) -> None:
        """Wait until every answer that has ended was shown."""
        while not self.over and not self.rests():
            self._hear()

    def set_people(self, number: int) -> None:
        """Let there be this many endless bodies, 1 to `people.MOST_PEOPLE`."""
        self._send(PeopleNumber(number))

    def tell(self, news: PageNews) -> None:
        """Send JSON to the pages that take prompts."""
        self._send(news)

    def give(self, file: PageFile) -> None:
        """Answer the request of a file."""
        self._send(file)

    def requests(self, seconds: float = 0.0) -> list[PageRequest]:
        """What pages have asked for since the last call; waits until there is any news."""
        if not self.over and not self._requests and self._pipe.poll(seconds):
            self._hear()
        while not self.over and self._pipe.poll():
            self._hear()
        out = list(self._requests)
        self._requests.clear()
        return out

    def finish(self) -> None:
        """Note that all frames have been pushed."""
        self._send(Finish())

    def wait(self) -> SenderReport:
        """Wait until the last frame has left; never where the motion loops and somebody listens."""
        while not self.over:
            self._hear()
        return self.report

    def close(self) -> None:
        """End the process now; terminate it, then kill it if it does not end by itself."""
        self._pipe.close()
        self.over = True
        self._child.wait(_STOP_SECONDS)
        self._child.end(_STOP_SECONDS)

    def _open(self) -> None:
        try:
            news: SenderNews = self._pipe.recv()
        except (EOFError, OSError):
            news = TargetsRefused(self._death(), EngineError.exit_code)
        except BaseException:
            self.close()
            raise
        if isinstance(news, TargetsOpen):
            self.page = news.page
            for note in news.notes:
                self._tell(note)
            return
        self.close()
        assert isinstance(news, TargetsRefused)
        raise _error(news)

    def _send(self, order: SenderOrder) -> None:
        while not self.over and self._pipe.poll():
            self._hear()
        if self.over:
            return
        try:
            self._pipe.send(order)
        except OSError:
            while not self.over:  # its last messages say why it ended
                self._hear()

    def _hear(self) -> None:
        """Wait for the next message of the sender."""
        try:
            news: SenderNews = self._pipe.recv()
        except (EOFError, OSError):
            news = TargetLost(self._death(), EngineError.exit_code)
            self.over = True
        if isinstance(news, SenderReport):
            self.report, self.over = news, True
        elif isinstance(news, AnswersShown):
            self._rested = news.answers
        elif isinstance(news, PageAsked | FileAsked):
            self._requests.append(news)
        elif isinstance(news, TargetLost):
            self.exit_code = self.exit_code or news.exit_code
            self._tell(news.reason)

    def _death(self) -> str:
        self._child.wait(_STOP_SECONDS)
        how = self._child.exit_reason or "it does not answer"
        return f"the process that sends the motion ended unexpectedly ({how}); start it again"


def _error(refused: TargetsRefused) -> KinetokenError:
    """The error that the other process met, with its message."""
    if refused.exit_code == MissingPackageError.exit_code:
        error = MissingPackageError.__new__(MissingPackageError)
        error.args = (refused.reason,)
        return error
    kinds = {InputError.exit_code: InputError, OutputError.exit_code: OutputError}
    return kinds.get(refused.exit_code, EngineError)(refused.reason)
