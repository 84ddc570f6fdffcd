"""The generator's process: answers prompt after prompt, and reports every failure in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final, TypeVar

from kinetoken.base.errors import KinetokenError
from kinetoken.base.operating_system import run_nicely
from kinetoken.cli.standard_streams import printable_output
from kinetoken.motion.clip import TextChunk
from kinetoken.motion.playback import Sample

from .messages import (
    AnswerEnded,
    AnswerStarted,
    AskPrompt,
    GeneratorFailed,
    GeneratorJob,
    GeneratorOrder,
    ModelReady,
    MotionArrived,
    StopAnswer,
    ThoughtArrived,
)

if TYPE_CHECKING:
    from kinetoken.chat.session import Session, Turn
    from kinetoken.generation.generator import Generation

_NICENESS: Final = 5  # the picture comes first: a late generator only fills the buffer later

_Task = TypeVar("_Task")


def serve_talk(job: GeneratorJob, pipe: Connection) -> None:
    """Loads the model once, then answers until the viewer is gone."""
    report_failures(_serve_talk, job, pipe)


def report_failures(
    work: Callable[[_Task, Connection], None], task: _Task, pipe: Connection
) -> None:
    """Runs `work(task, pipe)` in a generator's process; a failure becomes the last message."""
    run_nicely(_NICENESS)
    gone = (BrokenPipeError, ConnectionResetError, EOFError)  # the viewer is
    with contextlib.suppress(*gone), printable_output():
        try:
            work(task, pipe)
        except gone:
            raise
        except KinetokenError as error:
            pipe.send(GeneratorFailed(str(error), error.exit_code))
        except Exception as error:  # whatever it is, the window must be able to say it
            reason = f"the generator failed: {type(error).__name__}: {_one_line(str(error))}"
            pipe.send(GeneratorFailed(reason))


def _serve_talk(job: GeneratorJob, pipe: Connection) -> None:
    from kinetoken.chat.session import Session
    from kinetoken.cli.chat import saved_chat
    from kinetoken.generation.generator import load

    chat = saved_chat(job.history_file, job.bundle)
    session = Session(load(job.bundle, job.loading), job.options, history=job.history)
    if chat:
        session.load(chat)
    if job.image is not None:
        session.look(job.image)
    server = TalkServer(session, pipe, job.history_file)
    manifest = session.manifest
    pipe.send(
        ModelReady(
            server.fps, _about(session), len(manifest.motion.levels), tuple(manifest.examples)
        )
    )
    if job.prompt and not pipe.poll():
        server.answer(AskPrompt(job.turn, job.prompt, job.options))
    while True:
        server.answer(server.next_order())


def _about(session: Session) -> tuple[tuple[str, str], ...]:
    """The licences of what is loaded, for the help."""
    from kinetoken.manifest.schema import licence_in_words

    licence = session.manifest.licence
    parts = (("model", licence.language_model), ("codec", licence.codec))
    return tuple((f"licence, {part}", licence_in_words(terms)) for part, terms in parts)


class TalkServer:
    """Answers one viewer's prompts in order; a new prompt ends the answer before it."""

    def __init__(self, session: Session, pipe: Connection, history_file: str | None) -> None:
        """`history_file` keeps the talk, so that it can be resumed."""
        self._session, self._pipe, self._history_file = session, pipe, history_file
        self.fps = session.line.fps
        """Frames per second of the motion."""

    def next_order(self) -> GeneratorOrder:
        """The last order that has come, waited for if there is none.

        EOFError when the viewer is gone.
        """
        if not self._pipe.poll():  # there is time to prepare until somebody has typed
            with contextlib.suppress(KinetokenError):  # it fails again, and is told, when asked
                self._session.prepare()
        order: GeneratorOrder = self._pipe.recv()
        while self._pipe.poll():
            order = self._pipe.recv()
        return order

    def answer(self, order: GeneratorOrder) -> None:
        """Answers a prompt until its end or the next order; a refusal does not end the talk."""
        if isinstance(order, StopAnswer):
            return
        try:
            self._answer(order)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except KinetokenError as error:
            self._pipe.send(GeneratorFailed(str(error), error.exit_code, order.turn))

    def _answer(self, ask: AskPrompt) -> None:
        turn = self._session.say(ask.prompt, ask.options, raw=True)
        self._pipe.send(AnswerStarted(turn.seed, self.fps, ask.turn))
        try:
            whole = self._send_chunks(turn, ask.turn)
        finally:
            turn.close()
            self._keep(turn)
        if whole:
            note = "; ".join(turn.notes)
            self._pipe.send(AnswerEnded(turn.clip(), turn.stats.rtf, ask.turn, note))

    def _send_chunks(self, turn: Turn, number: int) -> bool:
        """Sends chunk after chunk; False if another order came before the end."""
        for chunk in turn:
            pace = _pace(turn)
            if isinstance(chunk, TextChunk):
                self._pipe.send(ThoughtArrived(chunk.text, number, pace))
            else:
                self._pipe.send(MotionArrived(chunk, turn.stats.rtf, number, pace))
            if self._pipe.poll():
                return False
        return True

    def _keep(self, turn: Turn) -> None:
        if self._history_file is not None:
            line = self._session.line
            line.cut()
            line.push(turn.clip().joints)
            self._session.save(self._history_file)


def _pace(generation: Generation) -> Sample:
    stats = generation.stats
    return Sample(stats.elapsed, stats.seconds_of_motion, stats.text_tokens + stats.motion_tokens)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
