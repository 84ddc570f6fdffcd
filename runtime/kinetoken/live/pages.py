"""The files of the page, and who may have them. No network here."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

FOLDER: Final = Path(__file__).parent / "page"
FILES: Final = {
    "": ("index.html", "text/html; charset=utf-8"),
    "protocol.js": ("protocol.js", "text/javascript; charset=utf-8"),
    "viewer.js": ("viewer.js", "text/javascript; charset=utf-8"),
    "three.module.min.js": ("three.module.min.js", "text/javascript; charset=utf-8"),
    "three.core.min.js": ("three.core.min.js", "text/javascript; charset=utf-8"),
    "LICENSE.three": ("LICENSE.three", "text/plain; charset=utf-8"),
}
STREAM: Final = "stream"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self' ws:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the token stands in the address
    "Cache-Control": "no-store",
}
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Found:
    """The answer to a request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_stream: bool = False


class PageFiles:
    """What lies below the root of the page; the token, where there is one, is the first part of every path."""

    def __init__(self, token: str, *, local: bool) -> None:
        """`local`: bound to this machine only, so that only its own names may be asked for."""
        self.root = f"/{token}/" if token else "/"
        self._local = local

    def find(self, path: str, hosts: Sequence[str], origins: Sequence[str]) -> Found:
        """The file of a path as requested, with the request's Host and Origin headers.

        A page of another site cannot listen: neither by its own name (Origin) nor by a name that it lets point here (Host).
        """
        place = path.partition("?")[0]
        if not hmac.compare_digest(place[: len(self.root)].encode(), self.root.encode()):
            return _plain(404 if self.root == "/" else 403)
        if len(hosts) != 1 or not self._welcome(hosts[0], origins):
            return _plain(403)
        name = place[len(self.root) :]
        if name == STREAM:
            return Found(426, b"this is a WebSocket\n", _typed("text/plain"), is_stream=True)
        if name not in FILES:
            return _plain(404)
        file, kind = FILES[name]
        return Found(200, (FOLDER / file).read_bytes(), _typed(kind))

    def _welcome(self, host: str, origins: Sequence[str]) -> bool:
        if self._local and urlsplit(f"//{host}").hostname not in _LOCAL_NAMES:
            return False
        return all(urlsplit(origin).netloc.lower() == host.lower() for origin in origins)


def _plain(status: int) -> Found:
    words = {
        403: b"forbidden: use the whole address that kinetoken printed\n",
        404: b"there is no such page\n",
    }
    return Found(status, words[status], _typed("text/plain"))


def _typed(kind: str) -> dict[str, str]:
    return {"Content-Type": kind, **HEADERS}
