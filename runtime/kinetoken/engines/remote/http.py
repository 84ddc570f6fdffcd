"""HTTP to a server that writes answers, with the standard library alone.

One request at a time, plain errors, lines as they come.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urljoin

from ...base.deadline_socket import Deadline, put_deadline
from ...base.errors import EngineError, InputError
from ...base.json_text import parse_json
from ...base.key_mask import KeyMask
from ...base.web_address import parse_web_address
from .address import KEY_VARIABLE, ServerAddress

CONNECT_SECONDS: Final = 10.0
MOST_TRIES: Final = 4  # if the server is busy
LONGEST_WAIT: Final = 20.0  # seconds before the next try, whatever the server asks for
SHORTEST_WAIT: Final = 0.5
MOST_REDIRECTS: Final = 3
LONGEST_REPLY_LINE: Final = 1 << 20  # bytes
LONGEST_ANSWER: Final = 1 << 24  # bytes of an answer that is read whole
MOST_QUOTED: Final = 200  # characters of a server's own words in an error
BUSY_STATUS: Final = (429, 503)
MOVED_STATUS: Final = (301, 302, 307, 308)


@dataclass(frozen=True)
class ServerLink:
    """An address, the time to wait for it, and the key that it asks for."""

    address: ServerAddress
    timeout: float
    """Seconds in which a whole answer must come, or the next piece of one that is streamed."""
    key: str | None = field(default=None, repr=False)

    @classmethod
    def open(cls, url: str, timeout: float) -> ServerLink:
        """A link with the key of $KINETOKEN_API_KEY. InputError if a part cannot be used."""
        key = os.environ.get(KEY_VARIABLE) or None
        if key is not None and not (key.isascii() and key.isprintable()):
            raise InputError(
                f"${KEY_VARIABLE}: expected letters, digits and punctuation, got something else; "
                "set it again"
            )
        return cls(ServerAddress.parse(url), timeout, key)

    def get(self, path: str) -> Any:
        """A JSON value."""
        return self._json("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """A JSON value."""
        return self._json("POST", path, body)

    def stream(self, path: str, body: dict[str, Any]) -> ReplyLines:
        """The answer as it comes. EngineError if it is not a stream of events."""
        response, connection, deadline = self._ask("POST", path, body, "text/event-stream")
        kind = response.headers.get_content_type()
        if kind != "text/event-stream":
            said = self._explanation(response, connection)
            raise EngineError(
                f"expected a stream of events of {self.address}, got {self.shown(kind)}{said}; "
                f"{_CHECK}"
            )
        return ReplyLines(self, response, connection, deadline)

    def _json(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        response, connection, _ = self._ask(method, path, body, "application/json")
        try:
            return parse_json(response.read(LONGEST_ANSWER))
        except ValueError:
            kind = self.shown(response.headers.get_content_type())
            raise EngineError(
                f"expected JSON of {self.address}, got something else ({kind}); {_CHECK}"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise self.lost(error) from error
        finally:
            connection.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None, accept: str) -> _Reply:
        """An answer with status 200. A busy server is asked again a few times."""
        moved, tries = 0, 1
        while True:
            response, connection, deadline = self._send(method, path, body, accept)
            if response.status == http.HTTPStatus.OK:
                return response, connection, deadline
            if response.status in MOVED_STATUS and moved < MOST_REDIRECTS:
                path, moved = self._moved(response, connection, path), moved + 1
                continue
            said = self._refusal(response.status) + self._explanation(response, connection)
            error = StatusError(response.status, said)
            if response.status not in BUSY_STATUS or tries == MOST_TRIES:
                raise error
            time.sleep(_wait(response.headers.get("Retry-After"), tries))
            tries += 1

    def _send(self, method: str, path: str, body: dict[str, Any] | None, accept: str) -> _Reply:
        address = self.address
        connection = self._connection()
        headers = {"Accept": accept, "User-Agent": "kinetoken"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise EngineError(
                f"nothing answers at {address} ({_why(error)}); start the server, or check the URL"
            ) from error
        deadline = Deadline(self.timeout)
        try:
            put_deadline(connection, deadline)
            connection.request(method, path, data, headers)
            return connection.getresponse(), connection, deadline
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self.lost(error) from error
        except BaseException:
            connection.close()
            raise

    def _connection(self) -> http.client.HTTPConnection:
        address, patience = self.address, min(CONNECT_SECONDS, self.timeout)
        if address.scheme == "http":
            return http.client.HTTPConnection(address.host, address.port, timeout=patience)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            address.host, address.port, timeout=patience, context=context
        )

    def _moved(
        self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection, path: str
    ) -> str:
        """The path on the same server that it redirects to; the key is for no other server."""
        connection.close()
        here = self.address
        said = response.headers.get("Location", "")
        try:
            whole = urljoin(f"{here.scheme}://{here.host_and_port}{path}", said)
            target = parse_web_address(whole)
        except ValueError:
            raise EngineError(
                f"{here} redirects to {self.shown(said)[:MOST_QUOTED]!r}, which is no address; "
                f"{_CHECK}"
            ) from None
        if target.origin != (here.scheme, here.host, here.port):
            there = self.shown(str(target))
            raise EngineError(f"{here} redirects to {there}; give that address, if you trust it")
        return (target.path or "/") + (f"?{target.query}" if target.query else "")

    def _refusal(self, status: int) -> str:
        """The beginning of an error's line."""
        at = str(self.address)
        if status in (401, 403):
            return f"{at} refuses the key ({status}): put the right one into ${KEY_VARIABLE}"
        if status == http.HTTPStatus.NOT_FOUND:
            advice = "check the URL, which usually ends in /v1, and --engine-model"
            return f"{at} knows no such model or path (404): {advice}"
        if status in BUSY_STATUS:
            return f"{at} is still busy after {MOST_TRIES} tries ({status}): try again later"
        if status in MOVED_STATUS:
            return f"{at} redirects in circles ({status}): check the URL"
        blame = (
            "failed" if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR else "refuses the request"
        )
        return f"{at} {blame} ({status}): see its log"

    def _explanation(
        self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection
    ) -> str:
        """The server's explanation, in a few words and without the key."""
        try:
            text = response.read(LONGEST_REPLY_LINE).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            text = ""
        finally:
            connection.close()
        return self.quoted(_message(text))

    def quoted(self, text: str) -> str:
        """Quote a server's own words, for the end of an error."""
        line = "".join(c if c.isprintable() else " " for c in text[: 4 * MOST_QUOTED])
        line = " ".join(self.shown(line).split())[:MOST_QUOTED]
        return f'; it says "{line}"' if line else ""

    def shown(self, text: str) -> str:
        """What a server says, without the key, as itself or in disguise."""
        return KeyMask(self.key).shown(text) if self.key else text

    def lost(self, error: Exception) -> EngineError:
        """The error of a connection that was there."""
        if isinstance(error, TimeoutError):
            return self.silent()
        if isinstance(error, http.client.BadStatusLine) and not isinstance(
            error, http.client.RemoteDisconnected
        ):
            return EngineError(f"what answers at {self.address} speaks no HTTP; {_CHECK}")
        return EngineError(
            f"{self.address} cut the connection ({self.shown(_why(error))}); see its log and try again"
        )

    def silent(self) -> EngineError:
        """The error of a server that says nothing, or takes for ever to say it."""
        return EngineError(
            f"{self.address} gave no answer for {self.timeout:g} s; give it more with "
            "--engine-timeout"
        )


