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
