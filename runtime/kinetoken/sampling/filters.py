"""Filters: pure functions from logits to logits over the allowed ids; what is cut becomes -inf."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float64]
LARGE_VOCABULARY: Final = 4096
"""Ids from which on finding the few that count is faster than weighing all."""
LOWEST_TEMPERATURE: Final = 1e-200
"""Above it, float64 holds the difference of two float32 logits over the temperature."""
FLOAT64_BYTES: Final = 8
NEGLIGIBLE_NATS: Final = 45.0
"""Below the best id."""


def finite_logits(logits: NDArray[np.floating]) -> Logits:
    """A float64 copy that can be sampled from.

    NaN never wins, +inf always does, and if nothing is left all ids are equal.
    """
    out: Logits = logits.astype(np.float64)
    if np.isfinite(out).all():
        return out
    out[np.isnan(out)] = -np.inf
    top = out.max()
    if top == np.inf:
        return np.asarray(np.where(out == np.inf, 0.0, -np.inf))
    return np.zeros(len(out)) if top == -np.inf else out


def likely_ids(logits: NDArray[np.floating], temperature: float) -> NDArray[np.intp] | None:
    """Indices of the ids that a draw can fall on, if they are few among many; None: take all.

    The others have less than e^-45 (3e-20) of the best one's weight each: even a thousand of them
    weigh less than the step of a draw, 2^-53.
    """
    if len(logits) < LARGE_VOCABULARY:
        return None
    worth = np.flatnonzero(
        logits >= logits.dtype.type(float(logits.max()) - NEGLIGIBLE_NATS * temperature)
    )
    return worth if len(worth) < len(logits) // 2 else None


def apply_temperature(logits: NDArray[np.floating], temperature: float, top: float) -> Logits:
    """Logits relative to the best one, `top`, over a temperature above 0, as float64."""
    if temperature > LOWEST_TEMPERATURE and logits.dtype.itemsize < FLOAT64_BYTES:
        out: Logits = np.subtract(logits, top, dtype=np.float64)
        out /= temperature
        return out
    with np.errstate(over="ignore"):  # sends the others to -inf, as it should
        return np.asarray((logits.astype(np.float64) - top) / temperature)


def keep_top_k(logits: Logits, k: int) -> Logits:
    """Keep the k best ids, and ties with the last of them."""
    if k >= len(logits):
        return logits
    limit = np.partition(logits, len(logits) - k)[len(logits) - k]
    return np.where(logits >= limit, logits, -np.inf)


def keep_top_p(logits: Logits, p: float) -> Logits:
    """Keep the fewest best ids whose probabilities sum to at least p, and ties with the last."""
    ascending = np.sort(logits)
    cumulated = np.cumsum(np.exp(ascending[::-1] - ascending[-1]))
    last = int(np.searchsorted(cumulated, p * cumulated[-1], side="left"))
    return np.where(logits >= ascending[len(logits) - 1 - last], logits, -np.inf)


def keep_min_p(logits: Logits, p: float) -> Logits:
    """Keep the ids at least p times as probable as the best one."""
    return np.where(logits >= logits.max() + np.log(p), logits, -np.inf)
