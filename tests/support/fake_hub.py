"""A hub of bundles on loopback: what the real one does with files, and everything that can go wrong.

Small files come at once; those of `lfs` come from another host by a redirect, as large ones do. The
fake knows ranges, revisions, gated and private repositories, cut connections and busy moments.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_CHUNK = 1 << 14


@dataclass
class Repository:
    """One repository: files by revision."""

    commits: dict[str, str] = field(default_factory=dict)
    """Revision to commit."""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Commit to its files."""
    token: str | None = None
    """Who may read it; None: everyone."""
    gated: bool = False
    """Whether `token` is for having accepted terms, not for a secret."""

    def commit(self, files: dict[str, bytes], *revisions: str) -> str:
        """A new commit, which these revisions are from now on (default: main)."""
        commit = hashlib.sha1(f"{len(self.files)}{sorted(files)}".encode()).hexdigest()
        self.files[commit] = files
        for revision in (*(revisions or ("main",)), commit):
            self.commits[revision] = commit
        return commit


@dataclass
class Asked:
    """One request, and how many bytes of the file were sent."""

    host: str
    path: str
    range: str | None
    authorization: str | None
    status: int = 0
    sent: int = 0


@dataclass
class FakeHub:
    """What there is, what goes wrong next, and what was asked."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    lfs: set[str] = field(default_factory=set)
    """Files that come by a redirect."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Old names of repositories."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the connection of each next file is cut; taken from the front."""
    reset: bool = False
    """Whether a cut is a reset."""
    statuses: list[int] = field(default_factory=list)
    """What is answered instead, taken from the front."""
    ranges: bool = True
    rate: float | None = None
    """Bytes a second; None: as fast as it goes."""
    lengths: bool = True
    """Whether an answer says how long it is."""
    corrupt: set[str] = field(default_factory=set)
    """Files whose last byte is another one."""
    commit_header: bool = True
    asked: list[Asked] = field(default_factory=list)
    endpoint: str = ""
    other_host: str = ""
    """Where redirects lead: the same server by another name."""

    def repository(self, name: str) -> Repository:
        """The repository of this name, made where there is none."""
        return self.repositories.setdefault(name, Repository())

    def publish(self, name: str, folder: Path, *revisions: str, **more: bytes) -> str:
        """A folder as the next commit."""
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and ".cache" not in path.parts
        }
        return self.repository(name).commit({**files, **more}, *revisions)

    @property
    def sent(self) -> int:
        """Bytes of files that went out."""
        return sum(asked.sent for asked in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, headers = self.hub, self.headers
        self.asked = Asked(
            headers.get("Host", ""), self.path, headers.get("Range"), headers.get("Authorization")
        )
        hub.asked.append(self.asked)
        if hub.statuses and (status := hub.statuses.pop(0)) != 200:
            self.refuse(status)
            return
        found = _RESOLVE.fullmatch(self.path.partition("?")[0])
        if self.path.startswith("/lfs/"):
            _, _, owner, name, commit, path = self.path.split("/", 5)
            self.give(hub.repositories[f"{owner}/{name}"].files[commit], unquote(path))
        elif found is None:
            self.refuse(404)
        else:
            self.resolve(found[1], unquote(found[2]), unquote(found[3]))

    def resolve(self, name: str, revision: str, path: str) -> None:
        hub = self.hub
        if name in hub.renamed:
            self.move(307, self.path.replace(name, hub.renamed[name], 1))
            return
        repository = hub.repositories.get(name)
        allowed = repository is not None and (
            repository.token is None or self.asked.authorization == f"Bearer {repository.token}"
        )
        if repository is None or not allowed:
            gated = repository is not None and repository.gated
            self.refuse(401, "GatedRepo" if gated else "RepoNotFound")
        elif revision not in repository.commits:
            self.refuse(404, "RevisionNotFound")
        else:
            commit = repository.commits[revision]
            files = repository.files[commit]
            if path not in files:
                self.refuse(404, "EntryNotFound")
            elif path in hub.lfs:
                linked = {
                    "X_Linked_Etag": f'"{hashlib.sha256(files[path]).hexdigest()}"',
                    "X_Linked_Size": str(len(files[path])),
                }
                self.move(302, f"{hub.other_host}/lfs/{name}/{commit}/{path}", commit, **linked)
            else:
                self.give(files, path, commit)

    def refuse(self, status: int, code: str | None = None) -> None:
        self.begin(status, 0, **({"X_Error_Code": code} if code else {}))

    def move(self, status: int, target: str, commit: str | None = None, **headers: str) -> None:
        more = {"X_Repo_Commit": commit} if commit and self.hub.commit_header else {}
        self.begin(status, 0, Location=target, **more, **headers)

    def give(self, files: dict[str, bytes], path: str, commit: str | None = None) -> None:
        """The file or what is asked of it, cut where that is due."""
        hub, data = self.hub, files[path]
        digest = hashlib.sha256(data).hexdigest()
        if path in hub.corrupt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        start, status, more = 0, 200, {"ETag": f'"{digest}"'}
        if commit and hub.commit_header:
            more["X_Repo_Commit"] = commit
        if self.asked.range is not None and hub.ranges:
            start, status = int(self.asked.range.removeprefix("bytes=").removesuffix("-")), 206
            if start >= len(data):
                self.refuse(416)
                return
            more["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.begin(status, len(data) - start if hub.lengths else None, **more)
        if self.command == "GET":
            self.pour(data[start:])

    def pour(self, data: bytes) -> None:
        hub = self.hub
        cut = hub.cuts.pop(0) if hub.cuts else None
        for at in range(0, len(data), _CHUNK):
            chunk = data[at : at + _CHUNK]
            if cut is not None and at + len(chunk) > cut:
                chunk = chunk[: cut - at]
            self.wfile.write(chunk)
            self.asked.sent += len(chunk)
            if cut is not None and self.asked.sent >= cut:
                self.hang_up()
                return
            if hub.rate is not None:
                time.sleep(len(chunk) / hub.rate)

    def hang_up(self) -> None:
        """The connection ends in the middle; where it is reset, what is on its way is lost too."""
        if self.hub.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def begin(self, status: int, length: int | None, **headers: str) -> None:
        self.asked.status = status
        self.send_response(status)
        if length is None:
            self.close_connection = True
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


class _Quiet(ThreadingHTTPServer):
    """Clients that hang up are what some tests are about."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Not a word."""


@contextlib.contextmanager
def serving_hub() -> Iterator[FakeHub]:
    """A hub under way, empty."""
    hub = FakeHub()
    server = _Quiet(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    hub.other_host = f"http://localhost:{server.server_port}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
