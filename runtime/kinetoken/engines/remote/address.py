"""The address of a server, from a URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ...base.errors import InputError

KEY_VARIABLE: Final = "KINETOKEN_API_KEY"


@dataclass(frozen=True)
class ServerAddress:
    """The host, port and path at which a server answers."""

    scheme: str
    host: str
    port: int
    path: str
    """Path of its API, without a slash at the end: "/v1"."""

    @classmethod
    def parse(cls, url: str) -> ServerAddress:
        """InputError unless it is http://host[:port][/path] or https. The path defaults to /v1."""
        expected = f"engine: expected a URL such as http://127.0.0.1:8080/v1, got {url!r}"
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError:
            raise InputError(expected) from None
        if parts.username or parts.password:
            raise InputError(
                f"engine: a URL must not contain a password; give the key in ${KEY_VARIABLE}"
            )
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
        ):
            raise InputError(expected)
        path = parts.path.rstrip("/")
        return cls(parts.scheme, parts.hostname, port or default_port(parts), path or "/v1")

    @property
    def root(self) -> str:
        """Path of what stands beside the API."""
        return self.path.removesuffix("/v1")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def default_port(parts: SplitResult) -> int:
    """The usual port of the URL's scheme."""
    return 443 if parts.scheme == "https" else 80
