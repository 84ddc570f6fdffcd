"""Heads: which to run for the ids that may come next, and where their logits lie."""

from __future__ import annotations

from collections.abc import Sequence

from ...manifest.schema import IdRange
from ...tokens.allowed_ids import Allowed

HeadSlice = tuple[int, slice]
"""Index of a head, and a slice of its logits."""


def head_slices(heads: Sequence[IdRange], allowed: Allowed) -> tuple[HeadSlice, ...]:
    """The allowed ids, in order, as slices of heads: of the narrowest head, if one covers all."""
    covering = [
        i
        for i, head in enumerate(heads)
        if all(_reach(head, ids.start) >= ids.stop for ids in allowed)
    ]
    if covering:
        best = min(covering, key=lambda i: heads[i][1] - heads[i][0])
        return tuple((best, _slice(heads[best], ids.start, ids.stop)) for ids in allowed)
    return tuple(piece for ids in allowed for piece in _cut(heads, ids))


def _cut(heads: Sequence[IdRange], ids: range) -> list[HeadSlice]:
    """One range over several heads: at each step the one that reaches farthest, the narrowest."""
    found, at = [], ids.start
    while at < ids.stop:
        reach = [
            (min(_reach(head, at), ids.stop), head[0] - head[1], i) for i, head in enumerate(heads)
        ]
        stop, _, best = max(reach)
        found.append((best, _slice(heads[best], at, stop)))
        assert stop > at, "the heads cover every id, the manifest was checked"
        at = stop
    return found


def _reach(head: IdRange, first: int) -> int:
    """The end of what a head covers from `first` on; `first` itself if it does not."""
    return head[1] if head[0] <= first < head[1] else first


def _slice(head: IdRange, first: int, stop: int) -> slice:
    return slice(first - head[0], stop - head[0])
