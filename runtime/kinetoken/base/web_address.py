"""Addresses of the web, from users and from servers: the one place that takes them apart."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LONGEST_HOST: Final = 253  # letters, as in DNS
_PRINTABLE: Final = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class WebAddress:
    """An http or https address that a connection can be opened to."""

    scheme: str
    host: str
    """A name, or a numeric address without brackets; a name in other scripts as DNS spells it."""
    port: int
    path: str
    query: str
    fragment: str
    has_user: bool
    """A name or a password stands before the host."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What two addresses of one server share: scheme, host, port."""
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        """Scheme, host and port as they stand in an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == _PORTS[self.scheme]
        return f"{self.scheme}://{host}" if usual else f"{self.scheme}://{host}:{self.port}"


def parse_web_address(text: str) -> WebAddress:
    """Take an http or https address apart. ValueError, and nothing else, where it is none."""
    parts = urlsplit(text)
    if parts.scheme not in _PORTS:
        raise ValueError("it begins with neither http:// nor https://")
    if not _PRINTABLE.fullmatch(f"{parts.path}{parts.query}{parts.fragment}"):
        raise ValueError("it has characters that must be written as %XX")
    port = parts.port
    if port == 0:
        raise ValueError("its port is 0")
    return WebAddress(
        parts.scheme,
        _host(parts.hostname or "", "[" in parts.netloc),
        port or _PORTS[parts.scheme],
        parts.path,
        parts.query,
        parts.fragment,
        has_user="@" in parts.netloc,
    )


def _host(name: str, numeric: bool) -> str:
    """The host; ValueError unless it can be looked up."""
    if numeric:
        return str(ipaddress.IPv6Address(name))
    if not name.isascii():
        name = name.encode("idna").decode("ascii")
    whole = name.removesuffix(".")
    if len(whole) > _LONGEST_HOST or not all(_LABEL.fullmatch(x) for x in whole.split(".")):
        raise ValueError("it has no host name")
    return name
