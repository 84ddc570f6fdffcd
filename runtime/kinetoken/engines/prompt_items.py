"""The items of a prompt: token ids, and images between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..base.errors import EngineError
from ..base.read_only import freeze_arrays


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image as a language model takes it.

    Two are equal if model and pixels are, so a chat may hold it among its ids.
    """

    cells: int
    """Positions of the cache that it takes: one for each row and column of its grid."""
    columns: int
    """Columns of its grid; cells come row by row."""
    digest: str
    """Digest of the pixels, and of the tower that encoded them."""
    embeddings: NDArray[np.float32]
    """(cells, hidden)."""
    seconds: float = 0.0
    """Time that encoding took."""
    tower: str = ""
    """Identity of the tower that encoded it; another model cannot use it."""

    def __post_init__(self) -> None:
        freeze_arrays(self, "embeddings")

    @property
    def rows(self) -> int:
        """Rows of its grid."""
        return self.cells // self.columns

    @property
    def positions(self) -> int:
        """Positions from its first cell to the next token.

        M-RoPE counts rows and columns beside each other, not one after another.
        """
        return max(self.rows, self.columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EncodedImage) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


PromptItem = int | EncodedImage
"""One item of a chat: a token id or an image."""

NO_IMAGES: Final = (
    "this language model takes no images; use a GGUF bundle of a vision-language checkpoint"
)


def count_cells(what: Sequence[PromptItem]) -> int:
    """Positions of the cache that the items take."""
    return sum(piece.cells if isinstance(piece, EncodedImage) else 1 for piece in what)


def ids_without_images(what: Sequence[PromptItem]) -> list[int]:
    """The items as token ids. EngineError if an image is among them."""
    ids = [piece for piece in what if not isinstance(piece, EncodedImage)]
    if len(ids) < len(what):
        raise EngineError(NO_IMAGES)
    return ids


def items_within(what: Sequence[PromptItem], length: int) -> list[PromptItem]:
    """The first items, as many as fill at most `length` cells."""
    taken = accumulate(count_cells([piece]) for piece in what)
    return [piece for piece, end in zip(what, taken, strict=True) if end <= length]
