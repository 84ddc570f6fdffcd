"""HTTP connections with a deadline for whole answers, not only for the silence between two bytes.

A socket's timeout begins anew at every byte, so a server that sends one a second is never given up.
Here each wait gets what is left until the deadline.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any, Final

_SHORTEST: Final = 1e-3  # seconds: 0 would mean not to wait at all


class Deadline:
    """A moment by which something must have come; TimeoutError from then on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Begin anew: something has come."""
        self._end = time.monotonic() + self._seconds

    def left(self) -> float:
        """Seconds left. TimeoutError where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return max(left, _SHORTEST)


class DeadlineSocket:
    """The part of a connected socket that http.client uses, under a deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = connected, deadline

    def sendall(self, data: Any) -> None:
        """Send it all. OSError."""
        self._socket.settimeout(self._deadline.left())  # of the whole, says Python
        self._socket.sendall(data)

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        """Make a stream of what comes."""
        assert mode == "rb", "http.client reads bytes"
        return io.BufferedReader(_DeadlineReader(self._socket, self._deadline))

    def close(self) -> None:
        """Close the socket, once its streams are closed too."""
        self._socket.close()


class _DeadlineReader(io.RawIOBase):
    """What comes from a socket, until the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = connected, deadline
        self._stream = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, or wait for it. OSError, TimeoutError at the deadline."""
        self._socket.settimeout(self._deadline.left())
        return self._stream.readinto(buffer)

    def close(self) -> None:
        """Close the stream and, where it was the last, the socket."""
        self._stream.close()
        super().close()


def put_deadline(connection: http.client.HTTPConnection, deadline: Deadline) -> None:
    """From here on all that a connected connection sends and reads is under the deadline."""
    assert isinstance(connection.sock, socket.socket), "it is connected, and has no deadline yet"
    connection.sock = DeadlineSocket(connection.sock, deadline)
