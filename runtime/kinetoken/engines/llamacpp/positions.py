"""Cells and positions of a run. Among tokens they are the same; an image takes many cells and moves the position by few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError
from ..prompt_items import EncodedImage

POSITION_AXES = 4
"""Numbers that place a cell of an image: time, row, column, and one that Qwen does not use."""
_ImageCells = tuple[int, int, int]
"""First cell, cells, positions."""


class CellPositions:
    """Which position each cell of a run has, from the images that it holds."""

    def __init__(self) -> None:
        self._images: list[_ImageCells] = []

    def add(self, first: int, cells: int, positions: int) -> None:
        """An image from a cell on."""
        self._images.append((first, cells, positions))

    def position(self, cell: int) -> int:
        """Of a token at a cell; EngineError inside an image, whose cells share one."""
        for first, cells, positions in reversed(self._images):
            if cell >= first + cells:
                return self.position(first) + positions + cell - first - cells
            if cell > first:
                raise EngineError(
                    f"cell {cell} lies within an image, cells {first} to {first + cells}; go back before it"
                )
        return cell

    def cut(self, cell: int) -> None:
        """Only what lies before a cell is still there."""
        self._images = [image for image in self._images if image[0] < cell]


def image_positions(image: EncodedImage, first: int, cells: range) -> NDArray[np.int32]:
    """Some cells of an image whose first position is `first` (AXES * n,), one axis after the other.

    M-RoPE of Qwen2-VL: all cells stand at one time, rows and columns count from the same position.
    """
    rows, columns = np.divmod(np.arange(cells.start, cells.stop, dtype=np.int32), image.columns)
    still = np.zeros_like(rows)
    return np.concatenate([still + first, rows + first, columns + first, still])
