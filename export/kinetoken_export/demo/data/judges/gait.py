"""Steps, hops and stances of a motion, for the judges of gaits."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import Array64

from .evidence import LEFT, RIGHT, Evidence

_SIDES: Final = (LEFT, RIGHT)
_ON_FLOOR: Final = 0.05  # metres of a toe above the lowest toe: the foot is down
_KNEE_UP: Final = 0.06  # metres of the other ankle above that of the foot that hops
_SPARED: Final = 0.76  # share of the other leg's bearing time below which a leg is spared


class Footwork:
    """The steps of a motion."""

    def __init__(self, evidence: Evidence) -> None:
        self._e = evidence
        self._toes: dict[str, Array64] = {s: evidence.height(f"{s}_foot") for s in _SIDES}
        self._heels: dict[str, Array64] = {s: evidence.height(f"{s}_ankle") for s in _SIDES}

    def lifts(self, above: float) -> list[tuple[str, int]]:
        """Every lift of an ankle by `above` metres or more: its side and highest frame, in order."""
        out = []
        for side in _SIDES:
            height = self._heels[side] - np.percentile(self._heels[side], 10)
            for start, end in _stretches(height > above):
                out.append((side, start + int(height[start:end].argmax())))
        return sorted(out, key=lambda lift: lift[1])

    def spared(self) -> str | None:
        """The leg whose foot is ahead for a clearly shorter time than the other's, if any.

        Between two strikes the leg that struck first bears the body.
        """
        e = self._e
        apart = np.sum((e.joint("left_ankle") - e.joint("right_ankle"))[:, [0, 2]] * e.facing, 1)
        marks = _turning_points(apart)
        bearing: dict[str, list[int]] = {LEFT: [], RIGHT: []}
        for (frame, side), (after, _) in pairwise(marks):
            bearing[side].append(after - frame)
        if not all(bearing.values()):
            return None
        left, right = (float(np.mean(bearing[side])) for side in _SIDES)
        if min(left, right) > _SPARED * max(left, right):
            return None
        return LEFT if left < right else RIGHT

    def bounces(self) -> int:
        """How often both feet are off the floor at once, for two frames or longer."""
        return len([1 for start, end in _stretches(self._flying()) if end - start >= 2])

    def hops(self) -> int:
        """How many flights begin and end on the same foot."""
        count = 0
        for start, end in _stretches(self._flying()):
            if start < 2 or end + 2 > len(self._toes[LEFT]):
                continue
            took_off, landed = (
                min(_SIDES, key=lambda s: float(self._toes[s][frames].mean()))
                for frames in (slice(start - 2, start), slice(end, end + 2))
            )
            other = RIGHT if took_off == LEFT else LEFT
            apart = self._heels[other][start] - self._heels[took_off][start]
            count += took_off == landed and apart > _KNEE_UP
        return count

    def _flying(self) -> NDArray[np.bool_]:
        return np.minimum(self._toes[LEFT], self._toes[RIGHT]) > _ON_FLOOR


def _stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _turning_points(apart: Array64) -> list[tuple[int, str]]:
    """Frames at which a foot is furthest ahead, with its side, by turns."""
    out: list[tuple[int, str]] = []
    for frame in range(1, len(apart) - 1):
        size = abs(apart[frame])
        if size < 0.06 or size < abs(apart[frame - 1]) or size <= abs(apart[frame + 1]):
            continue
        side = LEFT if apart[frame] > 0 else RIGHT
        if out and out[-1][1] == side:
            if size <= abs(apart[out[-1][0]]):
                continue
            out.pop()
        out.append((frame, side))
    return out
