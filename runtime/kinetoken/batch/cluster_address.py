"""The address of a Ray cluster, checked without Ray."""

from __future__ import annotations

from typing import Final

from ..base.errors import InputError

LOCAL: Final = "local"
_AUTO: Final = "auto"
_CLIENT: Final = "ray://"


def host_and_port(address: str) -> tuple[str, int] | None:
    """Split an address; None for "auto" and "local". InputError for anything else."""
    if address in (LOCAL, _AUTO):
        return None
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if (
        not host
        or not (port.isascii() and port.isdecimal() and len(port) <= 5)
        or not 0 < int(port) < 65536
    ):
        raise InputError(
            f"--ray: expected HOST:PORT, {_CLIENT}HOST:PORT, auto or local, got {address!r}"
        )
    return host.strip("[]"), int(port)
