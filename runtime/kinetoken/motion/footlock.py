"""Feet that stand where they stand: the small steps that a standing foot makes are taken out, the leg follows.

Nothing is held back: a frame's correction depends on that frame and those before it. A foot is taken to stand when it is
slow and low, and when the motion's own contact channel, where there is one, agrees; leaving takes a clearer sign than
coming. While ankle or toe stands, it makes ever less of the step that the motion makes, then none; once it leaves, the
correction fades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .contacts import SLOW, floor_of
from .legs import place_feet
from .skeleton import CONTACT_JOINTS, FPS, N_JOINTS

Array = NDArray[np.floating]
Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

_POINTS: Final = len(CONTACT_JOINTS)
_PARTNER: Final = [1, 0, 3, 2]  # ankle and toe of the same foot
_FLAT: Final = [0, 2]  # X and Z
_LONGEST_WINDOW: Final = 240  # frames that are looked back at, whatever the rate


@dataclass(frozen=True)
class FootLock:
    """What counts as standing, and how far a foot may be corrected."""

    fps: float = float(FPS)
    slow: float = SLOW
    """m/s over the floor, below which a foot may be taken to stand."""
    fast: float = 0.7
    """m/s, above which it has left."""
    low: float = 0.03
    """Metres above where it last stood (the lowest of the last second), below which a foot may be taken to stand."""
    high: float = 0.05
    """Metres, above which it has left."""
    on: float = 0.6
    """Contact channel above which a foot may be taken to stand."""
    off: float = 0.4
    """Contact channel below which it has left."""
    settle: float = 0.15
    """Seconds in which a foot comes to rest."""
    release: float = 0.2
    """Seconds in which a correction fades once the foot has left."""
    furthest: float = 0.08
    """Metres of correction at most: a foot that slides further is dragged along."""
    twist: float = 0.05
    """Metres that the corrections of a foot's two ends differ at most: a foot that turns on the spot turns on."""
    floor: float | None = 0.0
    """Height under which no foot goes, metres; None: there is none. Feet deeper than `furthest` are on another floor."""

    @classmethod
    def over(cls, joints: Array, fps: float) -> FootLock:
        """For a finished motion (T, 22, 3) of any rate: one that goes deep below 0, or never comes near it, has no floor."""
        return cls(fps=fps, floor=None if floor_of(joints) else 0.0)

    def start(self) -> FootLockRun:
        """A new motion."""
        return FootLockRun(self)

    def apply(self, joints: Array, contacts: Array | None = None) -> NDArray[np.float64]:
        """A whole motion: joints (T, 22, 3) in metres and, if known, contacts (T, 4), to joints (T, 22, 3)."""
        return self.start().push(joints, contacts)


