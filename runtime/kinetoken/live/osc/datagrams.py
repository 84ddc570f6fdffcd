"""OSC over UDP, one bundle a datagram; the only file that imports python-osc.

Also Unity's axes, which both protocols use: left-handed, Y up, so positions are (-x, y, z) and
quaternions (x, -y, -z, w).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from ...base.errors import MissingPackageError
from ...motion.skeleton import Array, Array64
from ..settings import NetworkAddress, resolve

try:
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder
except ImportError as error:
    raise MissingPackageError("python-osc", "live") from error

OscMessage = tuple[str, Sequence[int | float | str]]
"""An address and its arguments."""
_POINT_SIGNS: Final = np.array([-1.0, 1.0, 1.0])
_TURN_SIGNS: Final = np.array([1.0, -1.0, -1.0, 1.0])


class OscSender:
    """Sends to one receiver; UDP cannot tell whether anything listens there."""

    def __init__(self, address: NetworkAddress, option: str) -> None:
        """`option`: the one that names the host. InputError where it cannot be found."""
        family, host = resolve(address.host, address.port, socket.SOCK_DGRAM, option)
        self._address = (host, address.port)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.shown = str(NetworkAddress(host, address.port))

    def send(self, messages: Iterable[OscMessage]) -> None:
        """Send one datagram; a network failure costs the frames of its time, nothing else."""
        with contextlib.suppress(OSError):
            self._socket.sendto(osc_bundle(messages), self._address)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def osc_bundle(messages: Iterable[OscMessage]) -> bytes:
    """The messages as one OSC bundle, to be handled at once."""
    bundle = OscBundleBuilder(IMMEDIATELY)
    for address, values in messages:
        message = OscMessageBuilder(address=address)
        for value in values:
            message.add_arg(value)
        bundle.add_content(message.build())
    return bytes(bundle.build().dgram)


def mirrored_points(points: Array) -> Array64:
    """Positions (..., 3) in Unity's axes."""
    return np.asarray(points * _POINT_SIGNS)


def mirrored_turns(quaternions: Array) -> Array64:
    """Quaternions xyzw (..., 4) in Unity's axes."""
    return np.asarray(quaternions * _TURN_SIGNS)
