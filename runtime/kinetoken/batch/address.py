"""Where a cluster is, from what was typed; Ray is not needed to see that it is no address."""

from __future__ import annotations

from typing import Final

from ..base.errors import InputError

LOCAL: Final = "local"
AUTO: Final = "auto"
CLIENT: Final = "ray://"


def host_and_port(address: str) -> tuple[str, int] | None:
    """Where to knock; None for "auto" and "local". InputError where it is none of these."""
    if address in (LOCAL, AUTO):
        return None
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        raise InputError(
            f"--ray: expected HOST:PORT, {CLIENT}HOST:PORT, auto or local, got {address!r}"
        )
    return host.strip("[]"), int(port)
