"""Batches for engines that take one sequence at a time: a run each, one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .protocols import LmRun, SequenceInput


class SequentialBatch:
    """So many runs, each begun when its number is first used."""

    def __init__(self, start: Callable[[], LmRun], size: int) -> None:
        self._start, self._size = start, size
        self._runs: dict[int, LmRun] = {}

    def push(self, wants: Sequence[SequenceInput]) -> list[NDArray[np.float32]]:
        """Feed every sequence its tokens; returns the logits of each.

        The next push of a sequence overwrites its logits.
        """
        return [self._run(sequence).push(ids, allowed) for sequence, ids, allowed in wants]

    def drop(self, sequence: int) -> None:
        """Forget a sequence and its cache."""
        self._runs.pop(sequence, None)

    def _run(self, sequence: int) -> LmRun:
        assert 0 <= sequence < self._size, "a sequence has a number below the size"
        if sequence not in self._runs:
            self._runs[sequence] = self._start()
        return self._runs[sequence]
