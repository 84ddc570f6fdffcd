"""The viewer's clock: frames that arrive, and the moment between them that is on the screen."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.resample import catmull_rom
from kinetoken.motion.skeleton import N_JOINTS

_Array = NDArray[np.floating]

LONGEST_STEP_SECONDS: Final = 0.1  # a display that hangs slows the motion, it does not jump
SHORTEST_SPAN: Final = 2.0  # frames from A to B
SPEEDS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


class Track:
    """The frames of one motion so far; grows at the end, never changes where it was shown."""

    def __init__(self, joints: _Array | None = None) -> None:
        self._frames = np.empty((64, N_JOINTS, 3))
        self._length = 0
        if joints is not None:
            self.append(joints)

    def __len__(self) -> int:
        return self._length

    @property
    def frames(self) -> NDArray[np.float64]:
        """(T, 22, 3) world positions, metres; a view, not to be written."""
        return self._frames[: self._length]

    def append(self, joints: _Array) -> None:
        """Adds frames (n, 22, 3)."""
        if joints.ndim != 3 or joints.shape[1:] != (N_JOINTS, 3):
            raise ValueError(f"expected joints (n, {N_JOINTS}, 3), got {joints.shape}")
        total = self._length + len(joints)
        if total > len(self._frames):
            grown = np.empty((max(total, 2 * len(self._frames), 64), N_JOINTS, 3))
            grown[: self._length] = self.frames
            self._frames = grown
        self._frames[self._length : total] = joints
        self._length = total

    def put(self, start: int, joints: _Array) -> None:
        """Replaces the frames (n, 22, 3) from `start` on, where there are as many."""
        self._frames[start : min(self._length, start + len(joints))] = joints

    def truncate(self, length: int) -> None:
        """Forgets all but the first `length` frames: what was not shown may still be replaced."""
        self._length = min(self._length, length)

    def forget(self, frames: int) -> None:
        """Forgets the first frames; those that stay count from 0 again."""
        frames = min(frames, self._length)
        self._frames = self._frames[frames : self._length].copy()
        self._length -= frames

    def sample(self, position: float) -> NDArray[np.float64]:
        """The pose (22, 3) at a position in frames, by Catmull-Rom; the ends are held."""
        if not self._length:
            raise ValueError("an empty track has no pose")
        last = self._length - 1
        position = min(max(position, 0.0), float(last))
        index = min(int(position), max(last - 1, 0))
        around = [self._frames[min(max(i, 0), last)] for i in range(index - 1, index + 3)]
        return catmull_rom(around[0], around[1], around[2], around[3], position - index)


class Playhead:
    """Position in one track, moved by time, seek and step; never past what has arrived."""

    def __init__(self, fps: float, *, loop: bool = True) -> None:
        self.fps = fps
        self.position = 0.0
        """In frames, from 0."""
        self.playing = True
        self.loop = loop
        self.speed = 1.0
        self.span: tuple[float, float] | None = None
        """From A to B, in frames: the part that is played. None: all of it."""

    def advance(self, seconds: float, available: int, *, finished: bool) -> bool:
        """Moves by wall time; True if the motion began again from the start.

        `available` frames have arrived; unless `finished`, the last one only shapes the curve.
        """
        if not self.playing or available == 0:
            return False
        end = last_position(available, finished=finished)
        start, last, closed = self._bounds(end, finished=finished)
        self.position += min(seconds, LONGEST_STEP_SECONDS) * self.speed * self.fps
        if self.position < last or not closed:
            self.position = min(self.position, end)
            return False
        if self.loop and last > start:
            self.position = start
            return True
        end = last
        self.position = end
        self.playing = False
        return False

    def toggle(self, available: int, *, finished: bool) -> None:
        """Pauses or plays; play at the end starts again."""
        start, last, closed = self._bounds(
            last_position(available, finished=finished), finished=finished
        )
        if not self.playing and closed and self.position >= last:
            self.position = start
        self.playing = not self.playing

    def mark(self, start: float | None = None, stop: float | None = None) -> None:
        """Sets A or B or both, in frames; the other end gives way where they would cross."""
        old = self.span
        a = start if start is not None else old[0] if old is not None else 0.0
        b = stop if stop is not None else old[1] if old is not None else math.inf
        if a > b - SHORTEST_SPAN:
            a, b = (a, math.inf) if stop is None else (0.0, b)
        self.span = (max(0.0, a), max(b, a + SHORTEST_SPAN))

    def _bounds(self, end: float, *, finished: bool) -> tuple[float, float, bool]:
        """The start and the end of playing, and True if that end is known."""
        if self.span is None or self.span[0] >= end:
            return 0.0, end, finished
        return self.span[0], min(self.span[1], end), finished or self.span[1] <= end

    def step(self, frames: int, available: int, *, finished: bool) -> None:
        """Pauses and moves to a whole frame next to the present one."""
        self.playing = False
        whole = np.floor(self.position + 1e-6) if frames > 0 else np.ceil(self.position - 1e-6)
        self.seek(float(whole) + frames, available, finished=finished)

    def seek(self, position: float, available: int, *, finished: bool) -> None:
        """Goes to a position in frames, within what has arrived."""
        self.position = min(max(position, 0.0), last_position(available, finished=finished))

    def change_speed(self, steps: int) -> None:
        """Goes to a neighbour in SPEEDS."""
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - self.speed))
        self.speed = SPEEDS[min(max(nearest + steps, 0), len(SPEEDS) - 1)]

    def ahead(self, available: int, *, finished: bool) -> float:
        """Seconds of motion that have arrived and are not yet shown."""
        return max(0.0, last_position(available, finished=finished) - self.position) / self.fps


def last_position(available: int, *, finished: bool) -> float:
    """The last position to show: the last frame, or the one before it while more may come."""
    return float(max(0, available - (1 if finished else 2)))
