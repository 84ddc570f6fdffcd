"""Settings of live output, checked before anything runs."""

from __future__ import annotations

import ipaddress
import math
import socket
from dataclasses import dataclass, field
from typing import Final

from ..base.errors import InputError

LOOPBACK: Final = "127.0.0.1"
VMC_PORT: Final = 39539  # usual for receivers of the VMC protocol
DEFAULT_RATE: Final = 60.0  # frames per second
_RATES: Final = (1.0, 240.0)
_HIP_HEIGHTS: Final = (0.05, 50.0)  # metres


@dataclass(frozen=True)
class VmcAddress:
    """A receiver of the VMC protocol."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> VmcAddress:
        """Parse HOST, HOST:PORT, :PORT, [IPV6]:PORT or nothing; InputError for anything else."""
        host, port = _split(text.strip())
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise InputError(
                f"--vmc: expected HOST or HOST:PORT with a port from 1 to 65535, got {text!r}"
            )
        if any(c.isspace() or c in "/@?#" for c in host):
            raise InputError(
                f"--vmc: expected a host, got {host!r}; "
                "put the prompt first, as in: PROMPT --vmc HOST:PORT"
            )
        return cls(host or LOOPBACK, int(port))


@dataclass(frozen=True)
class LiveSettings:
    """Targets, rate, and the motion that is sent."""

    vmc: VmcAddress | None = None
    """A receiver of the VMC protocol."""
    ws: int | None = None
    """Port of the page and its stream; 0 takes any free one."""
    host: str | None = None
    """Address to bind the page to, whose URL then has a token; None: this machine only."""
    stdout: bool = False
    """Write frames to standard output as lines of JSON."""
    robot: str | None = None
    """Write those of this robot instead."""
    rate: float = DEFAULT_RATE
    """Frames per second."""
    hip_height: float | None = None
    """Of the avatar that VMC drives, metres; scales its path. None: that of the skeleton."""
    fps: float = 20.0
    """Frames per second of the motion that comes in."""
    loop: bool = False
    """Begin again after the end, until told to stop."""
    endless: bool = False
    """Show idle motion between answers, each between `AnswerBegins` and `AnswerEnds`."""
    expected: float = 0.0
    """Length of the motion in seconds, if known."""
    facts: dict[str, str] = field(default_factory=dict)
    """Prompt and seed, for every reader of the page and of standard output."""

    def __post_init__(self) -> None:
        if self.ws is not None and not 0 <= self.ws < 65536:
            raise InputError(f"--ws: expected a port from 0 (any free one) to 65535, got {self.ws}")
        if self.host is not None and self.ws is None:
            raise InputError("--host binds the page of --ws to an address; give --ws PORT too")
        _within("--rate", self.rate, _RATES, "frames per second")
        if self.hip_height is not None:
            if self.vmc is None:
                raise InputError("--hip-height belongs to the avatar of --vmc; give --vmc too")
            _within("--hip-height", self.hip_height, _HIP_HEIGHTS, "metres")

    @property
    def has_targets(self) -> bool:
        """True where there is any target."""
        return self.vmc is not None or self.ws is not None or self.stdout


def resolve(
    host: str, port: int, kind: socket.SocketKind, option: str
) -> tuple[socket.AddressFamily, str]:
    """Look up family and numeric address of a host; InputError where it cannot be found."""
    try:
        found = socket.getaddrinfo(host, port, type=kind)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "not a host name"
        raise InputError(
            f"{option}: cannot find the host {host!r} ({why}); give its numeric address"
        ) from None
    family, _, _, _, address = found[0]
    return family, str(address[0])


def is_loopback(host: str) -> bool:
    """True for a numeric address that never leaves this machine."""
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def _split(text: str) -> tuple[str, str]:
    """Split into host and port; without a port it is VMC's usual one."""
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