class StatusError(EngineError):
    """The server answered with a refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


_Reply = tuple[http.client.HTTPResponse, http.client.HTTPConnection, Deadline]
_CHECK: Final = "check the URL: it needs a server with OpenAI's completions"


class ReplyLines:
    """The lines of an answer under way, without their ends."""

    def __init__(
        self,
        link: ServerLink,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        deadline: Deadline,
    ) -> None:
        self._link, self._response, self._connection = link, response, connection
        self.deadline = deadline
        """When the next piece must have come; whoever takes one renews it."""

    def __iter__(self) -> Iterator[bytes]:
        while line := self._line():
            yield line.rstrip(b"\r\n")

    def close(self) -> None:
        """Hang up, which makes the server stop."""
        self._response.close()
        self._connection.close()

    def _line(self) -> bytes:
        try:
            line = self._response.readline(LONGEST_REPLY_LINE)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._link.lost(error) from error
        if len(line) >= LONGEST_REPLY_LINE:
            raise EngineError(f"{self._link.address} writes lines without an end; {_CHECK}")
        return line


def _message(text: str) -> str:
    """The message of OpenAI's form of an error, or the text itself; nothing of a web page."""
    try:
        data = parse_json(text)
    except ValueError:
        return "" if text.lstrip().startswith("<") else text
    return error_message(data)


def error_message(data: Any) -> str:
    """The message in {"error": {"message": ...}} and similar forms."""
    for key in ("error", "message", "detail"):
        if isinstance(data, dict) and key in data:
            data = data[key]
    return data if isinstance(data, str) else json.dumps(data) if data else ""


def _why(error: Exception) -> str:
    """The reason in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, http.client.IncompleteRead):
        return "in the middle of an answer"
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:MOST_QUOTED] or type(error).__name__


def _wait(asked: str | None, tries: int) -> float:
    """Seconds until the next try: as Retry-After says, in seconds or as a date, within bounds."""
    usual = SHORTEST_WAIT * float(2**tries)
    if asked is None:
        return usual
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - time.time()
        except (ValueError, TypeError):
            return usual
    return min(LONGEST_WAIT, max(0.0, seconds)) if math.isfinite(seconds) else usual
