"""Avatars by the VMC protocol, one bundle per frame. Source: protocol.vmc.info, version 2.

The root moves as the hips do from their place in T-pose, and the hips keep that place above it, so
that receivers that ignore bone positions follow too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...motion.skeleton import JOINT
from ..avatar_rotations import rest_offsets
from ..settings import LiveSettings
from ..target import LiveFrame
from .datagrams import OscMessage, OscSender, mirrored_points, mirrored_turns

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
    """Sends state, time, root and 22 bones to one receiver."""

    def __init__(self, settings: LiveSettings) -> None:
        """InputError where the host cannot be found."""
        assert settings.vmc is not None
        self._sender = OscSender(settings.vmc, "--vmc")
        self.note = f"VMC to {self._sender.shown}, {settings.rate:g} Hz"
        offsets = rest_offsets()
        self._scale = (settings.hip_height or offsets[0, 1]) / offsets[0, 1]
        self._hips = offsets[0]
        self._rest = mirrored_points(offsets * self._scale).tolist()

    def send(self, frame: LiveFrame) -> None:
        """Send one datagram."""
        self._sender.send(self._messages(frame))

    def _messages(self, frame: LiveFrame) -> Iterator[OscMessage]:
        root = mirrored_points((frame.pose.joints[0] - self._hips) * self._scale).tolist()
        turns = mirrored_turns(frame.pose.rotations).tolist()
        yield "/VMC/Ext/OK", [1]
        yield "/VMC/Ext/T", [frame.pose.time]
        yield "/VMC/Ext/Root/Pos", ["root", *root, *_IDENTITY]
        for name, bone in BONES.items():
            joint = JOINT[name]
            yield "/VMC/Ext/Bone/Pos", [bone, *self._rest[joint], *turns[joint]]

    def ask(self, prompt: str, seed: int | None) -> None:
        """Do nothing: the protocol has no text."""

    def say(self, text: str) -> None:
        """Do nothing: the protocol has no text."""

    def close(self) -> None:
        """Close the socket."""
        self._sender.close()
