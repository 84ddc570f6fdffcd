"""HTTP to a Hugging Face hub: files from any byte on, and refusals in words that help.

Only the standard library. A file's address is ENDPOINT/OWNER/NAME/resolve/REVISION/PATH. Large
files come by a redirect to another host, which is never shown the token.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import IO, Any, Final
from urllib.parse import quote, urlsplit

from ..base.deadline_socket import Deadline, put_deadline
from ..base.errors import BundleError, DownloadError, InputError
from ..base.key_mask import KeyMask
from ..base.web_address import parse_web_address
from ..manifest.schema import MANIFEST_NAME
from .bundle_name import BundleName

ENDPOINT_VARIABLE: Final = "HF_ENDPOINT"
TOKEN_VARIABLE: Final = "HF_TOKEN"
USUAL_ENDPOINT: Final = "https://huggingface.co"
SILENCE_SECONDS: Final = 30.0
"""In which an answer must begin, and then FEWEST_BYTES of it must come, or it is given up."""
FEWEST_BYTES: Final = 1 << 14
"""500 bytes a second: less is no connection, but somebody who wants to be waited for."""
CHUNK_BYTES: Final = 1 << 18
_BUSY: Final = (408, 425, 429, 500, 502, 503, 504)
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
RETRY_WAITS: Final = (1.0, 2.0, 4.0, 8.0, 16.0)


class ConnectionLostError(DownloadError):
    """The hub was busy or the connection broke: trying again may help."""


class UnreachableError(ConnectionLostError):
    """There was no connection at all."""


class FileBody:
    """A file as it comes."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        start: int,
        total: int | None,
        commit: str | None,
        deadline: Deadline,
    ) -> None:
        self._response, self._deadline = response, deadline
        self._came = 0  # bytes since the deadline was renewed
        self.start = start
        """First byte: 0 where a hub cannot begin elsewhere."""
        self.total = total
        """Bytes of the whole file; None: the hub does not say."""
        self.commit = commit
        """Commit that the file is of, where the hub says so."""

    def read(self, most: int) -> bytes:
        """Up to `most` bytes as soon as there are some, none at the end. ConnectionLostError."""
        try:
            chunk = self._response.read1(min(most, CHUNK_BYTES))
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionLostError(f"the connection broke ({_reason(error)})") from error
        self._came += len(chunk)
        if self._came >= FEWEST_BYTES:
            self._deadline.renew()
            self._came = 0
        return chunk


