"""`kinetoken web` as a process of its own, and a page's side of its WebSocket."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed

from kinetoken.live.browser.page_requests import BURST, PER_SECOND
from websocket_client import ClientConnection, connect

SECONDS = 60


@contextlib.contextmanager
def serving(*options: str) -> Iterator[str]:
    """Start it on a free port; the URL of its page."""
    command = [sys.executable, "-m", "kinetoken", "web", "--port", "0", "--no-browser", *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found is not None, line + process.stderr.read()
        try:
            yield found[0]
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=SECONDS)[1]
            assert process.returncode == 130, said
            assert "Traceback" not in said, said
        finally:
            process.kill()


class Page:
    """What a page hears, in order."""

    _asked: ClassVar[list[float]] = []
    """Times of the last requests of all pages, which share an address."""

    def __init__(self, url: str) -> None:
        self._open = contextlib.ExitStack()
        address = url.replace("http", "ws") + "stream"
        self._client: ClientConnection = self._open.enter_context(
            connect(address, close_timeout=0.5)
        )
        self.header: dict[str, Any] = json.loads(self._client.recv(SECONDS))
        # A thread reads, as in a browser: whoever does not is cut off after some seconds.
        self._heard: queue.Queue[str | bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.turns: dict[int, dict[str, Any]] = {
            turn["id"]: turn for turn in self.header.get("history", [])
        }
        self.frames: dict[int, bytes] = {}
        self.refused: list[str] = []
        self.said = ""

    def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._heard.put(self._client.recv())

    def ask(self, **request: Any) -> None:
        """Send a request, no sooner than the server takes another."""
        Page.wait_for_room()
        self._client.send(json.dumps(request))

    @staticmethod
    def wait_for_room() -> None:
        """Wait until the server takes another request of this address; downloads count too."""
        recent = [at for at in Page._asked if time.monotonic() - at < BURST / PER_SECOND]
        if len(recent) > BURST - 4:  # a busy server takes some in the same moment
            time.sleep(1.1 / PER_SECOND)
        Page._asked[:] = [*recent, time.monotonic()]

    def hear(self) -> None:
        """Take the next message."""
        message = self._heard.get(timeout=SECONDS)
        if isinstance(message, bytes):
            self.frames[int(np.frombuffer(message, "<u4", 1)[0])] = message
            return
        news = json.loads(message)
        if "turn" in news:
            self.turns[news["turn"]["id"]] = news["turn"]
        self.refused += [news["refused"]] if "refused" in news else []
        self.said = "" if "prompt" in news else self.said + news.get("say", "")

    def until(self, condition: Any) -> None:
        """Hear until something is so."""
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, (self.turns, self.refused)
            self.hear()

    def state(self, turn: int) -> str:
        """State of a turn."""
        return str(self.turns.get(turn, {}).get("state", ""))

    @property
    def newest(self) -> bytes:
        """The last frame that came."""
        return self.frames[max(self.frames)]

    def joints(self, person: int = 0) -> NDArray[np.float32]:
        """The joints of a person in the newest frame (22, 3), metres."""
        start = 16 if person == 0 else 632 + 616 * (person - 1)
        return np.frombuffer(self.newest, "<f4", 66, start).reshape(22, 3)

    def close(self) -> None:
        """Leave."""
        self._open.close()
        self._reader.join(SECONDS)
