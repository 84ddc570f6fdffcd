"""What a prompt is made of: token ids, and images between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..base.errors import EngineError


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image as a language model takes it. Two are equal where model and pixels are, so a history may hold it among ids."""

    cells: int
    """Places of the cache that it takes, one a row and column of its grid."""
    columns: int
    """Of its grid; cells come row by row."""
    digest: str
    """Of the pixels that were looked at, and of what looked at them."""
    embeddings: NDArray[np.float32]
    """(cells, hidden)."""
    seconds: float = 0.0
    """Time that looking at it took."""
    tower: str = ""
    """Identity of what looked at it: another model's numbers mean nothing to this one."""

    @property
    def rows(self) -> int:
        """Of its grid."""
        return self.cells // self.columns

    @property
    def positions(self) -> int:
        """How far the next token stands behind its first cell: M-RoPE counts rows and columns beside each other."""
        return max(self.rows, self.columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EncodedImage) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


PromptItem = int | EncodedImage
"""What a chat is made of: token ids, and images between them."""

NO_IMAGES: Final = (
    "this language model takes no images; use a GGUF bundle of a vision-language checkpoint"
)


def count_cells(what: Sequence[PromptItem]) -> int:
    """How many places of the cache they take."""
    return sum(piece.cells if isinstance(piece, EncodedImage) else 1 for piece in what)


def token_ids(what: Sequence[PromptItem]) -> list[int]:
    """The same where all are token ids; EngineError where an image is among them."""
    ids = [piece for piece in what if not isinstance(piece, EncodedImage)]
    if len(ids) < len(what):
        raise EngineError(NO_IMAGES)
    return ids


def items_within(what: Sequence[PromptItem], length: int) -> list[PromptItem]:
    """The first of them, as many as fill no more than `length` cells."""
    taken = accumulate(count_cells([piece]) for piece in what)
    return [piece for piece, end in zip(what, taken, strict=True) if end <= length]
