"""Codes to latents: the sum of one codebook row per level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.errors import BundleError, TokenError
from ..base.read_only import freeze_arrays

MISSING_LEVEL = -1
"""Stands for a level that was not generated: it adds nothing."""


@dataclass(frozen=True)
class Codebooks:
    """One table per level."""

    table: NDArray[np.float32]
    """(Q, K, D)."""

    def __post_init__(self) -> None:
        if self.table.ndim != 3 or 0 in self.table.shape or not np.isfinite(self.table).all():
            raise BundleError(
                f"codebooks: expected finite numbers (levels, codes, width), got {self.table.shape}"
            )
        freeze_arrays(self, "table")

    def latents(self, codes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Turn codes (n, Q), -1 for missing levels, into latents (n, D).

        TokenError for a code outside its codebook.
        """
        levels, size, _ = self.table.shape
        if codes.ndim != 2 or codes.shape[1] != levels:
            raise TokenError(
                f"expected codes (n, {levels}), got {codes.shape}; give every frame {levels} codes"
            )
        if codes.size and (codes.min() < MISSING_LEVEL or codes.max() >= size):
            raise TokenError(
                f"expected codes 0..{size - 1}, got {codes.min()}..{codes.max()}; "
                "they may be another codec's"
            )
        rows = self.table[np.arange(levels), codes]
        rows[codes == MISSING_LEVEL] = 0.0
        return np.asarray(rows.sum(axis=1, dtype=np.float32))
