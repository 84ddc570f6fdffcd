"""A server that sends a byte now and then, and never says all that it has to say."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

PAUSE: Final = 0.05  # seconds between two bytes


@contextlib.contextmanager
def dribbling(at_once: bytes, slowly: Iterable[bytes] | None = None) -> Iterator[str]:
    """The address of a server that answers anything with `at_once`, and then drop by drop.

    `slowly`: the drops; None: letters without end.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    drops = itertools.repeat(b"a") if slowly is None else slowly

    def answer(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(1 << 16)
            client.sendall(at_once)
            for drop in drops:
                time.sleep(PAUSE)
                client.sendall(drop)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
