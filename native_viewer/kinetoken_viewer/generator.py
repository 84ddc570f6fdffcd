"""The generator's process: one talk, prompt after prompt, and whatever goes wrong told in one line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from kinetoken.errors import KinetokenError
from kinetoken.motion.clip import TextChunk

from .feed import Ask, Ended, Failed, Job, Moved, Opened, Order, Ready, Said, Stop
from .pace import Sample

if TYPE_CHECKING:
    from kinetoken.pipeline import Generation, Generator

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
            pipe.send(Failed(f"the generator failed: {type(error).__name__}: {_one_line(str(error))}"))


def _serve(job: Job, pipe: Connection) -> None:
    import kinetoken

    generator = kinetoken.load(job.bundle, **asdict(job.loading))
    pipe.send(Ready(float(generator.fps)))
    talk = Talk(generator, pipe)
    if job.prompt and not pipe.poll():
        talk.answer(Ask(job.turn, job.prompt, job.options))
    while True:
        talk.answer(talk.next())


class Talk:
    """One viewer's prompts, in order; a new one ends the answer to the one before."""

    def __init__(self, generator: Generator, pipe: Connection) -> None:
        self._generator, self._pipe = generator, pipe

    def next(self) -> Order:
        """The last of the orders that have come, waited for where there is none; EOFError when the viewer is gone."""
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
        generation = self._generator.stream(ask.prompt, ask.options)
        self._pipe.send(Opened(generation.seed, float(self._generator.fps), ask.turn))
        for chunk in generation:
            pace = _pace(generation)
            if isinstance(chunk, TextChunk):
                self._pipe.send(Said(chunk.text, ask.turn, pace))
            else:
                self._pipe.send(Moved(chunk, generation.stats.rtf, ask.turn, pace))
            if self._pipe.poll():
                generation.close()
                return
        self._pipe.send(Ended(generation.clip(), generation.stats.rtf, ask.turn))


def _pace(generation: Generation) -> Sample:
    stats = generation.stats
    return Sample(stats.elapsed, stats.seconds_of_motion, stats.text_tokens + stats.motion_tokens)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
