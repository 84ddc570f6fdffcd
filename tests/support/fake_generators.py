"""Generators' processes that behave well or badly, for the viewer's hand-over. Each is a server for `Feed`."""

from __future__ import annotations

import os
import signal
import struct
import time
from multiprocessing.connection import Connection

import numpy as np

from kinetoken.base.errors import BundleError
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken_viewer.generator.feed import (
    Ask,
    Ended,
    Failed,
    Job,
    Moved,
    Opened,
    Order,
    Ready,
    Said,
)
from kinetoken_viewer.generator.process import serve
from synthetic_motion import walking

CHUNK = 4  # frames
FRAMES = 24


def chunk(start: int) -> MotionChunk:
    """Frames start to start + CHUNK of the synthetic walk."""
    joints = walking(start + CHUNK)[start:]
    return MotionChunk(
        start, joints, np.zeros((CHUNK, 263), np.float32), np.zeros((1, 4), np.int64)
    )


def good(job: Job, out: Connection) -> None:
    """A whole answer at once."""
    out.send(Opened(5, 20.0))
    out.send(Said("I walk "))
    out.send(Said("ahead."))
    for start in range(0, FRAMES, CHUNK):
        out.send(Moved(chunk(start), 3.0))
    out.send(Ended(Clip(walking(FRAMES), prompt=job.prompt, text="I walk ahead.", seed=5), 3.0))


def good_and_stays(job: Job, out: Connection) -> None:
    """A whole answer at once, then it waits to be asked."""
    good(job, out)
    out.recv()


def talks(job: Job, out: Connection) -> None:
    """Answers every prompt; its seed is the number of the prompt, its thought the prompt."""
    out.send(Ready(20.0))
    order: Order = Ask(job.turn, job.prompt, job.options) if job.prompt else out.recv()
    while True:
        if isinstance(order, Ask):
            out.send(Opened(order.turn, 20.0, order.turn))
            out.send(Said(order.prompt, order.turn))
            for start in range(0, FRAMES, CHUNK):
                out.send(Moved(chunk(start), 3.0, order.turn))
            whole = Clip(walking(FRAMES), prompt=order.prompt, text=order.prompt, seed=order.turn)
            out.send(Ended(whole, 3.0, order.turn))
        order = out.recv()


def hangs(job: Job, out: Connection) -> None:
    """Begins to move the body, then says and hears nothing more."""
    out.send(Ready(20.0))
    out.send(Opened(5, 20.0, job.turn))
    out.send(Moved(chunk(0), 3.0, job.turn))
    time.sleep(600)


def half(job: Job, out: Connection) -> None:
    """Stops in the middle of a message."""
    out.send(Ready(20.0))
    os.write(out.fileno(), struct.pack("!i", 4096) + b"only this much")
    time.sleep(600)


def endless(job: Job, out: Connection) -> None:
    """Writes motion without end until it is told something; then it answers that, and ends."""
    out.send(Opened(5, 20.0, job.turn))
    while not out.poll():
        out.send(Moved(chunk(0), 1000.0, job.turn))
    order: Order = out.recv()
    if isinstance(order, Ask):
        out.send(Opened(6, 20.0, order.turn))
        out.recv()


def slow(job: Job, out: Connection) -> None:
    """Makes motion at a fifth of real time, without an end."""
    out.send(Opened(5, 20.0))
    for start in range(0, 10_000, CHUNK):
        time.sleep(1.0)
        out.send(Moved(chunk(start), 0.2))


def silent(job: Job, out: Connection) -> None:
    """Never says anything."""
    time.sleep(600)


def flood(job: Job, out: Connection) -> None:
    """Motion without end, as fast as it can."""
    out.send(Opened(5, 20.0))
    same = chunk(0)
    while True:
        out.send(Moved(same, 1000.0))


def killed(job: Job, out: Connection) -> None:
    """Dies in the middle, as the system kills what takes too much memory."""
    out.send(Opened(5, 20.0))
    out.send(Moved(chunk(0), 1.0))
    os.kill(os.getpid(), signal.SIGKILL)


def leaves(job: Job, out: Connection) -> None:
    """Ends without a last word."""
    out.send(Opened(5, 20.0))


def refuses(job: Job, out: Connection) -> None:
    """What serve sends for an error of the tree."""
    error = BundleError("the bundle is not whole")
    out.send(Failed(str(error), error.exit_code))


def real(job: Job, out: Connection) -> None:
    """The true server."""
    serve(job, out)