class FootLockRun:
    """One motion. Each `push` continues where the last one ended."""

    def __init__(self, settings: FootLock) -> None:
        self._settings = settings
        self._settle = max(1, round(settings.settle * settings.fps))
        self._release = max(1, round(settings.release * settings.fps))
        self._window = min(_LONGEST_WINDOW, max(1, round(settings.fps)))
        self._past: Vector = np.zeros(
            (0, _POINTS, 3)
        )  # ankles and toes of the last frames, a window of them at most
        self._standing = np.zeros(_POINTS, np.bool_)
        self._age = np.zeros(_POINTS, np.int64)  # frames since a point began to stand or left
        self._held = np.zeros((_POINTS, 2))  # correction when it left
        self._shift = np.zeros((_POINTS, 2))  # correction of the last frame

    def push(self, joints: Array, contacts: Array | None = None) -> NDArray[np.float64]:
        """Joints (n, 22, 3) in metres and, if known, contact channels (n, 4), to joints (n, 22, 3), final at once."""
        if joints.ndim != 3 or joints.shape[1:] != (N_JOINTS, 3):
            raise ValueError(f"expected joints (n, {N_JOINTS}, 3), got {joints.shape}")
        if contacts is not None and contacts.shape != (len(joints), _POINTS):
            raise ValueError(f"expected contacts ({len(joints)}, {_POINTS}), got {contacts.shape}")
        if not len(joints):
            return np.zeros((0, N_JOINTS, 3))
        feet = np.asarray(joints[:, list(CONTACT_JOINTS)], np.float64)
        steps, comes, stays = self._signs(feet, contacts)
        corrections = np.zeros(feet.shape)
        for frame in range(len(feet)):
            corrections[frame][:, _FLAT] = self._correct(steps[frame], comes[frame], stays[frame])
        corrections[..., 1] = self._lift(feet)
        return place_feet(joints, corrections)

    def _signs(self, feet: Vector, contacts: Array | None) -> tuple[Vector, Flags, Flags]:
        """Of ankles and toes (n, 4, 3): steps over the floor (n, 4, 2), who may come to stand, who may go on standing."""
        s, before = self._settings, len(self._past)
        points = np.concatenate([self._past, feet])
        self._past = points[-self._window :]
        steps = np.diff(points[..., _FLAT], axis=0, prepend=points[:1, :, _FLAT])[before:]
        speed = np.linalg.norm(steps, axis=-1) * s.fps
        height = feet[..., 1] - _lowest(points[..., 1], self._window)[before:]
        comes, stays = (speed < s.slow) & (height < s.low), (speed < s.fast) & (height < s.high)
        if contacts is not None:
            comes, stays = comes & (contacts > s.on), stays & (contacts > s.off)
        elif not before:
            comes[0] = False  # one frame alone says nothing of its speed
        return steps, comes, stays

    def _correct(self, steps: Vector, comes: Flags, stays: Flags) -> Vector:
        """Corrections (4, 2) in X and Z of one frame's ankles and toes, from their steps (4, 2)."""
        standing = np.where(self._standing, stays, comes)
        changed = standing != self._standing
        self._age = np.where(changed, 0, self._age) + 1
        self._held = np.where(changed[:, None], self._shift, self._held)
        self._standing = standing
        taken = _eased(self._age, self._settle)[
            :, None
        ]  # of the motion's step, once a point stands
        stood = _shorter(self._shift - taken * steps, self._settings.furthest)
        led = np.where(
            standing[_PARTNER][:, None], stood[_PARTNER], 0.0
        )  # a free end follows the end that stands
        fade = _eased(self._age, self._release)[:, None]
        self._shift = self._as_one(
            np.where(standing[:, None], stood, (1.0 - fade) * self._held + fade * led)
        )
        return self._shift

    def _as_one(self, shift: Vector) -> Vector:
        """The corrections (4, 2), ankle and toe of a foot brought together where they would turn it too far."""
        apart = shift - shift[_PARTNER]
        return np.asarray(shift - 0.5 * (apart - _shorter(apart, self._settings.twist)))

    def _lift(self, feet: Vector) -> Vector:
        """How far ankles and toes (n, 4, 3) must rise, (n, 4): the deeper of the two lifts the whole foot."""
        if self._settings.floor is None:
            return np.zeros(feet.shape[:2])
        depth = np.maximum(0.0, self._settings.floor - feet[..., 1])
        depth = np.maximum(depth, depth[:, _PARTNER])
        most = self._settings.furthest
        return np.asarray(np.clip(np.minimum(depth, 2.0 * most - depth), 0.0, most))


def _lowest(heights: Vector, window: int) -> Vector:
    """The lowest of each row (n, 4) and up to window - 1 rows before it."""
    padded = np.concatenate([np.full((window - 1, _POINTS), np.inf), heights])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, window, axis=0).min(axis=-1))


def _eased(age: NDArray[np.int64], frames: int) -> Vector:
    """0 to 1 over so many frames, slow at both ends."""
    t = np.minimum(1.0, age / frames)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _shorter(vectors: Vector, longest: float) -> Vector:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors * np.minimum(1.0, longest / np.maximum(length, 1e-12)))
