"""Requests that come from pages, each within its limits, before they reach the generator."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, Full, Queue
from typing import Final

from ..messages import FileAsked, PageAsked, PageRequest

LARGEST_REQUEST: Final = 4096
"""Bytes of a message from a page; the connection of a longer one is closed."""
BURST: Final = 20
"""Requests of one address that are taken at once."""
PER_SECOND: Final = 2.0
"""Requests of one address in the long run."""
MOST_REFUSED: Final = 30
"""Refusals in a row after which a connection is closed."""
_MOST_WAITING: Final = 64  # of all addresses, until the generator's process has taken them
_MOST_ADDRESSES: Final = 1024  # remembered


class RateLimit:
    """A bucket for each address: `BURST` requests at once, then `PER_SECOND`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # requests, and when that was

    def allows(self, address: str) -> bool:
        """Take a request of the address; False where it has none left."""
        now = self._clock()
        left, since = self._left.pop(address, (float(BURST), now))
        left = min(float(BURST), left + PER_SECOND * (now - since))
        allowed = left >= 1.0
        self._left[address] = (left - allowed, now)
        if len(self._left) > _MOST_ADDRESSES:
            del self._left[next(iter(self._left))]
        return allowed


class PageInbox:
    """Requests on their way from the server's thread to the thread that sends frames."""

    def __init__(self, limit: RateLimit | None = None) -> None:
        self._limit = limit or RateLimit()
        self._waiting: Queue[PageRequest] = Queue(_MOST_WAITING)

    def ask(self, client: int, address: str, message: str | bytes) -> str | None:
        """Take a message of a page; why it was refused, or None."""
        if not isinstance(message, str):
            return "expected JSON text, got binary data"
        if not self._limit.allows(address):
            return f"too many requests; this page may send {PER_SECOND:g} a second, wait a little"
        return self._put(PageAsked(client, message))

    def ask_file(self, number: int, address: str, name: str) -> str | None:
        """Take the request of a file; why it was refused, or None."""
        if not self._limit.allows(address):
            return f"too many requests; {PER_SECOND:g} a second are served, wait a little"
        return self._put(FileAsked(number, name))

    def taken(self) -> list[PageRequest]:
        """All that have come since the last call, in order."""
        out: list[PageRequest] = []
        try:
            while True:
                out.append(self._waiting.get_nowait())
        except Empty:
            return out

    def _put(self, request: PageRequest) -> str | None:
        try:
            self._waiting.put_nowait(request)
        except Full:
            return "too many requests at once; try again in a moment"
        return None
