"""Sizes of quantized weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HEAD_TYPES: Final = {"q5_k": 5.5, "q4_k": 4.5}
"""Bits of types that embedding and head may have and that are no recipe's name."""
OUTER_SHARE: Final = 0.1
"""Share of a 3B's weights that are its embedding and head."""
MOTION_ROWS: Final = 1025
"""Rows of the head that are allowed inside a block, at the most: a level, and the block's end."""


def bits_per_weight(quantization: str, known: Mapping[str, float]) -> float | None:
    """Bits of a weight in a recipe; None for one that is not known.

    `known`: name to bits. A recipe may say more than its name: "q4_k_m:q8_0", "iq3_s+own",
    "pruned_int4".
    """
    recipe = quantization.lower().removeprefix("pruned_").partition("+")[0]
    name, _, outer = recipe.partition(":")
    inner = known.get(name)
    if inner is None or not outer:
        return inner
    head = HEAD_TYPES.get(outer) or known.get(outer)
    return None if head is None else (1 - OUTER_SHARE) * inner + OUTER_SHARE * head
