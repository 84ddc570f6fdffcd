"""Cells and positions of a run.

Among tokens they are the same. An image takes many cells and advances the position by few.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError
from ..prompt_items import EncodedImage

_ImageCells = tuple[int, int, int]
"""First cell, number of cells, positions."""


class CellPositions:
    """The position of each cell of a run, from the images that it holds."""

    def __init__(self) -> None:
        self._images: list[_ImageCells] = []

    def add(self, first: int, cells: int, positions: int) -> None:
        """Note an image from a cell on."""
        self._images.append((first, cells, positions))

    def position(self, cell: int) -> int:
        """The position of a token at a cell. EngineError inside an image, whose cells share one."""
        for first, cells, positions in reversed(self._images):
            if cell >= first + cells:
                return self.position(first) + positions + cell - first - cells
            if cell > first:
                raise EngineError(
                    f"cell {cell} lies within an image, cells {first} to {first + cells}; "
                    "go back before it"
                )
        return cell

    def cut(self, cell: int) -> None:
        """Forget all that does not lie before a cell."""
        self._images = [image for image in self._images if image[0] < cell]


def image_positions(image: EncodedImage, first: int, cells: range) -> NDArray[np.int32]:
    """Positions of some cells of an image (4 * n,), one axis after the other.

    The axes are time, row, column, and one that Qwen does not use.
    `first` is the image's first position. M-RoPE of Qwen2-VL: all cells stand at one time, and rows
    and columns count from the same position.
    """
    rows, columns = np.divmod(np.arange(cells.start, cells.stop, dtype=np.int32), image.columns)
    still = np.zeros_like(rows)
    return np.concatenate([still + first, rows + first, columns + first, still])
