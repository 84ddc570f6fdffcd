"""Jobs of child processes: they live here because a spawned child imports them by name."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection


def answers(job: str, pipe: Connection) -> None:
    pipe.send(f"{job} {signal.getsignal(signal.SIGINT) == signal.SIG_IGN}")
    pipe.recv()


def waits(job: None, pipe: Connection) -> None:
    pipe.send("here")
    time.sleep(600)


def stubborn(job: None, pipe: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    waits(job, pipe)


def leaves(job: int, pipe: Connection) -> None:
    os._exit(job)
