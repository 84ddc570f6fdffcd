"""The block that constraint.py feeds each engine, and the ids that may follow each token."""

from __future__ import annotations

from typing import Final

import numpy as np

SIZE, TEXT, START, TURN = 155_763, 151_643, 151_665, 151_645
LEVELS: Final = tuple(range(151_667 + 1024 * q, 151_667 + 1024 * (q + 1)) for q in range(4))
FRAMES: Final = 200
Runs = list[list[int]]
"""A set of ids as [first, stop) runs, ascending, none touching the next."""


def walk(frames: int = FRAMES) -> list[int]:
    """One block of random frames of four levels."""
    codes = np.random.default_rng(0).integers(1024, size=(FRAMES, 4))[:frames]
    return [START, *(LEVELS[q][int(c)] for frame in codes for q, c in enumerate(frame)), START + 1]


def right(i: int) -> Runs:
    """Ids that may follow token i of the walk: the next level, after a frame also the end."""
    q = i % 4
    first = START + 1 if i and q == 0 else LEVELS[q].start  # </move> stands directly before level 0
    return [[first, LEVELS[q].stop]]


def runs(ids: np.ndarray) -> Runs:
    """A set of ids, ascending, as runs."""
    if not len(ids):
        return []
    cuts = np.flatnonzero(np.diff(ids) != 1) + 1
    return [[int(part[0]), int(part[-1]) + 1] for part in np.split(ids, cuts)]


def runs_of_bits(bits: np.ndarray) -> Runs:
    """The same from a bit mask over the vocabulary, lowest bit first."""
    return runs(np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little")[:SIZE]))
