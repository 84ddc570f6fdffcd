"""Transitions into the next motion, which begins where the body stands and faces.

After the seam the old motion coasts, each joint at its last velocity, which decays, while the new
one takes over (dead blending, after D. Holden, 2023). It needs the last two frames shown and none
of those to come, so no frame is held back. The path over the floor blends in its velocity, so the
body never goes back. Bones blend in their directions and keep their lengths.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..base.read_only import read_only
from .skeleton import FPS, JOINT, N_JOINTS, PARENTS, Array, Array64

_FLOOR: Final = np.array([1.0, 0.0, 1.0])  # the part of a vector in the floor
_BONES: Final = list(PARENTS[1:])
_TRIALS: Final = 16  # lengths of a blend that are tried at most
_TINY: Final = 1e-9


@dataclass(frozen=True)
class Transition:
    """Settings of the blend from one motion into the next."""

    fps: float = float(FPS)
    seconds: float = 0.25
    """Length of a blend, unless a joint would be too fast."""
    longest: float = 0.6
    """Longest blend, seconds."""
    speed: float = 1.5
    """Speed of a joint, m/s, above which the blend takes longer, unless it was faster already."""
    coast: float = 0.08
    """Seconds in which the velocity of the old motion's limbs decays to 1/e."""

    def start(self) -> TransitionRun:
        """Start a line of motions."""
        return TransitionRun(self)

    def join(self, motions: Iterable[Array]) -> Array64:
        """Join whole motions (T, 22, 3), metres, into one (sum of T, 22, 3)."""
        run, out = self.start(), [np.zeros((0, N_JOINTS, 3))]
        for motion in motions:
            run.cut()
            out.append(run.push(motion))
        return np.concatenate(out)


class TransitionRun:
    """Motions in a line: `push` frames, `cut` between one motion and the next."""

    def __init__(self, settings: Transition) -> None:
        self._settings = settings
        self._shown: Array64 = np.zeros((0, N_JOINTS, 3))  # the last two frames
        self._cut = False
        self._turn, self._move = np.eye(3), np.zeros(3)  # where the present motion is placed
        self._blend: _Blend | None = None

    @property
    def shown(self) -> Array64:
        """The last poses (0 to 2, 22, 3), metres."""
        return read_only(self._shown)

    def cut(self) -> None:
        """Let the next frame begin another motion."""
        self._cut = len(self._shown) > 0

    def back_to(self, poses: Array) -> None:
        """Go back to these poses (1 or 2, 22, 3), shown last.

        The next frame begins another motion.
        """
        if poses.ndim != 3 or poses.shape[1:] != (N_JOINTS, 3) or not len(poses):
            raise ValueError(
                f"expected the last one or two poses (n, {N_JOINTS}, 3), got {poses.shape}"
            )
        self._shown = np.array(poses[-2:], np.float64)
        self._cut, self._blend = True, None

    def push(self, joints: Array) -> Array64:
        """Place joints (n, 22, 3) of the present motion in the line, metres; final at once."""
        if joints.ndim != 3 or joints.shape[1:] != (N_JOINTS, 3):
            raise ValueError(f"expected joints (n, {N_JOINTS}, 3), got {joints.shape}")
        points = np.asarray(joints, np.float64)
        if not len(points):
            return np.zeros((0, N_JOINTS, 3))
        if self._cut:
            self._begin(points[0])
        turned = np.einsum("ij,tkj->tki", self._turn, points)
        blended: list[Array64] = []
        while self._blend is not None and len(blended) < len(points):
            blended.append(self._blend.push(turned[len(blended)]))
            self._move = (blended[-1][0] - turned[len(blended) - 1][0]) * _FLOOR
            self._blend = None if self._blend.over else self._blend
        out = np.concatenate(
            [np.reshape(blended, (-1, N_JOINTS, 3)), turned[len(blended) :] + self._move]
        )
        self._shown = np.concatenate([self._shown, out])[-2:]
        return out

    def _begin(self, first: Array64) -> None:
        """Turn the next motion to where the body faces, and start to blend."""
        self._cut = False
        last = self._shown[-1]
        self._turn = yaw(heading(last) - heading(first))
        frames = _blend_frames(self._settings, self._shown, first @ self._turn.T)
        self._blend = _Blend(self._settings, self._shown, frames) if frames else None
        self._move = (2.0 * last[0] - self._shown[0][0] - self._turn @ first[0]) * _FLOOR


