"""A page and its stream of binary frames on one port; the only file that imports websockets.

The server runs in a thread of its own; no frame waits for it. A client that falls behind is
dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http
import itertools
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
from ..messages import PageFile, PageNews, PageRequest
from ..settings import LOOPBACK, LiveSettings, is_loopback, resolve
from ..target import LiveFrame, prompt_facts, stream_header
from .avatar_file import AvatarFile
from .page_files import PageFiles, PageResponse, made_file, no_file
from .page_requests import LARGEST_REQUEST, MOST_REFUSED, PageInbox
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
_FILE_SECONDS: Final = 60.0
"""Time for the generator's process, which may be at work, to make a file."""
_MOST_FILES: Final = 8  # that are being made at once
_ADVICE: Final = {
    errno.EADDRINUSE: "choose another port, or 0 for any free one",
    errno.EADDRNOTAVAIL: "give --host an address of this machine; 0.0.0.0 stands for all of them",
    errno.EACCES: "choose a port from 1024 on, or 0 for any free one",
}
_ALL_ADDRESSES: Final = ("0.0.0.0", "::")
_LOGGER: Final = logging.getLogger("kinetoken.live.websockets")


class PageTarget:
    """The server; every client gets the header first, then frames and text as they come."""

    def __init__(self, settings: LiveSettings) -> None:
        """InputError where the port cannot be bound."""
        self._header = stream_header(settings)
        self._robot = None if settings.robot is None else RobotOnPage(settings.robot)
        if self._robot is not None:
            self._header = self._robot.added_to(self._header)
        self._inbox: PageInbox | None = None
        if settings.prompting is not None:
            self._header = {**self._header, "prompting": settings.prompting}
            self._inbox = PageInbox()
        avatar = None if settings.avatar is None else AvatarFile.read(settings.avatar)
        if avatar is not None:
            self._header["avatar"] = {"path": avatar.path, "name": avatar.name}
        self._said = ""
        self._clients: dict[ServerConnection, int] = {}
        self._numbers = itertools.count(1)
        self._files_asked: dict[int, asyncio.Future[PageFile]] = {}
        self.dropped = 0
        self._token = secrets.token_urlsafe(16) if settings.host is not None else ""
        self._socket = _listen(settings)
        host, self.port = self._socket.getsockname()[:2]
        self._files = PageFiles(self._token, local=is_loopback(host), avatar=avatar)
        self.url = f"http://{_shown(host, self._socket.family)}:{self.port}{self._files.root}"
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
            self._call(self._broadcast, frame.to_bytes() + robot + frame.others_to_bytes())

    def ask(self, prompt: str, seed: int | None) -> None:
        """Send the prompt to every client, and put it into the header of those that come later."""
        self._call(self._turn, prompt_facts(prompt, seed))

    def say(self, text: str) -> None:
        """Send the text to every client, and to those that come later."""
        self._call(self._tell, text)

    def taken(self) -> list[PageRequest]:
        """Requests of pages that have come since the last call."""
        return [] if self._inbox is None else self._inbox.taken()

    def tell(self, news: PageNews) -> None:
        """Send JSON to all pages or one, and put what lasts into the header of later ones."""
        self._call(self._tell_news, news)

    def give(self, file: PageFile) -> None:
        """Answer the request of a file."""
        self._call(self._give, file)

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
            max_size=LARGEST_REQUEST,
            open_timeout=_FILE_SECONDS + 10.0,  # a file is made while the request is open
            close_timeout=_CLOSE_SECONDS,
        ):
            ready.set_result(None)
            await self._stop.wait()
            await asyncio.gather(*map(_tell_end, self._clients))

    async def _client(self, connection: ServerConnection) -> None:
        """Serve one client until it leaves; a page that takes no prompts ignores its messages."""
        if len(self._clients) >= _MAX_CLIENTS:
            await connection.close(1013, "too many clients")
            return
        with contextlib.suppress(ConnectionClosed):
            await connection.send(json.dumps({**self._header, "said": self._said}))
            self._clients[connection] = next(self._numbers)
            try:
                await self._listen(connection)
            finally:
                self._clients.pop(connection, None)

    async def _listen(self, connection: ServerConnection) -> None:
        """Take the requests of one page; one that is refused again and again is cut off."""
        in_a_row = 0
        async for message in connection:
            if self._inbox is None:
                continue
            number = self._clients.get(connection, 0)
            refused = self._inbox.ask(number, _address(connection), message)
            in_a_row = 0 if refused is None else in_a_row + 1
            if in_a_row > MOST_REFUSED:
                await connection.close(1008, "too many requests")
            elif refused is not None:
                await connection.send(json.dumps({"refused": refused}))

    def _broadcast(self, message: bytes | str) -> None:
        for client in list(self._clients):
            if client.transport.get_write_buffer_size() > _MAX_BACKLOG:
                del self._clients[client]
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

    def _tell_news(self, news: PageNews) -> None:
        self._header = self._header | news.lasting
        if news.news is None:
            return
        message = json.dumps(news.news)
        if news.client is None:
            self._broadcast(message)
        else:
            broadcast([c for c, number in self._clients.items() if number == news.client], message)

    def _give(self, file: PageFile) -> None:
        asked = self._files_asked.get(file.number)
        if asked is not None and not asked.done():
            asked.set_result(file)

    async def _made(self, connection: ServerConnection, name: str) -> PageResponse:
        """A file that the generator's process makes."""
        if self._inbox is None:
            return no_file(404, "this page has no files to save")
        if len(self._files_asked) >= _MOST_FILES:
            return no_file(503, "too many files at once; try again in a moment")
        number = next(self._numbers)
        refused = self._inbox.ask_file(number, _address(connection), name)
        if refused is not None:
            return no_file(429, refused)
        asked = self._files_asked[number] = self._loop.create_future()
        try:
            file = await asyncio.wait_for(asked, _FILE_SECONDS)
        except TimeoutError:
            return no_file(503, "the generator is busy; try again in a moment")
        finally:
            del self._files_asked[number]
        if file.body is None:
            return no_file(404, "this motion is no longer kept; ask for it again")
        return made_file(file.body, file.name)

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request: None begins the WebSocket, anything else is a page."""
        method = getattr(request, "method", "GET")  # older websockets refuse all others
        found = self._files.find(
            request.path, request.headers.get_all("Host"), request.headers.get_all("Origin")
        )
        if method not in ("GET", "HEAD"):
            found = no_file(405, "this page is for reading; prompts go through its WebSocket")
        elif found.made:
            found = await self._made(connection, found.made)
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if found.is_stream and upgrade:
            return None
        status = http.HTTPStatus(426 if found.is_stream else found.status)
        headers = Headers(
            {**found.headers, "Content-Length": str(len(found.body)), "Connection": "close"}
        )
        return Response(
            status.value, status.phrase, headers, b"" if method == "HEAD" else found.body
        )


async def _tell_end(client: ServerConnection) -> None:
    """Tell one client that the stream is over; one that does not read is not waited for."""
    with contextlib.suppress(ConnectionClosed, TimeoutError):
        await asyncio.wait_for(client.send(json.dumps({"end": True})), _CLOSE_SECONDS / 4)


def _address(connection: ServerConnection) -> str:
    """The other side's address, without its port."""
    return str((connection.remote_address or ("",))[0])


def _shown(host: str, family: socket.AddressFamily) -> str:
    """The host of the URL. The one that stands for all addresses cannot be opened elsewhere."""
    if host == LOOPBACK:
        return "localhost"
    host = _own_address(family) if host in _ALL_ADDRESSES else host
    return f"[{host}]" if ":" in host else host


def _own_address(family: socket.AddressFamily) -> str:
    """This machine's address for others: that of its way out, on which nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1" if family == socket.AF_INET else "2001:db8::1", 9))
        except OSError:  # no network
            return "localhost"
        return str(probe.getsockname()[0])


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
            f"{settings.port_option} {settings.ws}: cannot listen on {host}: {error.strerror}; {advice}"
        ) from error
    return listener
