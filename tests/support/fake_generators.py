"""Generators' processes that behave well or badly, for the viewer's hand-over. Each is a server for `Feed`."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection

import numpy as np

from kinetoken.errors import BundleError
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken_viewer.feed import Ended, Failed, Job, Moved, Opened, Said
from kinetoken_viewer.generator import serve
from synthetic_motion import walking

CHUNK = 4  # frames
FRAMES = 24


def chunk(start: int) -> MotionChunk:
    """Frames start to start + CHUNK of the synthetic walk."""
    joints = walking(start + CHUNK)[start:]
    return MotionChunk(start, joints, np.zeros((CHUNK, 263), np.float32), np.zeros((1, 4), np.int64))


def good(job: Job, out: Connection) -> None:
    """A whole answer at once."""
    out.send(Opened(5, 20.0))
    out.send(Said("I walk "))
    out.send(Said("ahead."))
    for start in range(0, FRAMES, CHUNK):
        out.send(Moved(chunk(start), 3.0))
    out.send(Ended(Clip(walking(FRAMES), prompt=job.prompt, text="I walk ahead.", seed=5), 3.0))


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