class _Blend:
    """The blend from the poses shown last into the motion that is pushed, over a few frames."""

    def __init__(self, settings: Transition, shown: Array64, frames: int) -> None:
        self._last, velocity = shown[-1], shown[-1] - shown[0]  # metres per frame
        self._path, self._step = self._last[0], velocity[0] * _FLOOR
        self._pose, self._velocity = _in_place(self._last), velocity - self._step
        self._coast = settings.coast * settings.fps
        self._frames, self._age = frames, 0
        self._before: Array64 | None = None

    @property
    def over(self) -> bool:
        """True once the new motion has taken over."""
        return self._age >= self._frames

    def push(self, pose: Array64) -> Array64:
        """Blend the next pose (22, 3) of the new motion, turned, anywhere on the floor."""
        self._age += 1
        share = self._share(self._age)
        step = self._step if self._before is None else (pose[0] - self._before) * _FLOOR
        self._before = pose[0]
        self._path = self._path + (1.0 - share) * self._step + share * step
        return np.asarray(
            between_poses(self._carried(self._age), _in_place(pose), share) + self._path * _FLOOR
        )

    def to_one(self, pose: Array64) -> Array64:
        """All poses (frames, 22, 3) of the blend into a still pose, with roots at the origin."""
        age = np.arange(1, self._frames + 1)[:, None, None]
        return between_poses(self._carried(age), _in_place(pose), self._share(age))

    def _share(self, age: Any) -> Any:
        """The share of the new motion so many frames after the seam."""
        t = age / (self._frames + 1)
        return t * t * (3.0 - 2.0 * t)

    def _carried(self, age: Any) -> Array64:
        """The old motion as it coasts, in place."""
        return np.asarray(
            self._pose + self._velocity * self._coast * (1.0 - np.exp(-age / self._coast))
        )


def _blend_frames(settings: Transition, shown: Array64, pose: Array64) -> int:
    """Frames of the shortest blend from the poses shown to a pose in which no joint is too fast."""
    least, most = (
        round(seconds * settings.fps) for seconds in (settings.seconds, settings.longest)
    )
    allowed = max(
        settings.speed / settings.fps, _fastest([_in_place(shown[0]), _in_place(shown[-1])])
    )
    for frames in range(least, most, max(1, (most - least) // _TRIALS)):
        way = _Blend(settings, shown, frames).to_one(pose)
        if _fastest([_in_place(shown[-1]), *way, _in_place(pose)]) <= allowed:
            return frames
    return max(least, most)


def _fastest(poses: list[Array64]) -> float:
    """The longest step of any joint, metres per frame."""
    return float(np.linalg.norm(np.diff(poses, axis=0), axis=-1).max())


def between_poses(a: Array64, b: Array64, share: float | Array64) -> Array64:
    """Blend poses (..., 22, 3) in the root's height and in every bone's direction and length."""
    bones_a, bones_b = a[..., 1:, :] - a[..., _BONES, :], b[..., 1:, :] - b[..., _BONES, :]
    long_a, long_b = (np.linalg.norm(bones, axis=-1, keepdims=True) for bones in (bones_a, bones_b))
    bones = arc(bones_a / np.maximum(long_a, _TINY), bones_b / np.maximum(long_b, _TINY), share)
    bones = bones * ((1.0 - share) * long_a + share * long_b)
    out = (1.0 - share) * a + share * b
    for joint, parent in enumerate(PARENTS[1:], start=1):
        out[..., joint, :] = out[..., parent, :] + bones[..., joint - 1, :]
    return np.asarray(out)


def arc(a: Array64, b: Array64, share: float | Array64) -> Array64:
    """Unit vectors (..., 3) a share of the way from a to b on the sphere.

    Between opposite vectors the way is a straight line.
    """
    angle = np.arccos(np.clip(np.sum(a * b, axis=-1, keepdims=True), -1.0, 1.0))
    sine = np.sin(angle)
    plain = sine < 1e-4
    safe = np.where(plain, 1.0, sine)
    first = np.where(plain, 1.0 - share, np.sin((1.0 - share) * angle) / safe)
    second = np.where(plain, share, np.sin(share * angle) / safe)
    mixed = first * a + second * b
    return np.asarray(mixed / np.maximum(np.linalg.norm(mixed, axis=-1, keepdims=True), _TINY))


def _in_place(pose: Array64) -> Array64:
    """The pose (22, 3) with its root above the origin."""
    return np.asarray(pose - pose[0] * _FLOOR)


def heading(pose: Array64) -> float:
    """The heading of a pose (22, 3), by hips and shoulders: radians about Y from +Z towards +X."""
    across = pose[JOINT["left_hip"]] - pose[JOINT["right_hip"]]
    across = across + pose[JOINT["left_shoulder"]] - pose[JOINT["right_shoulder"]]
    return float(np.arctan2(-across[2], across[0]))


def yaw(angle: float) -> Array64:
    """Rotation (3, 3) about Y that adds `angle` to a heading."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
