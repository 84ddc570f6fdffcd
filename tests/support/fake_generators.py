"""Servers for `Feed`: generators' processes that behave well or badly."""

from __future__ import annotations

import functools
import os
import signal
import struct
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import numpy as np

from kinetoken.base.errors import BundleError
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken_viewer.generator.messages import (
    AnswerEnded,
    AnswerStarted,
    AskPrompt,
    GeneratorFailed,
    GeneratorJob,
    GeneratorOrder,
    ModelReady,
    MotionArrived,
    ThoughtArrived,
)
from kinetoken_viewer.generator.process import serve_talk
from synthetic_motion import walking

Server = Callable[[GeneratorJob, Connection], None]
CHUNK = 4  # frames
FRAMES = 24


def chunk(start: int) -> MotionChunk:
    """Frames start to start + CHUNK of the synthetic walk."""
    joints = walking(start + CHUNK)[start:]
    return MotionChunk(
        start, joints, np.zeros((CHUNK, 263), np.float32), np.zeros((1, 4), np.int64)
    )


def good(job: GeneratorJob, out: Connection) -> None:
    """A whole answer at once."""
    out.send(AnswerStarted(5, 20.0))
    out.send(ThoughtArrived("I walk "))
    out.send(ThoughtArrived("ahead."))
    for start in range(0, FRAMES, CHUNK):
        out.send(MotionArrived(chunk(start), 3.0))
    out.send(
        AnswerEnded(Clip(walking(FRAMES), prompt=job.prompt, text="I walk ahead.", seed=5), 3.0)
    )


def good_and_stays(job: GeneratorJob, out: Connection) -> None:
    """A whole answer at once, then it waits to be asked."""
    good(job, out)
    out.recv()


def talks(job: GeneratorJob, out: Connection) -> None:
    """Answers every prompt; its seed is the number of the prompt, its thought the prompt."""
    out.send(ModelReady(20.0))
    order: GeneratorOrder = (
        AskPrompt(job.turn, job.prompt, job.options) if job.prompt else out.recv()
    )
    while True:
        if isinstance(order, AskPrompt):
            out.send(AnswerStarted(order.turn, 20.0, order.turn))
            out.send(ThoughtArrived(order.prompt, order.turn))
            for start in range(0, FRAMES, CHUNK):
                out.send(MotionArrived(chunk(start), 3.0, order.turn))
            whole = Clip(walking(FRAMES), prompt=order.prompt, text=order.prompt, seed=order.turn)
            out.send(AnswerEnded(whole, 3.0, order.turn))
        order = out.recv()


def hangs(job: GeneratorJob, out: Connection) -> None:
    """Begins to move the body, then says and hears nothing more."""
    out.send(ModelReady(20.0))
    out.send(AnswerStarted(5, 20.0, job.turn))
    out.send(MotionArrived(chunk(0), 3.0, job.turn))
    time.sleep(600)


def half(job: GeneratorJob, out: Connection) -> None:
    """Stops in the middle of a message."""
    out.send(ModelReady(20.0))
    os.write(out.fileno(), struct.pack("!i", 4096) + b"only this much")
    time.sleep(600)


def endless(job: GeneratorJob, out: Connection) -> None:
    """Writes motion without end until it is told something; then it answers that, and ends."""
    out.send(AnswerStarted(5, 20.0, job.turn))
    while not out.poll():
        out.send(MotionArrived(chunk(0), 1000.0, job.turn))
    order: GeneratorOrder = out.recv()
    if isinstance(order, AskPrompt):
        out.send(AnswerStarted(6, 20.0, order.turn))
        out.recv()


def slow(job: GeneratorJob, out: Connection) -> None:
    """Makes motion at a fifth of real time, without an end."""
    out.send(AnswerStarted(5, 20.0))
    for start in range(0, 10_000, CHUNK):
        time.sleep(1.0)
        out.send(MotionArrived(chunk(start), 0.2))


def silent(job: GeneratorJob, out: Connection) -> None:
    """Never says anything."""
    time.sleep(600)


def flood(job: GeneratorJob, out: Connection) -> None:
    """Motion without end, as fast as it can."""
    out.send(AnswerStarted(5, 20.0))
    same = chunk(0)
    while True:
        out.send(MotionArrived(same, 1000.0))


def killed(job: GeneratorJob, out: Connection) -> None:
    """Dies in the middle, as the system kills what takes too much memory."""
    out.send(AnswerStarted(5, 20.0))
    out.send(MotionArrived(chunk(0), 1.0))
    os.kill(os.getpid(), signal.SIGKILL)


def leaves(job: GeneratorJob, out: Connection) -> None:
    """Ends without a last word."""
    out.send(AnswerStarted(5, 20.0))


def refuses(job: GeneratorJob, out: Connection) -> None:
    """Sends what `serve_talk` sends for an error of the tree."""
    error = BundleError("the bundle is not whole")
    out.send(GeneratorFailed(str(error), error.exit_code))


def one_after_another(*servers: Server) -> Server:
    """The first process runs the first server, and so on; each answers the next prompt."""
    return functools.partial(_run_nth, servers)


def _run_nth(servers: tuple[Server, ...], job: GeneratorJob, out: Connection) -> None:
    servers[min(job.turn, len(servers)) - 1](job, out)


def real(job: GeneratorJob, out: Connection) -> None:
    """The true server."""
    serve_talk(job, out)
