"""Settings of live output, checked before anything runs."""

from __future__ import annotations

import ipaddress
import math
import socket
from dataclasses import dataclass, field
from typing import Any, Final

from ..base.errors import InputError
from ..base.machine.packages import require_package

LOOPBACK: Final = "127.0.0.1"
VMC_PORT: Final = 39539  # usual for receivers of the VMC protocol
VRCHAT_PORT: Final = 9000
SONIC_PORT: Final = 5556
SONIC_RATE: Final = 50.0  # frames per second
SONIC_ROBOT: Final = "g1"
DEFAULT_RATE: Final = 60.0  # frames per second
_RATES: Final = (1.0, 240.0)
_HIP_HEIGHTS: Final = (0.05, 50.0)  # metres
_NEEDED: Final = {
    "vmc": ("pythonosc", "live"), "vrchat": ("pythonosc", "live"), "ws": ("websockets", "live"), "sonic": ("zmq", "sonic"),
}  # fmt: skip
"""Module and extra of each target."""


@dataclass(frozen=True)
class NetworkAddress:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, option: str, text: str, usual_port: int) -> NetworkAddress:
        """Parse HOST, HOST:PORT, :PORT, [IPV6]:PORT or nothing; InputError for anything else."""
        host, port = _split(text.strip(), str(usual_port))
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise InputError(
                f"{option}: expected HOST or HOST:PORT with a port from 1 to 65535, got {text!r}"
            )
        if any(c.isspace() or c in "/@?#" for c in host):
            raise InputError(
                f"{option}: expected a host, got {host!r}; "
                f"put the prompt first, as in: PROMPT {option} HOST:PORT"
            )
        return cls(host or LOOPBACK, int(port))


def vmc_address(text: str) -> NetworkAddress:
    """The receiver of --vmc. InputError."""
    return NetworkAddress.parse("--vmc", text, VMC_PORT)


def vrchat_address(text: str) -> NetworkAddress:
    """The VRChat of --vrchat. InputError."""
    return NetworkAddress.parse("--vrchat", text, VRCHAT_PORT)


def sonic_address(text: str) -> NetworkAddress:
    """The address of this machine where --sonic publishes. InputError."""
    return NetworkAddress.parse("--sonic", text, SONIC_PORT)


@dataclass(frozen=True)
class LiveSettings:
    """Targets, rate, and the motion that is sent."""

    vmc: NetworkAddress | None = None
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
    """Of the avatar that VMC or VRChat drives, metres; scales its path. None: the skeleton's."""
    vrchat: NetworkAddress | None = None
    """A VRChat that listens to OSC trackers."""
    sonic: NetworkAddress | None = None
    """Address of this machine where GEAR-SONIC fetches joint references."""
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

    prompting: dict[str, Any] | None = None
    """The page takes prompts, and this is what it should know; None: it is for watching alone."""
    avatar: str | None = None
    """File of an avatar, .vrm or .glb, that pages show in place of the body."""
    port_option: str = "--ws"
    """The option that gave the port, for messages."""

    def __post_init__(self) -> None:
        if self.ws is not None and not 0 <= self.ws < 65536:
            raise InputError(
                f"{self.port_option}: expected a port from 0 (any free one) to 65535, got {self.ws}"
            )
        if self.host is not None and self.ws is None:
            raise InputError("--host binds the page of --ws to an address; give --ws PORT too")
        _within("--rate", self.rate, _RATES, "frames per second")
        if self.hip_height is not None:
            if self.vmc is None and self.vrchat is None:
                raise InputError(
                    "--hip-height belongs to the avatar of --vmc or --vrchat; give one of them too"
                )
            _within("--hip-height", self.hip_height, _HIP_HEIGHTS, "metres")
        if self.sonic is not None:
            if self.rate != SONIC_RATE:
                raise InputError(
                    f"--sonic: SONIC plays {SONIC_RATE:g} frames a second, got --rate {self.rate:g}; "
                    f"leave --rate out or give {SONIC_RATE:g}"
                )
            if self.robot not in (None, SONIC_ROBOT):
                raise InputError(
                    f"--sonic drives a Unitree G1, got --robot {self.robot}; leave --robot out"
                )

    def check_packages(self) -> None:
        """MissingPackageError where a target needs a package that is not here; imports nothing."""
        for target, (module, extra) in _NEEDED.items():
            if getattr(self, target) is not None:
                require_package(module, extra)

    @property
    def has_targets(self) -> bool:
        """True where there is any target."""
        targets = (self.vmc, self.vrchat, self.sonic, self.ws)
        return self.stdout or any(target is not None for target in targets)

    @property
    def moving_robot(self) -> str | None:
        """The robot whose motion some target needs."""
        return self.robot if self.sonic is None else SONIC_ROBOT


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


def _split(text: str, usual_port: str) -> tuple[str, str]:
    """Split into host and port."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if rest.startswith(":"):
            return host, rest[1:]
        return host, usual_port if bracket and not rest else "?"
    if text.count(":") > 1:  # IPv6 without brackets has no port
        return text, usual_port
    host, colon, port = text.partition(":")
    return host, port if colon else usual_port


def _within(option: str, value: float, limits: tuple[float, float], unit: str) -> None:
    if not math.isfinite(value) or not limits[0] <= value <= limits[1]:
        raise InputError(f"{option}: expected {limits[0]:g} to {limits[1]:g} {unit}, got {value:g}")
