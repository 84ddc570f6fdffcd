"""Avatars by the VMC protocol, OSC over UDP, one bundle per frame; the only file that imports
python-osc.

Unity's axes are left-handed: positions (-x, y, z), quaternions (x, -y, -z, w). Source:
protocol.vmc.info, version 2. The root moves as the hips do from their place in T-pose, and the hips
keep that place above it, so that receivers that ignore bone positions follow too.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Final

import numpy as np

from ..base.errors import MissingPackageError
from ..motion.skeleton import JOINT, Array, Array64
from .avatar_rotations import rest_offsets
from .settings import LiveSettings, resolve
from .target import LiveFrame

try:
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder
except ImportError as error:
    raise MissingPackageError("python-osc", "live") from error

_SIDE: Final = {
    "hip": "UpperLeg", "knee": "LowerLeg", "ankle": "Foot", "foot": "Toes", "collar": "Shoulder",
    "shoulder": "UpperArm", "elbow": "LowerArm", "wrist": "Hand",
}  # fmt: skip
BONES: Final[dict[str, str]] = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Chest", "spine3": "UpperChest", "neck": "Neck",
    "head": "Head",
    **{f"{s.lower()}_{joint}": s + bone for s in ("Left", "Right") for joint, bone in _SIDE.items()},
}  # fmt: skip
"""Joint of the skeleton to Unity's HumanBodyBones."""
_IDENTITY: Final = [0.0, 0.0, 0.0, 1.0]


class VmcTarget:
    """Sends to one receiver; UDP cannot tell whether anything listens there."""

    def __init__(self, settings: LiveSettings) -> None:
        """InputError where the host cannot be found."""
        assert settings.vmc is not None
        family, host = resolve(settings.vmc.host, settings.vmc.port, socket.SOCK_DGRAM, "--vmc")
        self._address = (host, settings.vmc.port)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        shown = host if ":" not in host else f"[{host}]"
        self.note = f"VMC to {shown}:{settings.vmc.port}, {settings.rate:g} Hz"
        offsets = rest_offsets()
        self._scale = (settings.hip_height or offsets[0, 1]) / offsets[0, 1]
        self._hips = offsets[0]
        self._rest = mirrored_points(offsets * self._scale).tolist()

    def send(self, frame: LiveFrame) -> None:
        """Send one datagram; a network failure costs the frames of its time, nothing else."""
        with contextlib.suppress(OSError):
            self._socket.sendto(self.bundle(frame), self._address)

    def bundle(self, frame: LiveFrame) -> bytes:
        """The frame as an OSC bundle: state, time, root and 22 bones."""
        root = mirrored_points((frame.pose.joints[0] - self._hips) * self._scale).tolist()
        turns = mirrored_turns(frame.pose.rotations).tolist()
        builder = OscBundleBuilder(IMMEDIATELY)
        _add(builder, "/VMC/Ext/OK", [1])
        _add(builder, "/VMC/Ext/T", [frame.pose.time])
        _add(builder, "/VMC/Ext/Root/Pos", ["root", *root, *_IDENTITY])
        for name, bone in BONES.items():
            joint = JOINT[name]
            _add(builder, "/VMC/Ext/Bone/Pos", [bone, *self._rest[joint], *turns[joint]])
        return bytes(builder.build().dgram)

    def ask(self, prompt: str, seed: int | None) -> None:
        """Do nothing: the protocol has no text."""

    def say(self, text: str) -> None:
        """Do nothing: the protocol has no text."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def mirrored_points(points: Array) -> Array64:
    """Positions (..., 3) to Unity's axes."""
    return np.asarray(points * np.array([-1.0, 1.0, 1.0]))


def mirrored_turns(quaternions: Array) -> Array64:
    """Quaternions xyzw (..., 4) to Unity's axes."""
    return np.asarray(quaternions * np.array([1.0, -1.0, -1.0, 1.0]))


def _add(builder: OscBundleBuilder, address: str, values: list[int | float | str]) -> None:
    message = OscMessageBuilder(address=address)
    for value in values:
        message.add_arg(value)
    builder.add_content(message.build())
