"""Keys: where arms, torso, head and feet are at one moment of a gesture.

Arms and feet are named main and other, not left and right: the same keys serve both sides. Places
and directions are (out to the limb's own side, up, forward); angles are degrees (bend forward, lean
to the main side, turn to the main side).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from kinetoken.motion.skeleton import JOINT, Array64

from .body import ARM_LENGTHS, BOTH_SIDES, SIGN, WIDTHS, Channels, middle, pose_body
from .directions import bend_limb, rotation_of, to_plane, unit

Triple = tuple[float, float, float]
LONG: Final = -1.0
"""A hold whose length is drawn for each window."""
REST: Final[Literal["rest"]] = "rest"


@dataclass(frozen=True)
class Bones:
    """An arm by the directions of its bones in the chest's frame."""

    upper: Triple
    fore: Triple


@dataclass(frozen=True)
class Hand:
    """An arm by the place of its wrist, metres, and the direction that its elbow points to."""

    at: Triple
    elbow: Triple = (0.7, -0.7, -0.1)
    frame: Literal["chest", "head", "floor"] = "chest"
    """Measured from between the shoulders, from the head joint, or from between the feet."""


Arm = Bones | Hand | Literal["rest"]


@dataclass(frozen=True)
class Key:
    """One moment of a gesture. What is None stays as it was."""

    seconds: float
    """Time to get there."""
    hold: float = 0.0
    """Seconds to stay; LONG: as long as the window wants."""
    both: Arm | None = None
    main: Arm | None = None
    other: Arm | None = None
    spine: Triple | None = None
    hips: Triple | None = None
    head: Triple | None = None
    pelvis: Triple | None = None
    """Shift to the main side, up, forward, metres."""
    shrug: tuple[float, float] | None = None
    """Shoulders raised: main, other, degrees."""
    feet: tuple[Triple, Triple] | None = None
    """Shift of the main and the other foot: out, up, forward, metres."""
    heels: tuple[float, float] | None = None
    """Heels raised: main, other, degrees."""
    through: bool = False
    """Passed without stopping."""


def resting(base: Array64) -> Channels:
    """The rows (T, n) of each channel for standing poses `base` (T, 22, 3)."""
    rows: Channels = {name: np.zeros((len(base), width)) for name, width in WIDTHS.items()}
    for side in BOTH_SIDES:
        shoulder, elbow, wrist = (
            base[:, JOINT[f"{side}_{p}"]] for p in ("shoulder", "elbow", "wrist")
        )
        rows[f"{side}_upper"] = to_plane(elbow - shoulder, middle(side, "upper"))
        rows[f"{side}_fore"] = to_plane(wrist - elbow, middle(side, "fore"))
    return rows


class Resolver:
    """Turns keys into channel rows for one standing pose and one main side."""

    def __init__(self, base: Array64, main: str, size: float, shake: Mapping[str, Array64]) -> None:
        self.base = base
        self.sides = {"main": main, "other": "right" if main == "left" else "left"}
        self.size = size
        self.shake = shake
        """Small offsets, metres or radians, that set one window apart from another."""
        self.rest = resting(base[None])

    def row(self, before: Channels, key: Key) -> Channels:
        """The channels at `key`, those of `before` where the key leaves them."""
        row = dict(before)
        sign = SIGN[self.sides["main"]]
        mirror = np.array([1.0, sign, sign])
        for name in ("spine", "hips", "head"):
            angles: Triple | None = getattr(key, name)
            if angles is not None:
                row[name] = (np.radians(angles) * mirror * self.size)[None]
        if key.pelvis is not None:
            row["pelvis"] = (np.array(key.pelvis) * np.array([sign, 1.0, 1.0]))[None]
        for part, which in enumerate(("main", "other")):
            side = self.sides[which]
            if key.shrug is not None:
                row[f"{side}_shrug"] = np.radians([[key.shrug[part]]]) * self.size
            if key.heels is not None:
                row[f"{side}_heel"] = np.radians([[key.heels[part]]])
            if key.feet is not None:
                shift = np.array(key.feet[part]) * np.array([SIGN[side], 1.0, 1.0])
                row[f"{side}_foot"] = shift[None]
        for which in ("main", "other"):
            arm: Arm | None = getattr(key, which) or key.both
            if arm is not None:
                self._place(row, self.sides[which], arm)
        return row

    def _place(self, row: Channels, side: str, arm: Arm) -> None:
        if arm == REST:
            for bone in ("upper", "fore"):
                row[f"{side}_{bone}"] = self.rest[f"{side}_{bone}"]
        elif isinstance(arm, Bones):
            for bone, direction in (("upper", arm.upper), ("fore", arm.fore)):
                aimed = np.array(direction) * np.array([SIGN[side], 1.0, 1.0])
                offset = self.shake[bone] * np.array([SIGN[side], 1.0])
                row[f"{side}_{bone}"] = (to_plane(aimed, middle(side, bone)) + offset)[None]
        elif isinstance(arm, Hand):
            for _ in range(3):  # the shoulder follows the arm a little
                self._reach(row, side, arm)

    def _reach(self, row: Channels, side: str, hand: Hand) -> None:
        base = self.base[None]
        body = pose_body(base, row)[0]
        chest = rotation_of(row["hips"][0]) @ rotation_of(row["spine"][0])
        out = np.array([SIGN[side], 1.0, 1.0])
        at = np.array(hand.at) * out + self.shake["hand"]
        if hand.frame == "floor":
            target = at
        elif hand.frame == "head":
            target = body[JOINT["head"]] + chest @ at
        else:
            shoulders = self.base[[JOINT["left_shoulder"], JOINT["right_shoulder"]]].mean(axis=0)
            target = body[9] + chest @ (shoulders - self.base[9] + at)
        shoulder = body[JOINT[f"{side}_shoulder"]]
        pole = chest @ (np.array(hand.elbow) * out)
        upper, fore = bend_limb(shoulder, target, unit(pole), ARM_LENGTHS[side])
        row[f"{side}_upper"] = to_plane(chest.T @ upper, middle(side, "upper"))[None]
        row[f"{side}_fore"] = to_plane(chest.T @ fore, middle(side, "fore"))[None]
