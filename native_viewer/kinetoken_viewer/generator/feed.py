"""The generator's process as the window sees it: prompts go in, messages come out.

The generator runs in a process of its own, because a thread beside the drawing makes frames eight
times as slow. A thread that does nothing else reads the pipe into a queue that holds a few seconds
of motion; when the queue is full, the generator waits and nothing is dropped. A message that stops
half way therefore blocks nobody.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Final, TypeVar

from kinetoken.base.child_process import ChildProcess
from kinetoken.generation.options import GenerateOptions

from .messages import (
    AnswerStarted,
    AskPrompt,
    GeneratorFailed,
    GeneratorJob,
    GeneratorOrder,
    Message,
    ModelReady,
    StopAnswer,
)
from .process import serve_talk

MESSAGES_PER_POLL: Final = 64  # bounds the share of one picture's time that a flood can take
ORDERS_UNHEARD: Final = 16  # orders that a process may leave unread before it is replaced
_MESSAGES_WAITING: Final = 64  # between the pipe and the picture; the rest stays in the pipe
_STOP_SECONDS: Final = 2.0  # to wait for a process that was told to end

_Task = TypeVar("_Task")


class Feed:
    """One talk with a generator in its own process; a prompt restarts a process that is gone."""

    def __init__(
        self,
        job: GeneratorJob,
        server: Callable[[GeneratorJob, Connection], None] = serve_talk,
    ) -> None:
        """`server` is the function that the process runs."""
        self._job, self._server = job, server
        self._turn = job.turn if job.prompt else job.turn - 1
        self._process = GeneratorProcess(job, server)

    @property
    def over(self) -> bool:
        """True once the process has ended and its last message has been read."""
        return self._process.over

    @property
    def turn(self) -> int:
        """Number of the last prompt."""
        return self._turn

    def ask(
        self, prompt: str, options: GenerateOptions | None = None, *, anew: bool = False
    ) -> int:
        """Sends the next prompt, in place of an answer under way; returns its number.

        `anew`: a process that has gone silent is replaced.
        """
        options = options or self._job.options
        self._turn += 1
        if anew or self.over or not self._process.send(AskPrompt(self._turn, prompt, options)):
            self._process.close(kindly=False)
            job = replace(self._job, prompt=prompt, options=options, turn=self._turn)
            self._process = GeneratorProcess(job, self._server)
        return self._turn

    def stop(self) -> None:
        """Gives up the answer under way."""
        if not self.over:
            self._process.send(StopAnswer())

    def poll(self, limit: int = MESSAGES_PER_POLL, wait: float = 0.0) -> list[Message]:
        """Messages that have come, at most `limit`; waits up to `wait` seconds for the first.

        The rest of answers that were given up is skipped. A process that dies is reported as
        GeneratorFailed.
        """
        messages = self._process.poll(limit, wait)
        return [m for m in messages if isinstance(m, ModelReady) or m.turn in (None, self._turn)]

    def close(self) -> None:
        """Ends the process, by force if it does not end when told."""
        self._process.close()


class GeneratorProcess:
    """A child process, the thread that reads from it, and the queue between them."""

    def __init__(self, task: _Task, server: Callable[[_Task, Connection], None]) -> None:
        """Starts a process that runs `server(task, pipe)`."""
        self._child = ChildProcess("kinetoken-generator", server, task)
        self._waiting: queue.Queue[Message | None] = queue.Queue(_MESSAGES_WAITING)
        self._closed = threading.Event()
        self._reader = threading.Thread(
            target=_read, args=(self._child.pipe, self._waiting, self._closed), daemon=True
        )
        self._reader.start()
        self._unheard = 0
        self._ended: float | None = None  # when the pipe was found to have ended
        self.over = False
        """True once the process has ended and its last message has been read."""

    def send(self, order: GeneratorOrder) -> bool:
        """Tells the process; False if it no longer listens, which must not block the window."""
        self._unheard += 1
        if self._unheard > ORDERS_UNHEARD or self._ended is not None:
            return False
        try:
            self._child.pipe.send(order)
        except OSError:
            return False
        return True

    def poll(self, limit: int = MESSAGES_PER_POLL, wait: float = 0.0) -> list[Message]:
        """Messages that have come, at most `limit`; waits up to `wait` seconds for the first."""
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
                if isinstance(message, AnswerStarted | GeneratorFailed):
                    self._unheard = 0
                self.over = isinstance(message, GeneratorFailed) and message.turn is None
        return out

    def _death(self) -> list[Message]:
        """The reason why the pipe ended; empty while the process is still on its way out."""
        assert self._ended is not None
        how = self._child.exit_reason
        if how is None and time.monotonic() - self._ended < _STOP_SECONDS:
            return []
        self.over = True
        reason = f"the generator's process ended unexpectedly ({how or 'it closed its pipe'})"
        return [GeneratorFailed(reason)]

    def close(self, *, kindly: bool = True) -> None:
        """Ends the process; `kindly`: asks it to, before it is killed."""
        self._closed.set()
        self.over = True
        self._child.end(_STOP_SECONDS, kindly=kindly)
        self._reader.join(_STOP_SECONDS)
        with contextlib.suppress(OSError):
            self._child.pipe.close()


def _read(pipe: Connection, waiting: queue.Queue[Message | None], closed: threading.Event) -> None:
    """Fills the queue message by message, None after the last; a full queue leaves the pipe."""
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
