"""The generator's process: one talk, prompt after prompt, and whatever goes wrong told in one line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from kinetoken.base.errors import KinetokenError
from kinetoken.motion.clip import TextChunk
from kinetoken.motion.playback import Sample

from .feed import Ask, Ended, Failed, Job, Moved, Opened, Order, Ready, Said, Stop

if TYPE_CHECKING:
    from kinetoken.chat.session import Session, Turn
    from kinetoken.generation.generator import Generation

NICENESS: Final = 5  # a generator that comes later only fills the buffer later; a picture that comes later is seen


def serve(job: Job, pipe: Connection) -> None:
    """All the process does: loads the model once, then answers until the viewer is gone."""
    told(_serve, job, pipe)


def told(work: Callable[[Any, Connection], None], job: object, pipe: Connection) -> None:
    """Work in a process of its own: whatever goes wrong with it becomes the last message."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, EOFError):  # the viewer is gone
        try:
            work(job, pipe)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            raise
        except KinetokenError as error:
            pipe.send(Failed(str(error), error.exit_code))
        except Exception as error:  # whatever it is, the window must be able to say it
            pipe.send(
                Failed(f"the generator failed: {type(error).__name__}: {_one_line(str(error))}")
            )


def _serve(job: Job, pipe: Connection) -> None:
    from kinetoken.chat.session import Session
    from kinetoken.cli.chat import saved_chat
    from kinetoken.generation.generator import load

    chat = saved_chat(job.history_file, job.bundle)
    session = Session(load(job.bundle, job.loading), job.options, history=job.history)
    if chat:
        session.load(chat)
    if job.image is not None:
        session.look(job.image)
    talk = Talk(session, pipe, job.history_file)
    pipe.send(Ready(talk.fps))
    if job.prompt and not pipe.poll():
        talk.answer(Ask(job.turn, job.prompt, job.options))
    while True:
        talk.answer(talk.next())


class Talk:
    """One viewer's prompts, in order; a new one ends the answer to the one before."""

    def __init__(self, session: Session, pipe: Connection, file: str | None) -> None:
        """`file`: where the talk is kept, so that it can be gone on with."""
        self._session, self._pipe, self._file = session, pipe, file
        self.fps = session.line.fps
        """Of the motion."""

    def next(self) -> Order:
        """The last of the orders that have come, waited for where there is none; EOFError when the viewer is gone."""
        if (
            not self._pipe.poll()
        ):  # there is time until somebody has typed; what fails now fails again, and is told, then
            with contextlib.suppress(KinetokenError):
                self._session.prepare()
        order: Order = self._pipe.recv()
        while self._pipe.poll():
            order = self._pipe.recv()
        return order

    def answer(self, order: Order) -> None:
        """One prompt to its end, or until another order comes. What cannot be asked is told, and the talk goes on."""
        if isinstance(order, Stop):
            return
        try:
            self._answer(order)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except KinetokenError as error:
            self._pipe.send(Failed(str(error), error.exit_code, order.turn))

    def _answer(self, ask: Ask) -> None:
        turn = self._session.say(ask.prompt, ask.options, raw=True)
        self._pipe.send(Opened(turn.seed, self.fps, ask.turn))
        try:
            whole = self._tell(turn, ask.turn)
        finally:
            turn.close()
            self._keep(turn)
        if whole:
            self._pipe.send(Ended(turn.clip(), turn.stats.rtf, ask.turn, "; ".join(turn.notes)))

    def _tell(self, turn: Turn, number: int) -> bool:
        """Piece by piece; False where something else is wanted before the end."""
        for chunk in turn:
            pace = _pace(turn)
            if isinstance(chunk, TextChunk):
                self._pipe.send(Said(chunk.text, number, pace))
            else:
                self._pipe.send(Moved(chunk, turn.stats.rtf, number, pace))
            if self._pipe.poll():
                return False
        return True

    def _keep(self, turn: Turn) -> None:
        if self._file is not None:
            line = self._session.line
            line.cut()
            line.push(turn.clip().joints)
            self._session.save(self._file)


def _pace(generation: Generation) -> Sample:
    stats = generation.stats
    return Sample(stats.elapsed, stats.seconds_of_motion, stats.text_tokens + stats.motion_tokens)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
