"""VRChat's OSC trackers: eight on the body and the head, one bundle per frame.

Source: docs.vrchat.com/docs/osc-trackers. Positions are metres in Unity's axes; rotations are
Unity's Euler angles in degrees, which turn about Z first, then X, then Y.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from ...motion.quaternions import to_matrices
from ...motion.skeleton import JOINT, PARENTS, Array64
from ..avatar_rotations import rest_offsets
from ..settings import LiveSettings
from ..target import LiveFrame
from .datagrams import OscMessage, OscSender, mirrored_points, mirrored_turns

TRACKERS: Final[dict[str, tuple[str, str]]] = {
    "1": ("pelvis", "pelvis"),
    "2": ("spine3", "spine3"),
    "3": ("left_ankle", "left_ankle"),
    "4": ("right_ankle", "right_ankle"),
    "5": ("left_knee", "left_hip"),
    "6": ("right_knee", "right_hip"),
    "7": ("left_elbow", "left_shoulder"),
    "8": ("right_elbow", "right_shoulder"),
    "head": ("head", "head"),
}
"""Tracker to the joint where it sits, and the joint whose bone turns it: at a knee the thigh."""
_STEEP: Final = 1.0 - 1e-9
"""Sine of a pitch from which heading and roll turn about the same axis."""


class VrchatTarget:
    """Sends all trackers to one VRChat."""

    def __init__(self, settings: LiveSettings) -> None:
        """InputError where the host cannot be found."""
        assert settings.vrchat is not None
        self._sender = OscSender(settings.vrchat, "--vrchat")
        self.note = f"VRChat trackers to {self._sender.shown}, {settings.rate:g} Hz"
        usual = float(rest_offsets()[0, 1])
        self._scale = (settings.hip_height or usual) / usual

    def send(self, frame: LiveFrame) -> None:
        """Send one datagram."""
        self._sender.send(self._messages(frame))

    def _messages(self, frame: LiveFrame) -> Iterator[OscMessage]:
        points = mirrored_points(frame.pose.joints * self._scale)
        turns = _world_turns(to_matrices(mirrored_turns(frame.pose.rotations)))
        angles = unity_angles(turns)
        for name, (place, bone) in TRACKERS.items():
            address = f"/tracking/trackers/{name}"
            yield f"{address}/position", points[JOINT[place]].tolist()
            yield f"{address}/rotation", angles[JOINT[bone]].tolist()

    def ask(self, prompt: str, seed: int | None) -> None:
        """Do nothing: trackers have no text."""

    def say(self, text: str) -> None:
        """Do nothing: trackers have no text."""

    def close(self) -> None:
        """Close the socket."""
        self._sender.close()


def unity_angles(rotations: Array64) -> Array64:
    """Angles (..., 3) about X, Y and Z, degrees, of rotations (..., 3, 3) in Unity's axes.

    The rotation is Y(y) X(x) Z(z). Looking straight up or down, the roll z is 0.
    """
    r = rotations
    sine = -r[..., 1, 2]
    steep = np.abs(sine) > _STEEP
    heading = np.where(
        steep, np.arctan2(-r[..., 2, 0], r[..., 0, 0]), np.arctan2(r[..., 0, 2], r[..., 2, 2])
    )
    roll = np.where(steep, 0.0, np.arctan2(r[..., 1, 0], r[..., 1, 1]))
    pitch = np.arcsin(np.clip(sine, -1.0, 1.0))
    return np.asarray(np.degrees(np.stack([pitch, heading, roll], axis=-1)))


def _world_turns(local: Array64) -> Array64:
    """Rotations (22, 3, 3) relative to the world, from those relative to the parents."""
    world = local.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        world[joint] = world[parent] @ local[joint]
    return world
