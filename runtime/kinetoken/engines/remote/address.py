"""The address of a server, from a URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...base.errors import InputError
from ...base.web_address import parse_web_address

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
            parts = parse_web_address(url.strip())
        except ValueError as error:
            raise InputError(f"{expected}: {error}") from None
        if parts.has_user:
            raise InputError(
                f"engine: a URL must not contain a password; give the key in ${KEY_VARIABLE}"
            )
        if parts.query or parts.fragment:
            raise InputError(expected)
        return cls(parts.scheme, parts.host, parts.port, parts.path.rstrip("/") or "/v1")

    @property
    def root(self) -> str:
        """Path of what stands beside the API."""
        return self.path.removesuffix("/v1")

    @property
    def host_and_port(self) -> str:
        """Both as they stand in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_and_port}{self.path}"
