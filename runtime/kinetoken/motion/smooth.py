"""Smoothing: calms limbs that tremble where they are slow, and leaves fast ones as they move.

A frame becomes the mean of the frames around it, under a Hann window, by as much as the limb is
slow: a kick keeps its speed. It waits for `delay` seconds of later frames. The first frames of a
motion and its last ones have narrower windows, so the first is final at once. Bones are as long as
they are on average in the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from .skeleton import FPS, JOINT, N_JOINTS, PARENTS, Array, Array64

_OVER_FLOOR: Final = np.array([1.0, 0.0, 1.0])
_PARENTS_OF: Final = list(PARENTS[1:])
# A limb is as fast as its fastest joint: bones between a fast joint and a slow one would turn.
_LIMBS: Final = tuple(
    [JOINT[name] for name in names.split()]
    for names in (
        "neck head", "left_shoulder left_elbow left_wrist", "left_knee left_ankle left_foot",
        "right_shoulder right_elbow right_wrist", "right_knee right_ankle right_foot",
        "pelvis left_hip right_hip spine1 spine2 spine3 left_collar right_collar",
    )
)  # fmt: skip
_AT_ONCE: Final = 4096  # frames of a whole motion that are computed together
_TINY: Final = 1e-9


@dataclass(frozen=True)
class Smoothing:
    """How far it looks ahead, and what is slow."""

    fps: float = float(FPS)
    delay: float = 0.1
    """Seconds of later frames that a frame waits for, and of earlier ones that count."""
    slow: float = 1.0
    """Speed of a limb's fastest joint, m/s, up to which the limb is smoothed altogether."""
    fast: float = 2.5
    """Speed from which it stays as it was."""

    @property
    def frames(self) -> int:
        """The delay in frames."""
        return max(1, round(self.delay * self.fps))

    @property
    def note(self) -> dict[str, str]:
        """The note of a smoothed clip."""
        return {"smooth": f"on, {self.frames} frames later"}

    def start(self) -> SmoothingRun:
        """Start a motion."""
        return SmoothingRun(self)

    def apply(self, joints: Array) -> Array64:
        """Smooth a whole motion (T, 22, 3), metres."""
        run = self.start()
        pieces = [run.push(joints[i : i + _AT_ONCE]) for i in range(0, len(joints), _AT_ONCE)]
        return np.concatenate([*pieces, run.finish()])


class SmoothingRun:
    """The smoothing of one motion. `push` gives what became final, `finish` what was held back."""

    def __init__(self, settings: Smoothing) -> None:
        self._settings, self._widest = settings, settings.frames
        self._kept: Array64 = np.zeros((0, N_JOINTS, 3))  # frames that a window may still need
        self._first = 0  # number of the first of them
        self._next = 0  # number of the next frame to become final

    def push(self, joints: Array) -> Array64:
        """Take joints (n, 22, 3) in metres; returns those that became final, `frames` later."""
        if joints.ndim != 3 or joints.shape[1:] != (N_JOINTS, 3):
            raise ValueError(f"expected joints (n, {N_JOINTS}, 3), got {joints.shape}")
        self._kept = np.concatenate([self._kept, np.asarray(joints, np.float64)])
        end, ready = self._first + len(self._kept), [np.zeros((0, N_JOINTS, 3))]
        while self._next < self._widest and 2 * self._next < end:
            ready.append(self._smoothed(1, self._next))
        if self._next >= self._widest and self._next < end - self._widest:
            ready.append(self._smoothed(end - self._widest - self._next, self._widest))
        self._forget()
        return np.concatenate(ready)

    def finish(self) -> Array64:
        """Return the last frames (n, 22, 3)."""
        end, ready = self._first + len(self._kept), [np.zeros((0, N_JOINTS, 3))]
        while self._next < end:
            ready.append(self._smoothed(1, min(self._next, end - 1 - self._next, self._widest)))
        self._forget()
        return np.concatenate(ready)

    def _smoothed(self, count: int, half: int) -> Array64:
        """The next `count` frames by windows of `half` frames on each side."""
        begin = self._next - half - self._first
        self._next += count
        return _smoothed(self._kept[begin : begin + count + 2 * half], half, self._settings)

    def _forget(self) -> None:
        old = max(0, self._next - self._widest - self._first)
        self._kept, self._first = self._kept[old:], self._first + old


def _smoothed(joints: Array64, half: int, settings: Smoothing) -> Array64:
    """Frames (n, 22, 3) amid those from `half` before the first to `half` after the last."""
    own = joints[half : len(joints) - half]
    if half == 0:
        return own
    speed = np.minimum(_fastest(joints, half), _fastest(joints - joints[:, :1] * _OVER_FLOOR, half))
    for limb in _LIMBS:
        speed[:, limb] = speed[:, limb].max(axis=1, keepdims=True)
    share = np.clip((speed * settings.fps - settings.slow) / (settings.fast - settings.slow), 0, 1)
    kept = share * share * (3.0 - 2.0 * share)
    mean = _mean(joints, half)
    length = _length(joints[:, 1:] - joints[:, _PARENTS_OF])
    lengths = _mean(length, half)
    lengths += kept[:, 1:] * (length[half : len(joints) - half] - lengths)
    return _with_bones(mean + kept[..., None] * (own - mean), lengths)


def _fastest(points: Array64, half: int) -> Array64:
    """Longest step of each point within its window, metres a frame: (n + 2 half, J, 3), (n, J)."""
    steps = _length(np.diff(points, axis=0))
    count = len(points) - 2 * half
    out = steps[:count]
    for k in range(1, 2 * half):
        out = np.maximum(out, steps[k : k + count])
    return out


def _mean(values: Array64, half: int) -> Array64:
    """Mean (n, ...) of each window of values (n + 2 half, ...), by Hann's weights."""
    weights = np.hanning(2 * half + 3)[1:-1]
    count = len(values) - 2 * half
    out = np.zeros((count, *values.shape[1:]))
    for k, weight in enumerate(weights / weights.sum()):
        out += weight * values[k : k + count]
    return out


def _with_bones(joints: Array64, lengths: Array64) -> Array64:
    """Joints (n, 22, 3) as near as their bones of lengths (n, 21) allow, from the pelvis on."""
    out = joints.copy()
    for joint in range(1, N_JOINTS):
        parent = out[:, PARENTS[joint]]
        bone = joints[:, joint] - parent
        scale = lengths[:, joint - 1] / np.maximum(_length(bone), _TINY)
        out[:, joint] = parent + bone * scale[:, None]
    return out


def _length(vectors: Array64) -> Array64:
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.asarray(np.sqrt(x * x + y * y + z * z))
