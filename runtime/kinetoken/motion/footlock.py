"""Foot lock: removes the sliding of feet that stand on the floor; the legs follow.

No frame is held back: a correction depends on its frame and those before. A foot stands when it is
slow and low, and when the motion's own contact channel, where there is one, agrees; lifting off
takes a clearer sign than touching down. An ankle or toe that stands follows less and less of the
motion, then none of it. Once it lifts off, its correction fades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .contacts import STANDING_SPEED, floor_of
from .leg_ik import place_feet
from .skeleton import CONTACT_JOINTS, FPS, N_JOINTS, Array, Array64

Flags = NDArray[np.bool_]

_POINTS: Final = len(CONTACT_JOINTS)
_PARTNER: Final = [1, 0, 3, 2]  # ankle and toe of the same foot
_FLAT: Final = [0, 2]  # X and Z
_LONGEST_WINDOW: Final = 240  # frames that are looked back at, whatever the rate


@dataclass(frozen=True)
class FootLock:
    """Thresholds of standing, and limits of the correction."""

    fps: float = float(FPS)
    slow: float = STANDING_SPEED
    """Speed over the floor, m/s, below which a foot may touch down."""
    fast: float = 0.7
    """Speed above which it has lifted off."""
    low: float = 0.03
    """Metres above its lowest point of the last second, below which a foot may touch down."""
    high: float = 0.05
    """Height above which it has lifted off."""
    on: float = 0.6
    """Contact channel above which a foot may touch down."""
    off: float = 0.4
    """Contact channel below which it has lifted off."""
    settle: float = 0.15
    """Seconds in which a foot comes to rest."""
    release: float = 0.2
    """Seconds in which a correction fades after lift-off."""
    furthest: float = 0.08
    """Largest correction, metres: a foot that slides further is dragged along."""
    twist: float = 0.05
    """Largest difference between ankle and toe, metres: a foot that turns on the spot may turn."""
    floor: float | None = 0.0
    """Height of the floor, metres; None: no floor. Feet deeper than `furthest` are on another."""

    @classmethod
    def over(cls, joints: Array, fps: float) -> FootLock:
        """Settings for a finished motion (T, 22, 3); no floor where it stays far from height 0."""
        return cls(fps=fps, floor=None if floor_of(joints) else 0.0)

    def start(self) -> FootLockRun:
        """Start a motion."""
        return FootLockRun(self)

    def apply(self, joints: Array, contacts: Array | None = None) -> Array64:
        """Lock a whole motion: joints (T, 22, 3) in metres, perhaps contacts (T, 4), to joints."""
        return self.start().push(joints, contacts)


class FootLockRun:
    """The foot lock of one motion. Each `push` continues where the last one ended."""

    def __init__(self, settings: FootLock) -> None:
        self._settings = settings
        self._settle = max(1, round(settings.settle * settings.fps))
        self._release = max(1, round(settings.release * settings.fps))
        self._window = min(_LONGEST_WINDOW, max(1, round(settings.fps)))
        self._past: Array64 = np.zeros(
            (0, _POINTS, 3)
        )  # ankles and toes of the last frames, a window of them at most
        self._standing = np.zeros(_POINTS, np.bool_)
        self._age = np.zeros(_POINTS, np.int64)  # frames since a point began to stand or left
        self._held = np.zeros((_POINTS, 2))  # correction when it left
        self._shift = np.zeros((_POINTS, 2))  # correction of the last frame

    def push(self, joints: Array, contacts: Array | None = None) -> Array64:
        """Lock joints (n, 22, 3) in metres, with contacts (n, 4) where known; final at once."""
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

    def _signs(self, feet: Array64, contacts: Array | None) -> tuple[Array64, Flags, Flags]:
        """Steps (n, 4, 2) of ankles and toes (n, 4, 3), and flags: may touch down, may stay."""
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
            comes[0] = False  # a single frame has no speed
        return steps, comes, stays

    def _correct(self, steps: Array64, comes: Flags, stays: Flags) -> Array64:
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

    def _as_one(self, shift: Array64) -> Array64:
        """Bring corrections (4, 2) of ankle and toe together where they would twist the foot."""
        apart = shift - shift[_PARTNER]
        return np.asarray(shift - 0.5 * (apart - _shorter(apart, self._settings.twist)))

    def _lift(self, feet: Array64) -> Array64:
        """Metres (n, 4) by which ankles and toes (n, 4, 3) must rise.

        The deeper lifts the whole foot.
        """
        if self._settings.floor is None:
            return np.zeros(feet.shape[:2])
        depth = np.maximum(0.0, self._settings.floor - feet[..., 1])
        depth = np.maximum(depth, depth[:, _PARTNER])
        most = self._settings.furthest
        return np.asarray(np.clip(np.minimum(depth, 2.0 * most - depth), 0.0, most))


def _lowest(heights: Array64, window: int) -> Array64:
    """Minimum of each row (n, 4) and up to window - 1 rows before it."""
    padded = np.concatenate([np.full((window - 1, _POINTS), np.inf), heights])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, window, axis=0).min(axis=-1))


def _eased(age: NDArray[np.int64], frames: int) -> Array64:
    """Rise from 0 to 1 over so many frames, slow at both ends."""
    t = np.minimum(1.0, age / frames)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _shorter(vectors: Array64, longest: float) -> Array64:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors * np.minimum(1.0, longest / np.maximum(length, 1e-12)))
