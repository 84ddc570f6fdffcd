"""Sampling: one uniform draw per token from one stream, so that every engine draws alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .filters import (
    apply_temperature,
    finite_logits,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    likely_ids,
)

DRAWS_AT_ONCE: Final = 64  # uniform numbers


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
    """The random stream of one answer.

    Between two tokens the model's weights push everything else out of the processor's cache, and
    then each call of numpy, with its layers of Python, takes ten microseconds. So there are as few
    calls as possible.
    """

    def __init__(self, sampler: Sampler, seed: int) -> None:
        self._sampler = sampler
        self._stream = np.random.Generator(np.random.PCG64(seed))
        self._drawn: list[float] = []
        self._last = 0.0

    def pick(self, logits: NDArray[np.floating]) -> int:
        """Choose an entry of logits (n,), n >= 1, whatever their values; returns its index."""
        self._last = self._draw()  # even if forced: the stream keeps step with the tokens
        return self.pick_again(logits)

    def pick_again(self, logits: NDArray[np.floating]) -> int:
        """Choose instead among other logits (n,), n >= 1, by the same draw; returns the index."""
        if len(logits) == 1:
            return 0
        top = float(logits.max())
        if not math.isfinite(top):  # not a number, infinity, or nothing left
            logits = finite_logits(logits)
            top = float(logits.max())
        if self._sampler.temperature == 0:
            return int(logits.argmax())
        worth = likely_ids(logits, self._sampler.temperature)
        if worth is not None:
            return int(worth[self._choose(logits[worth], top, self._last)])
        return self._choose(logits, top, self._last)

    def _draw(self) -> float:
        """Take the next uniform number of the stream."""
        if not self._drawn:
            self._drawn = self._stream.random(DRAWS_AT_ONCE)[::-1].tolist()
        return self._drawn.pop()

    def _choose(self, logits: NDArray[np.floating], top: float, draw: float) -> int:
        """Choose among logits (n,) that are finite or -inf, at a temperature above 0.

        `top` is the best of them. Returns an index.
        """
        options = self._sampler
        scores = apply_temperature(logits, options.temperature, top)
        if options.top_k is not None:
            scores = keep_top_k(scores, options.top_k)
        if options.top_p is not None:
            scores = keep_top_p(scores, options.top_p)
        if options.min_p is not None:
            scores = keep_min_p(scores, options.min_p)
        # The best score is 0 after `apply_temperature`, so the sum is at least 1.
        cumulated = np.exp(scores, out=scores).cumsum()
        return int(cumulated.searchsorted(draw * cumulated[-1], "right"))
