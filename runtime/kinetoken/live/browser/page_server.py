"""A page and its stream of binary frames on one port; the only file that imports websockets.

The server runs in a thread of its own; no frame waits for it. A client that falls behind is
dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http
import json
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from ...base.errors import InputError, MissingPackageError
from ...base.operating_system import bind_alone
from ..settings import LOOPBACK, LiveSettings, is_loopback, resolve
from ..target import LiveFrame, prompt_facts, stream_header
from .page_files import PageFiles
from .robot_on_page import RobotOnPage

try:
    from websockets.asyncio.server import ServerConnection, broadcast, serve
    from websockets.datastructures import Headers
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response
except ImportError as error:
    raise MissingPackageError("websockets", "live") from error

_MAX_BACKLOG: Final = 256 * 1024
"""Bytes that wait for a client, about 7 s of frames; one with more is dropped."""
_MAX_CLIENTS: Final = 32
MAX_SAID: Final = 4000
"""Letters of a thought that late clients get, so that a flood of text cannot fill the memory."""
_CLOSE_SECONDS: Final = 1.0
_ADVICE: Final = {
    errno.EADDRINUSE: "choose another port, or 0 for any free one",
    errno.EADDRNOTAVAIL: "give --host an address of this machine; 0.0.0.0 stands for all of them",
    errno.EACCES: "choose a port from 1024 on, or 0 for any free one",
}
_LOGGER: Final = logging.getLogger("kinetoken.live.websockets")


class PageTarget:
    """The server; every client gets the header first, then frames and text as they come."""

    def __init__(self, settings: LiveSettings) -> None:
        """InputError where the port cannot be bound."""
        self._header = stream_header(settings)
        self._robot = None if settings.robot is None else RobotOnPage(settings.robot)
        if self._robot is not None:
            self._header = self._robot.added_to(self._header)
        self._said = ""
        self._clients: set[ServerConnection] = set()
        self.dropped = 0
        self._token = secrets.token_urlsafe(16) if settings.host is not None else ""
        self._socket = _listen(settings)
        host, self.port = self._socket.getsockname()[:2]
        self._files = PageFiles(self._token, local=is_loopback(host))
        shown = "localhost" if host == LOOPBACK else f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}{self._files.root}"
        self.note = f"page at {self.url}"
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.result()

    @property
    def clients(self) -> int:
        """Number of clients that follow the stream."""
        return len(self._clients)

    def send(self, frame: LiveFrame) -> None:
        """Send the frame to every client that keeps up."""
        if self._clients:
            robot = b"" if self._robot is None else self._robot.to_bytes(frame)
            self._call(self._broadcast, frame.to_bytes() + robot)

    def ask(self, prompt: str, seed: int | None) -> None:
        """Send the prompt to every client, and put it into the header of those that come later."""
        self._call(self._turn, prompt_facts(prompt, seed))

    def say(self, text: str) -> None:
        """Send the text to every client, and to those that come later."""
        self._call(self._tell, text)

    def close(self) -> None:
        """Tell every client that the stream ends, and free the port."""
        self._call(self._stop.set)
        self._thread.join(2 * _CLOSE_SECONDS)

    def _call(self, function: Callable[..., object], *values: object) -> None:
        """Call in the server's thread, soon; a server that has ended does nothing."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *values)

    def _run(self, ready: Future[None]) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.closing(self._loop):
            try:
                self._loop.run_until_complete(self._serve(ready))
            except BaseException as error:
                if ready.done():
                    raise
                ready.set_exception(error)

    async def _serve(self, ready: Future[None]) -> None:
        silent = logging.NullHandler()
        _LOGGER.addHandler(silent)
        _LOGGER.propagate = False  # a browser may break off a handshake
        options: dict[str, Any] = {
            "sock": self._socket,
            "process_request": self._answer,
            "compression": None,
        }
        async with serve(
            self._client,
            **options,
            logger=_LOGGER,
            server_header=None,
            max_size=1024,
            close_timeout=_CLOSE_SECONDS,
        ):
            ready.set_result(None)
            await self._stop.wait()
            for client in list(self._clients):
                with contextlib.suppress(ConnectionClosed, TimeoutError):
                    await asyncio.wait_for(
                        client.send(json.dumps({"end": True})), _CLOSE_SECONDS / 4
                    )

    async def _client(self, connection: ServerConnection) -> None:
        """Serve one client until it leaves; its messages are ignored."""
        if len(self._clients) >= _MAX_CLIENTS:
            await connection.close(1013, "too many clients")
            return
        with contextlib.suppress(ConnectionClosed):
            await connection.send(json.dumps({**self._header, "said": self._said}))
            self._clients.add(connection)
            try:
                async for _ in connection:
                    pass
            finally:
                self._clients.discard(connection)

    def _broadcast(self, message: bytes | str) -> None:
        for client in list(self._clients):
            if client.transport.get_write_buffer_size() > _MAX_BACKLOG:
                self._clients.discard(client)
                self.dropped += 1
                client.transport.abort()
        broadcast(self._clients, message)

    def _turn(self, facts: dict[str, str]) -> None:
        self._header = {
            key: value for key, value in self._header.items() if key not in ("prompt", "seed")
        } | facts
        self._said = ""
        self._broadcast(json.dumps(facts))

    def _tell(self, text: str) -> None:
        self._said = (self._said + text)[-MAX_SAID:]
        self._broadcast(json.dumps({"say": text}))

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request: None begins the WebSocket, anything else is a page."""
        found = self._files.find(
            request.path, request.headers.get_all("Host"), request.headers.get_all("Origin")
        )
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if found.is_stream and upgrade:
            return None
        status = http.HTTPStatus(426 if found.is_stream else found.status)
        headers = Headers(
            {**found.headers, "Content-Length": str(len(found.body)), "Connection": "close"}
        )
        return Response(status.value, status.phrase, headers, found.body)


def _listen(settings: LiveSettings) -> socket.socket:
    """Bind a socket. InputError."""
    assert settings.ws is not None
    family, host = resolve(settings.host or LOOPBACK, settings.ws, socket.SOCK_STREAM, "--host")
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        bind_alone(listener)
        listener.bind((host, settings.ws))
        listener.listen()
    except OSError as error:
        listener.close()
        advice = _ADVICE.get(error.errno or 0, "choose another port or --host")
        raise InputError(
            f"--ws {settings.ws}: cannot listen on {host}: {error.strerror}; {advice}"
        ) from error
    return listener