@dataclass(frozen=True)
class HubClient:
    """A hub's address and the token to show it."""

    endpoint: str = USUAL_ENDPOINT
    token: str | None = field(default=None, repr=False)
    waits: tuple[float, ...] = RETRY_WAITS
    """Seconds before each next try after a broken connection; one that brings bytes starts over."""

    @classmethod
    def from_environment(cls) -> HubClient:
        """$HF_ENDPOINT and $HF_TOKEN; InputError where one of them cannot be used."""
        endpoint = os.environ.get(ENDPOINT_VARIABLE, "").rstrip("/") or USUAL_ENDPOINT
        token = os.environ.get(TOKEN_VARIABLE, "").strip() or None
        if not _is_address(endpoint):
            raise InputError(f"${ENDPOINT_VARIABLE}: expected https://HOST, got {endpoint!r}")
        if token is not None and not (token.isascii() and token.isprintable()):
            raise InputError(f"${TOKEN_VARIABLE} has characters that no token has; set it again")
        return cls(endpoint, token)

    @contextlib.contextmanager
    def open(self, name: BundleName, path: str, start: int = 0) -> Iterator[FileBody]:
        """A file from this byte on, or from its first. DownloadError, BundleError."""
        redirects = _Redirects()
        deadline = Deadline(SILENCE_SECONDS)
        opener = urllib.request.build_opener(redirects, *_handlers(deadline))
        request = urllib.request.Request(self._url(name, path), headers=self._headers(start))
        try:
            response = opener.open(request, timeout=SILENCE_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(name, path, error) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        except (ValueError, OverflowError) as error:  # of a redirect to what is no address
            raise DownloadError(self._nowhere(name)) from error
        with response:
            redirects.note(response.headers)
            yield self._body(response, start, redirects.commit, deadline)

    def shown(self, text: str) -> str:
        """Words of a hub, without the token, as itself or in disguise."""
        return KeyMask(self.token).shown(text) if self.token else text

    def _url(self, name: BundleName, path: str) -> str:
        revision = quote(name.wanted, safe="")
        return f"{self.endpoint}/{name.repository}/resolve/{revision}/{quote(path)}"

    def _headers(self, start: int) -> dict[str, str]:
        headers = {"User-Agent": "kinetoken", "Accept-Encoding": "identity"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if start:
            headers["Range"] = f"bytes={start}-"
        return headers

    def _body(
        self,
        response: http.client.HTTPResponse,
        start: int,
        commit: str | None,
        deadline: Deadline,
    ) -> FileBody:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise DownloadError(f"{self._host} sends compressed files; check ${ENDPOINT_VARIABLE}")
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            length = response.headers.get("Content-Length", "")
            whole = int(length) if length.isdecimal() else None
            return FileBody(response, 0, whole, commit, deadline)
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != start:
            raise ConnectionLostError(f"{self._host} sent another part than was asked for")
        whole = None if found[2] == "*" else int(found[2])
        return FileBody(response, start, whole, commit, deadline)

    @property
    def _host(self) -> str:
        return urlsplit(self.endpoint).netloc

    def _refusal(self, name: BundleName, path: str, error: urllib.error.HTTPError) -> Exception:
        """What an answer that is no file means."""
        status, code = error.code, error.headers.get("X-Error-Code", "")
        if status in _BUSY:
            return ConnectionLostError(f"{self._host} is busy ({status})")
        if status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return BundleError(f"{name}: {path} is shorter on the hub than its manifest says")
        if 300 <= status < 400:
            return DownloadError(self._nowhere(name))
        if (there := urlsplit(error.url).netloc) != self._host:  # where large files lie
            return ConnectionLostError(f"{self.shown(there)} gave no file ({status})")
        if code == "RevisionNotFound":
            return DownloadError(f"{name.repository} has no revision {name.wanted!r} on the hub")
        if code == "EntryNotFound" and path == MANIFEST_NAME:
            return BundleError(
                f"{name} is not a kinetoken bundle: it has no {MANIFEST_NAME}; "
                f"a checkpoint becomes one with `kinetoken export {name.repository}`"
            )
        if code == "EntryNotFound":
            return BundleError(f"{name} is incomplete: the hub has no {path}; tell its owner")
        if code == "GatedRepo":
            return DownloadError(self._gated(name))
        if status in (401, 403, 404):
            return DownloadError(self._unknown(name, status))
        return DownloadError(f"{self._host} refused {name} (HTTP {status}); try again later")

    def _nowhere(self, name: BundleName) -> str:
        return f"{self._host} leads {name} to an address that cannot be followed"

    def _gated(self, name: BundleName) -> str:
        page = f"{self.endpoint}/{name.repository}"
        if self.token is None:
            return f"{name} is gated: accept its terms at {page}, then set {TOKEN_VARIABLE}"
        return f"{name} is gated, and your {TOKEN_VARIABLE} has no access: ask for it at {page}"

    def _unknown(self, name: BundleName, status: int) -> str:
        asked = f"{self._host} has no {name.repository}, or it is private ({status})"
        if self.token is None:
            return f"{asked}: check the name; if it is private, set {TOKEN_VARIABLE}"
        return f"{asked}: check the name, and what your {TOKEN_VARIABLE} may read"

    def _unreachable(self, error: Exception) -> ConnectionLostError:
        cause = getattr(error, "reason", error)
        cause = cause if isinstance(cause, Exception) else error
        why = self.shown(_reason(cause))
        if isinstance(cause, ConnectionResetError | http.client.HTTPException):
            return ConnectionLostError(f"{self._host} broke the connection ({why})")
        return UnreachableError(f"cannot reach {self._host} ({why})")


def _check_port(port: int) -> None:
    """Raise what a socket would raise, before there is one: it would be left open."""
    if not 0 <= port < 1 << 16:
        raise OverflowError(f"port {port} is beyond 65535")


def _handlers(deadline: Deadline) -> tuple[urllib.request.BaseHandler, ...]:
    """What opens connections that begin the deadline anew, and are under it from then on."""

    class Connection(http.client.HTTPConnection):
        def connect(self) -> None:
            _check_port(self.port)
            super().connect()
            deadline.renew()
            put_deadline(self, deadline)

    class SecureConnection(http.client.HTTPSConnection):
        def connect(self) -> None:
            _check_port(self.port)
            super().connect()
            deadline.renew()
            put_deadline(self, deadline)

    class Handler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Connection, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(SecureConnection, req)

    return Handler(), SecureHandler()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects without the token leaving its host; notes the commit on the way."""

    commit: str | None = None

    def note(self, headers: Message) -> None:
        """Keep the first commit that is named."""
        self.commit = self.commit or headers.get("X-Repo-Commit")

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any
    ) -> Any:
        """Follow it. ValueError for what is no address, with the response closed."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        """The next request; HTTPError towards anything but HTTP, or from https to http."""
        self.note(headers)
        try:
            here, there = parse_web_address(req.full_url), parse_web_address(newurl)
        except ValueError:
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp) from None
        if there.scheme not in ("https", here.scheme):
            raise urllib.error.HTTPError(req.full_url, code, msg, headers, fp)
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and here.origin != there.origin:
            new.remove_header("Authorization")
        return new


def _is_address(url: str) -> bool:
    """True for the http(s) address of a host."""
    try:
        parts = parse_web_address(url)
    except ValueError:
        return False
    return not (parts.has_user or parts.query or parts.fragment)


def _reason(error: Exception) -> str:
    """The cause in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"no answer for {SILENCE_SECONDS:g} s"
    if isinstance(error, socket.gaierror):
        return "no such host, or no network"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:200] or type(error).__name__
