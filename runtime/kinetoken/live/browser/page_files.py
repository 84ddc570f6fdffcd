"""The files of the page, and the check of who may have them; no network code."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from .avatar_file import AvatarFile

PAGE_FOLDER: Final = Path(__file__).parent / "page"
_KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
PAGE_FILES: Final = {
    "": "index.html",
    **{
        name: name
        for name in (
            "avatar.js",
            "body.js",
            "bones.js",
            "controls.js",
            "playback.js",
            "protocol.js",
            "rig.js",
            "stage.js",
            "style.css",
            "viewer.js",
            "vendor/three.module.min.js",
            "vendor/three.core.min.js",
            "vendor/three.gltf.min.js",
            "vendor/three-vrm.module.min.js",
            "vendor/LICENSE.three",
            "vendor/LICENSE.three-vrm",
        )
    },
}
"""Path below the root to file; what is not listed is not served."""
_STREAM: Final = "stream"
_MADE: Final = re.compile(r"clips/[0-9]{1,9}\.[a-z]{3,4}")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' ws: blob: data:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the URL holds the token
    "Cache-Control": "no-store",
}
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class PageResponse:
    """The answer to a request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_stream: bool = False
    made: str = ""
    """Name of a file that the generator's process has to make."""


class PageFiles:
    """Files below the root of the page; a token, if any, is the first part of every path."""

    def __init__(self, token: str, *, local: bool, avatar: AvatarFile | None = None) -> None:
        """`local`.

        The page is bound to this machine alone, so only its own host names are allowed.
        """
        self._avatar = avatar
        self.root = f"/{token}/" if token else "/"
        self._local = local

    def find(self, path: str, hosts: Sequence[str], origins: Sequence[str]) -> PageResponse:
        """Answer a request for a path, with its Host and Origin headers.

        A page of another site cannot listen, neither under its own name (Origin) nor under a name
        that it lets point here (Host).
        """
        path = path.partition("?")[0]
        begin = path[: len(self.root)].encode("utf-8", "backslashreplace")
        if not hmac.compare_digest(begin, self.root.encode()):
            return _plain(404 if self.root == "/" else 403)
        if len(hosts) != 1 or not self._allowed(hosts[0], origins):
            return _plain(403)
        name = path[len(self.root) :]
        if name == _STREAM:
            return PageResponse(426, b"this is a WebSocket\n", _typed("text/plain"), is_stream=True)
        if _MADE.fullmatch(name):
            return PageResponse(404, made=name)
        if self._avatar is not None and name == self._avatar.path:
            return made_file(self._avatar.body, self._avatar.path)
        if name not in PAGE_FILES:
            return _plain(404)
        file = PAGE_FOLDER / PAGE_FILES[name]
        kind = _KINDS.get(file.suffix, "text/plain; charset=utf-8")
        return PageResponse(200, file.read_bytes(), _typed(kind))

    def _allowed(self, host: str, origins: Sequence[str]) -> bool:
        try:
            if self._local and urlsplit(f"//{host}").hostname not in _LOCAL_NAMES:
                return False
            return all(urlsplit(origin).netloc.lower() == host.lower() for origin in origins)
        except ValueError:  # what urlsplit cannot take apart
            return False


def made_file(body: bytes, name: str) -> PageResponse:
    """The answer with a file to save under an ASCII name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return PageResponse(200, body, {**_typed("application/octet-stream"), **headers})


def no_file(status: int, line: str) -> PageResponse:
    """The answer where there is no file to save: one line why."""
    return PageResponse(status, f"{line}\n".encode(), _typed("text/plain; charset=utf-8"))


def _plain(status: int) -> PageResponse:
    words = {
        403: b"forbidden: use the whole URL that kinetoken printed\n",
        404: b"no such page\n",
    }
    return PageResponse(status, words[status], _typed("text/plain"))


def _typed(kind: str) -> dict[str, str]:
    return {"Content-Type": kind, **_HEADERS}
