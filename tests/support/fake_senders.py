"""Senders' processes that behave badly, for live output. Each is a worker for `LiveOutput`."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection

from kinetoken.live.messages import TargetsOpen
from kinetoken.live.settings import LiveSettings


def dies(settings: LiveSettings, pipe: Connection) -> None:
    """Opens everything, then is killed as the system kills what takes too much memory."""
    pipe.send(TargetsOpen(("ready",)))
    pipe.recv()
    os.kill(os.getpid(), signal.SIGKILL)


def never_ready(settings: LiveSettings, pipe: Connection) -> None:
    """Ends before anything is open."""
