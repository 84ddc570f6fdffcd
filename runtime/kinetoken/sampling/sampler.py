"""From logits to a choice: one uniform draw per token from one stream, so that every engine draws alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .filters import finite, heat, keep_min_p, keep_top_k, keep_top_p, sampled_at_all


@dataclass(frozen=True)
class Sampler:
    """How to choose; the order is temperature, top-k, top-p, min-p."""

    temperature: float = 0.5
    """0 takes the best id."""
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def start(self, seed: int) -> SamplerRun:
        """A run with its own random stream."""
        return SamplerRun(self, seed)


class SamplerRun:
    """One answer's random stream."""

    def __init__(self, sampler: Sampler, seed: int) -> None:
        self._sampler = sampler
        self._stream = np.random.Generator(np.random.PCG64(seed))

    def pick(self, logits: NDArray[np.floating]) -> int:
        """Index of the chosen entry of logits (n,), n >= 1; any values whatever."""
        draw = self._stream.random()  # also where the choice is forced: the stream keeps step with the tokens
        if len(logits) == 1:
            return 0
        if not np.isfinite(logits.max()):  # not a number, infinity, or nothing left
            logits = finite(logits)
        if self._sampler.temperature == 0:
            return int(logits.argmax())
        worth = sampled_at_all(logits, self._sampler.temperature)
        if worth is not None:
            return int(worth[self._choose(logits[worth], draw)])
        return self._choose(logits, draw)

    def _choose(self, logits: NDArray[np.floating], draw: float) -> int:
        """Index into logits (n,) that are finite or -inf, at a temperature above 0."""
        options = self._sampler
        scores = heat(logits.astype(np.float64), options.temperature)
        if options.top_k is not None:
            scores = keep_top_k(scores, options.top_k)
        if options.top_p is not None:
            scores = keep_top_p(scores, options.top_p)
        if options.min_p is not None:
            scores = keep_min_p(scores, options.min_p)
        cumulated = np.cumsum(np.exp(scores))  # the best score is 0 after `heat`, so the sum is at least 1
        return int(np.searchsorted(cumulated, draw * cumulated[-1], side="right"))
