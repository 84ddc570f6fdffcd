"""From the generator's process to the viewer: the hand-over, and the buffer that evens out its pace.

The generator runs in a process of its own, because a thread beside the drawing makes frames eight times as slow. Its
messages come through a pipe: it holds a few seconds of motion, then the generator waits; nothing is dropped.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import Final

from kinetoken.engines import LoadOptions
from kinetoken.errors import KinetokenError
from kinetoken.images import ImageFile
from kinetoken.motion.clip import Clip, MotionChunk, TextChunk
from kinetoken.options import GenerateOptions
from kinetoken.processes import deaf_to_ctrl_c

MESSAGES_PER_POLL: Final = 64  # a flooding generator gets no more of one picture's time than this
PREBUFFER: Final = 0.6  # seconds of motion before playing starts, or starts again
STARVED: Final = 0.02  # seconds ahead below which to rest and refill, rather than stutter along the edge
SLOWEST: Final = 0.75  # of the speed, when the buffer runs low
NICENESS: Final = 5  # a generator that comes later only fills the buffer later; a picture that comes later is seen
STOP_SECONDS: Final = 2.0  # patience with a process that is told to end


@dataclass(frozen=True)
class Job:
    """What a generator's process is asked to do."""

    prompt: str
    options: GenerateOptions
    bundle: str | None = None
    loading: LoadOptions = field(default_factory=LoadOptions)
    image: ImageFile | None = None
    """What the model sees before the prompt."""


@dataclass(frozen=True)
class Opened:
    """The model is loaded and the answer begins."""

    seed: int
    fps: float


@dataclass(frozen=True)
class Said:
    """Words of the thought."""

    text: str


@dataclass(frozen=True)
class Moved:
    """Final frames, and the real-time factor so far."""

    chunk: MotionChunk
    rtf: float


@dataclass(frozen=True)
class Ended:
    """The whole answer has come."""

    clip: Clip
    rtf: float


@dataclass(frozen=True)
class Failed:
    """Why there will be no more: one line."""

    reason: str
    exit_code: int = 1


Message = Opened | Said | Moved | Ended | Failed
Server = Callable[[Job, Connection], None]


def serve(job: Job, out: Connection) -> None:
    """The generator's process: answers one job into `out`."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with contextlib.suppress(BrokenPipeError):  # the viewer is gone: so is the reason to work
        try:
            _answer(job, out)
        except BrokenPipeError:
            raise
        except KinetokenError as error:
            out.send(Failed(str(error), error.exit_code))
        except Exception as error:  # whatever it is, the window must be able to say it
            out.send(Failed(f"the generator failed: {type(error).__name__}: {_one_line(str(error))}"))


def _answer(job: Job, out: Connection) -> None:
    import kinetoken

    generator = kinetoken.load(job.bundle, **asdict(job.loading))
    generation = generator.stream(job.prompt, job.options, image=job.image)
    out.send(Opened(generation.seed, float(generator.fps)))
    for chunk in generation:
        out.send(Said(chunk.text) if isinstance(chunk, TextChunk) else Moved(chunk, generation.stats.rtf))
    out.send(Ended(generation.clip(), generation.stats.rtf))


class Feed:
    """One job under way in its own process."""

    def __init__(self, job: Job, server: Server = serve) -> None:
        context = multiprocessing.get_context("spawn")
        self._inlet, outlet = context.Pipe(duplex=False)
        self._process = context.Process(target=server, args=(job, outlet), name="kinetoken-generator", daemon=True)
        with deaf_to_ctrl_c():
            self._process.start()
        outlet.close()  # so that the pipe ends when the process does
        self._over = False

    @property
    def over(self) -> bool:
        """Whether the last message has been read."""
        return self._over

    def poll(self, limit: int = MESSAGES_PER_POLL, wait: float = 0.0) -> list[Message]:
        """Messages that are there, in order, at most `limit`; waits up to `wait` seconds for the first.

        The last is Ended or Failed; a process that dies is reported as Failed.
        """
        out: list[Message] = []
        while not self._over and len(out) < limit and self._inlet.poll(0.0 if out else wait):
            try:
                message: Message = self._inlet.recv()
            except (EOFError, OSError):
                message = self._death()
            out.append(message)
            self._over = isinstance(message, Ended | Failed)
        return out

    def _death(self) -> Failed:
        self._process.join(STOP_SECONDS)
        code = self._process.exitcode
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return Failed(f"the generator's process ended unexpectedly ({how}); run the prompt again")

    def close(self) -> None:
        """Ends the process, kindly at first."""
        self._inlet.close()
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(STOP_SECONDS)
        self._over = True


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


class JitterBuffer:
    """One motion's pace: when to wait for more, and how fast to play what there is."""

    def __init__(self, prebuffer: float = PREBUFFER) -> None:
        self._prebuffer = prebuffer
        self.waiting = True

    def rate(self, ahead: float, *, finished: bool, rtf: float = 0.0, to_come: float = 0.0) -> float:
        """Share of the normal speed to play at now; 0 to wait.

        ahead: seconds that have arrived and are not shown. rtf: the generator's real-time factor, 0 when unknown.
        to_come: seconds of motion still to be made, where the length is known.
        """
        if finished:
            self.waiting = False
            return 1.0
        if ahead < STARVED:
            self.waiting = True
        if self.waiting and ahead < self.goal(rtf, to_come):
            return 0.0
        self.waiting = False
        return min(1.0, max(SLOWEST, ahead / self._prebuffer))

    def goal(self, rtf: float, to_come: float) -> float:
        """Seconds to have before playing: a generator slower than real time needs a head start for the rest."""
        lag = to_come * (1.0 / rtf - 1.0) if 0.0 < rtf < 1.0 else 0.0
        return max(self._prebuffer, lag)
