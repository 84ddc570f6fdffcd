"""Pure functions from logits to logits over the allowed ids; what is cut becomes -inf."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float64]


def finite(logits: NDArray[np.floating]) -> Logits:
    """A float64 copy that can be sampled from: NaN never wins, +inf always does, and nothing left means all equal."""
    out: Logits = logits.astype(np.float64)
    if np.isfinite(out).all():
        return out
    out[np.isnan(out)] = -np.inf
    top = out.max()
    if top == np.inf:
        return np.asarray(np.where(out == np.inf, 0.0, -np.inf))
    return np.zeros(len(out)) if top == -np.inf else out


def heat(logits: Logits, temperature: float) -> Logits:
    """Logits relative to the best one, over the temperature (above 0)."""
    with np.errstate(over="ignore"):  # a tiny temperature sends the others to -inf, as it should
        return np.asarray((logits - logits.max()) / temperature)


def keep_top_k(logits: Logits, k: int) -> Logits:
    """The k best ids, ties with the last of them included."""
    if k >= len(logits):
        return logits
    limit = np.partition(logits, len(logits) - k)[len(logits) - k]
    return np.where(logits >= limit, logits, -np.inf)


def keep_top_p(logits: Logits, p: float) -> Logits:
    """The fewest best ids whose probabilities sum to at least p."""
    order = np.argsort(-logits, kind="stable")
    cumulated = np.cumsum(probabilities(logits)[order])
    kept = int(np.searchsorted(cumulated, p * cumulated[-1], side="left")) + 1
    out = np.full_like(logits, -np.inf)
    out[order[:kept]] = logits[order[:kept]]
    return out


def keep_min_p(logits: Logits, p: float) -> Logits:
    """The ids at least p times as probable as the best one."""
    return np.where(logits >= logits.max() + np.log(p), logits, -np.inf)


def probabilities(logits: Logits) -> NDArray[np.float64]:
    """Softmax."""
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())
