"""NVIDIA's GEAR-SONIC: joint references for a Unitree G1 over ZeroMQ; the only file with pyzmq.

Protocol 1 of the "pose" topic, as its tutorial and receiver have it (NVlabs/GR00T-WholeBodyControl,
docs/source/tutorials/zmq.md): one part a message, made of the topic, 1,280 bytes of JSON filled up
with zeros, and the arrays that it lists, little-endian. SONIC plays 50 frames a second. Each message
repeats the last frames, so that a receiver which misses some of them has no gap.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..base.errors import InputError, MissingPackageError
from ..motion.skeleton import Array64
from ..robots.robot_model import CAUTION, robot_named
from ..robots.robot_rate import robot_between
from ..robots.robot_run import RobotPose
from .settings import SONIC_RATE, SONIC_ROBOT, LiveSettings, NetworkAddress, resolve
from .target import LiveFrame, LostError

try:
    import zmq
except ImportError as error:
    raise MissingPackageError("pyzmq", "sonic") from error

TOPIC: Final = b"pose"
_HEADER_BYTES: Final = 1280
PROTOCOL: Final = 1
FRAMES_IN_MESSAGE: Final = 10
"""Frames in a message: the last ones."""
_BACKLOG: Final = 50  # messages that wait for a receiver, a second of them
_LINGER_MS: Final = 1000  # for the last messages to leave
_DTYPES: Final = {"<f4": "f32", "<i8": "i64"}
_ADVICE: Final = {
    errno.EADDRINUSE: "give another port, and the same to SONIC with --zmq-port",
    errno.EADDRNOTAVAIL: "give an address of this machine, to which SONIC connects; 0.0.0.0: all",
    errno.EACCES: "give a port from 1024 on, and the same to SONIC with --zmq-port",
}


@dataclass(frozen=True)
class SonicFrame:
    """One frame, joints in SONIC's order."""

    index: int
    angles: Array64
    """(29,) radians."""
    speeds: Array64
    """(29,) radians a second."""
    turn: Array64
    """(4,) quaternion of the pelvis, w x y z."""


class SonicTarget:
    """Publishes on an address of this machine; receivers connect to it."""

    def __init__(self, settings: LiveSettings) -> None:
        """InputError for an address that cannot be bound."""
        assert settings.sonic is not None
        robot = robot_named(SONIC_ROBOT)
        self._order = list(robot.breadth_first)
        self._frames: deque[SonicFrame] = deque(maxlen=FRAMES_IN_MESSAGE)
        self._count = 0
        self._last: RobotPose | None = None
        self._subscribed = self._published = False
        self._context = zmq.Context()
        self._socket, where = _bind(self._context, settings.sonic)
        self.note = f"SONIC at {where}, {SONIC_RATE:g} Hz, {robot.name}: {CAUTION}"
        self._nobody = (
            f"no receiver came to --sonic at {where}, so the motion went nowhere; start SONIC first "
            f"(deploy.sh --input-type zmq --zmq-port {settings.sonic.port})"
        )

    def send(self, frame: LiveFrame) -> None:
        """Publish the last frames, once there are enough of them.

        A frame that comes late brings those between with it: SONIC plays one every 20 ms.
        """
        pose = frame.pose.robot
        assert pose is not None
        last = pose if self._last is None else self._last
        steps = frame.periods if self._count else 1
        for step in range(1, steps + 1):
            self._add(robot_between(last, pose, step / steps))
        self._last = pose
        if len(self._frames) == FRAMES_IN_MESSAGE:
            self._publish()

    def _add(self, pose: RobotPose) -> None:
        angles = pose.angles[self._order]
        last = self._frames[-1].angles if self._frames else angles
        turn = pose.quaternion[[3, 0, 1, 2]]
        self._frames.append(SonicFrame(self._count, angles, (angles - last) * SONIC_RATE, turn))
        self._count += 1

    def ask(self, prompt: str, seed: int | None) -> None:
        """Do nothing: the protocol has no text."""

    def say(self, text: str) -> None:
        """Do nothing: the protocol has no text."""

    def close(self) -> None:
        """Publish a motion shorter than a message, and free the address.

        LostError where nobody ever subscribed.
        """
        if self._frames and not self._published:
            self._publish()
        self._listen()
        self._socket.close(linger=_LINGER_MS)
        self._context.term()
        if not self._subscribed:
            raise LostError(self._nobody, 0)

    def _publish(self) -> None:
        self._listen()
        self._published = True
        with contextlib.suppress(zmq.Again):
            self._socket.send(sonic_message(self._frames), zmq.NOBLOCK)

    def _listen(self) -> None:
        """Note a subscription, whose first byte is 1."""
        with contextlib.suppress(zmq.Again):
            while True:
                self._subscribed |= self._socket.recv(zmq.NOBLOCK)[:1] == b"\x01"


def sonic_message(frames: Sequence[SonicFrame]) -> bytes:
    """The frames as one message of protocol 1."""
    fields = {
        "joint_pos": np.array([frame.angles for frame in frames], "<f4"),
        "joint_vel": np.array([frame.speeds for frame in frames], "<f4"),
        "body_quat": np.array([frame.turn for frame in frames], "<f4"),
        "frame_index": np.array([frame.index for frame in frames], "<i8"),
    }
    header = {
        "v": PROTOCOL,
        "endian": "le",
        "count": len(frames),
        "fields": [
            {"name": name, "dtype": _DTYPES[array.dtype.str], "shape": array.shape}
            for name, array in fields.items()
        ],
    }
    text = json.dumps(header).encode()
    assert len(text) < _HEADER_BYTES
    data = b"".join(array.tobytes() for array in fields.values())
    return TOPIC + text.ljust(_HEADER_BYTES, b"\0") + data


def _bind(
    context: zmq.Context[zmq.Socket[bytes]], address: NetworkAddress
) -> tuple[zmq.Socket[bytes], str]:
    """A socket that publishes, and its address as shown. InputError."""
    family, host = resolve(address.host, address.port, socket.SOCK_STREAM, "--sonic")
    where = f"tcp://{NetworkAddress(host, address.port)}"
    publisher = context.socket(zmq.XPUB)
    publisher.set_hwm(_BACKLOG)
    publisher.setsockopt(zmq.IPV6, family == socket.AF_INET6)
    try:
        publisher.bind(where)
    except zmq.ZMQError as error:
        publisher.close(linger=0)
        context.term()
        number = int(error.errno or 0)
        advice = _ADVICE.get(number, "give another address, such as 127.0.0.1:5556")
        why = zmq.strerror(number).lower()
        raise InputError(f"--sonic: cannot use {where} ({why}); {advice}") from None
    return publisher, where
