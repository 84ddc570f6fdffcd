"""From the generator's process to the viewer: what is asked, what comes back, and the process itself.

The generator runs in a process of its own, because a thread beside the drawing makes frames eight times as slow. What it
says comes through a pipe into a queue of a few seconds; then the generator waits; nothing is dropped. The pipe is read by
a thread that does nothing else, so a message that stops half way holds up nobody.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Final

from kinetoken.base.signals import ignoring_ctrl_c
from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.image_file import ImageFile
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.playback import Sample

MESSAGES_PER_POLL: Final = 64  # a flooding generator gets no more of one picture's time than this
MESSAGES_WAITING: Final = 64  # between the pipe and the picture; more stay in the pipe
UNHEARD: Final = 16  # orders that a process has not taken, beyond which it is started anew
STOP_SECONDS: Final = 2.0  # patience with a process that is told to end


@dataclass(frozen=True)
class Job:
    """What a generator's process begins with."""

    prompt: str
    """What to answer first; empty: it loads the model and waits to be asked."""
    options: GenerateOptions
    bundle: str | None = None
    loading: LoadOptions = field(default_factory=LoadOptions)
    turn: int = 1
    """The number of the first answer."""
    history: int | None = None
    """Earlier turns that the model is shown; None: the bundle's choice."""
    history_file: str | None = None
    """Where the talk is kept, and taken up again."""
    image: ImageFile | None = None
    """What the model sees before the prompts."""


@dataclass(frozen=True)
class Ask:
    """Answer this now; an answer under way is given up."""

    turn: int
    prompt: str
    options: GenerateOptions


@dataclass(frozen=True)
class Stop:
    """Give the answer up."""


@dataclass(frozen=True)
class Ready:
    """The model is loaded."""

    fps: float


@dataclass(frozen=True)
class Opened:
    """The answer begins."""

    seed: int
    fps: float
    turn: int = 1


@dataclass(frozen=True)
class Said:
    """Words of the thought."""

    text: str
    turn: int = 1
    pace: Sample | None = None


@dataclass(frozen=True)
class Moved:
    """Final frames, and the real-time factor so far."""

    chunk: MotionChunk
    rtf: float
    turn: int = 1
    pace: Sample | None = None


@dataclass(frozen=True)
class Ended:
    """The whole answer has come."""

    clip: Clip
    rtf: float
    turn: int = 1
    note: str = ""
    """What the user should know of it."""


@dataclass(frozen=True)
class Failed:
    """Why there will be no more: one line."""

    reason: str
    exit_code: int = 1
    turn: int | None = None
    """The answer that failed; None: the process is over, and the next prompt starts another."""


Message = Ready | Opened | Said | Moved | Ended | Failed
Order = Ask | Stop
Server = Callable[[Job, Connection], None]


class Feed:
    """One talk with a generator in its own process. A prompt that comes when the process is gone starts another."""

    def __init__(self, job: Job, server: Server | None = None) -> None:
        """`server` is all the process does; None: the true generator's."""
        from .process import serve

        self._job, self._server = job, server or serve
        self._turn = job.turn if job.prompt else job.turn - 1
        self._process = _Process(job, self._server)

    @property
    def over(self) -> bool:
        """Whether the process has said its last word, and it has been read."""
        return self._process.over

    @property
    def turn(self) -> int:
        """The number of the last prompt."""
        return self._turn

    def ask(
        self, prompt: str, options: GenerateOptions | None = None, *, anew: bool = False
    ) -> int:
        """The next prompt, in place of an answer under way; its number. `anew`: a process that has gone silent is replaced."""
        options = options or self._job.options
        self._turn += 1
        if anew or self.over or not self._process.send(Ask(self._turn, prompt, options)):
            self._process.close(kindly=False)
            self._process = _Process(
                replace(self._job, prompt=prompt, options=options, turn=self._turn), self._server
            )
        return self._turn

    def stop(self) -> None:
        """Gives up the answer under way."""
        if not self.over:
            self._process.send(Stop())

    def poll(self, limit: int = MESSAGES_PER_POLL, wait: float = 0.0) -> list[Message]:
        """Messages that are there, in order, at most `limit` taken; waits up to `wait` seconds for the first.

        What is left of answers that were given up is passed over. A process that dies is reported as Failed.
        """
        messages = self._process.poll(limit, wait)
        return [m for m in messages if isinstance(m, Ready) or m.turn in (None, self._turn)]

    def close(self) -> None:
        """Ends the process, kindly at first."""
        self._process.close(kindly=True)


class _Process:
    """One process, the thread that reads from it, and the queue between."""

    def __init__(self, job: Job, server: Server) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=server, args=(job, other), name="kinetoken-generator", daemon=True
        )
        with ignoring_ctrl_c():
            self._process.start()
        other.close()  # so that the pipe ends when the process does
        self._waiting: queue.Queue[Message | None] = queue.Queue(MESSAGES_WAITING)
        self._closed = threading.Event()
        self._reader = threading.Thread(
            target=_read, args=(self._pipe, self._waiting, self._closed), daemon=True
        )
        self._reader.start()
        self._unheard = 0
        self._ended: float | None = None  # when the pipe was found to have ended
        self.over = False

    def send(self, order: Order) -> bool:
        """Whether the process could be told: one that listens no more must not hold up the window."""
        self._unheard += 1
        if self._unheard > UNHEARD or self._ended is not None:
            return False
        try:
            self._pipe.send(order)
        except OSError:
            return False
        return True

    def poll(self, limit: int, wait: float) -> list[Message]:
        out: list[Message] = []
        while not self.over and len(out) < limit:
            if self._ended is not None:
                return out + self._death()
            try:
                message = (
                    self._waiting.get(timeout=wait)
                    if wait and not out
                    else self._waiting.get_nowait()
                )
            except queue.Empty:
                break
            if message is None:
                self._ended = time.monotonic()
            else:
                out.append(message)
                self._unheard = 0 if isinstance(message, Opened | Failed) else self._unheard
                self.over = isinstance(message, Failed) and message.turn is None
        return out

    def _death(self) -> list[Message]:
        """Why the pipe ended; nothing while the process is still on its way out."""
        assert self._ended is not None
        code = self._process.exitcode
        if code is None and time.monotonic() - self._ended < STOP_SECONDS:
            return []
        self.over = True
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return [Failed(f"the generator's process ended unexpectedly ({how})")]

    def close(self, *, kindly: bool) -> None:
        self._closed.set()
        self.over = True
        for end in ([self._process.terminate] if kindly else []) + [self._process.kill]:
            if self._process.is_alive():
                end()
                self._process.join(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        with contextlib.suppress(OSError):
            self._pipe.close()


def _read(pipe: Connection, waiting: queue.Queue[Message | None], closed: threading.Event) -> None:
    """Message by message; None after the last. A full queue leaves the rest in the pipe."""
    message: Message | None
    while not closed.is_set():
        try:
            message = pipe.recv()
        except Exception:  # the end, or a process that was cut off in the middle of a message
            message = None
        while not closed.is_set():
            try:
                waiting.put(message, timeout=0.2)
                break
            except queue.Full:
                continue
        if message is None:
            return
