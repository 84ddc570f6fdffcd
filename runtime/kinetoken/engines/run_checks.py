"""Checks that the runs of all engines share."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import EngineError


def check_push(count: int, length: int, context: int) -> None:
    """Raise EngineError unless a run of `length` tokens can take `count` more, 1 at least."""
    total = length + count
    if not count or total > context:
        raise EngineError(
            f"expected 1 to {context} tokens in the context, got {total}; ask for less"
        )


def check_rewind(length: int, fed: int) -> None:
    """Raise ValueError unless `length` tokens were fed."""
    if not 0 <= length <= fed:
        raise ValueError(f"expected to keep 0 to {fed} tokens, got {length}")


def check_ids(ids: Sequence[int], vocab_size: int) -> None:
    """Raise EngineError for ids that the model does not have."""
    if min(ids) < 0 or max(ids) >= vocab_size:
        raise EngineError(
            f"expected token ids below {vocab_size}, got {min(ids)} to {max(ids)}; "
            "export the bundle again"
        )
