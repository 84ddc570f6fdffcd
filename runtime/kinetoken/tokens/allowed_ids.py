"""Sets of token ids as ascending, disjoint ranges."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Allowed = tuple[range, ...]
"""Ids that may come next: ascending, disjoint ranges, never empty."""


def merged_ranges(ranges: Iterable[range]) -> tuple[range, ...]:
    """The same ids as ascending, disjoint ranges.

    Neighbours are joined, so that one slice of the logits does for both.
    """
    joined: list[range] = []
    for ids in sorted((r for r in ranges if len(r)), key=lambda r: r.start):
        if joined and ids.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, ids.stop))
        else:
            joined.append(ids)
    return tuple(joined)


def count_allowed(allowed: Allowed) -> int:
    """Number of allowed ids."""
    return sum(len(ids) for ids in allowed)


def nth_allowed(allowed: Allowed, index: int) -> int:
    """The id at an index into the concatenated ranges. IndexError beyond them."""
    for ids in allowed:
        if index < len(ids):
            return ids[index]
        index -= len(ids)
    raise IndexError(index)


def take_allowed(row: NDArray[np.float32], allowed: Allowed) -> NDArray[np.float32]:
    """The allowed entries of a row of logits (vocab,). A view if one range is allowed."""
    if len(allowed) == 1:
        return row[allowed[0].start : allowed[0].stop]
    return np.concatenate([row[ids.start : ids.stop] for ids in allowed])


def among_allowed(
    logits: NDArray[np.float32], allowed: Allowed, wanted: Allowed
) -> NDArray[np.float32]:
    """The entries of `logits` (n,), one for each of the n allowed ids, that belong to the wanted.

    All of `wanted` must be allowed; the order is that of its ids.
    """
    parts, start = [], 0
    for ids in allowed:
        for some in wanted:
            low, high = max(ids.start, some.start), min(ids.stop, some.stop)
            if low < high:
                parts.append(logits[start + low - ids.start : start + high - ids.start])
        start += len(ids)
    assert sum(map(len, parts)) == count_allowed(wanted), "wanted ids are allowed"
    return np.concatenate(parts)
