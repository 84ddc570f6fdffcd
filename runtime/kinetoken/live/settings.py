"""Where live motion goes, checked before anything runs."""

from __future__ import annotations

import ipaddress
import math
import socket
from dataclasses import dataclass, field
from typing import Final

from ..base.errors import InputError

LOOPBACK: Final = "127.0.0.1"
VMC_PORT: Final = 39539  # where the receivers of the VMC protocol listen
RATE: Final = 60.0  # frames per second
RATES: Final = (1.0, 240.0)
HIP_HEIGHTS: Final = (0.05, 50.0)  # metres


@dataclass(frozen=True)
class Address:
    """A place to send datagrams to."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """HOST, HOST:PORT, :PORT, [IPV6]:PORT or nothing at all; InputError for anything else."""
        host, port = _split(text.strip())
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise InputError(
                f"--vmc: expected HOST or HOST:PORT with a port from 1 to 65535, got {text!r}"
            )
        if any(c.isspace() or c in "/@?#" for c in host):
            raise InputError(
                f"--vmc: {host!r} is no host; a prompt stands before --vmc, as in: PROMPT --vmc HOST:PORT"
            )
        return cls(host or LOOPBACK, int(port))


@dataclass(frozen=True)
class LiveSettings:
    """What is sent where, and how often."""

    vmc: Address | None = None
    """A receiver of the VMC protocol."""
    ws: int | None = None
    """Port of the page and its stream; 0 takes any free one."""
    host: str | None = None
    """Address to bind the page to, which then has a token in its URL; None: this machine only."""
    stdout: bool = False
    """Whether frames go to standard output as lines of JSON."""
    rate: float = RATE
    """Frames per second."""
    hip_height: float | None = None
    """Of the avatar that VMC drives, metres: what its root moves by; None: that of the skeleton."""
    fps: float = 20.0
    """Frames per second of the motion that comes in."""
    loop: bool = False
    """Begin again after the end, until told to stop."""
    endless: bool = False
    """Idle motion where no answer is shown, until told to finish; `Begin` and `End` stand around each answer."""
    expected: float = 0.0
    """Seconds of motion to come, where it is known."""
    facts: dict[str, str] = field(default_factory=dict)
    """Said to every reader of the page and of standard output: prompt, seed."""

    def __post_init__(self) -> None:
        if self.ws is not None and not 0 <= self.ws < 65536:
            raise InputError(f"--ws: expected a port from 0 (any free one) to 65535, got {self.ws}")
        if self.host is not None and self.ws is None:
            raise InputError("--host says where the page of --ws is bound; give --ws PORT too")
        _within("--rate", self.rate, RATES, "frames per second")
        if self.hip_height is not None:
            if self.vmc is None:
                raise InputError("--hip-height is that of the avatar of --vmc; give --vmc too")
            _within("--hip-height", self.hip_height, HIP_HEIGHTS, "metres")

    @property
    def asked(self) -> bool:
        """Whether anything is to be sent at all."""
        return self.vmc is not None or self.ws is not None or self.stdout


def resolve(
    host: str, port: int, kind: socket.SocketKind, option: str
) -> tuple[socket.AddressFamily, str]:
    """Family and numeric address of a host; InputError where it cannot be found."""
    try:
        found = socket.getaddrinfo(host, port, type=kind)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "not a host name"
        raise InputError(
            f"{option}: cannot find the host {host!r} ({why}); give its address in numbers"
        ) from None
    family, _, _, _, address = found[0]
    return family, str(address[0])


def is_loopback(host: str) -> bool:
    """Whether a numeric address never leaves this machine."""
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def _split(text: str) -> tuple[str, str]:
    """Host and port as written; the port is VMC's own where there is none."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        return host, rest[1:] if rest.startswith(":") else str(
            VMC_PORT
        ) if bracket and not rest else "?"
    if text.count(":") > 1:  # IPv6 without brackets has no port
        return text, str(VMC_PORT)
    host, colon, port = text.partition(":")
    return host, port if colon else str(VMC_PORT)


def _within(option: str, value: float, limits: tuple[float, float], unit: str) -> None:
    if not math.isfinite(value) or not limits[0] <= value <= limits[1]:
        raise InputError(f"{option}: expected {limits[0]:g} to {limits[1]:g} {unit}, got {value:g}")
