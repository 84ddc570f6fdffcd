"""A tensor as a checkpoint stores it, plain or packed, read as float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import check_regular

from .files import TensorEntry

Float32Array = NDArray[np.float32]
FLOAT_TYPES: Final = ("F64", "F32", "F16", "BF16")
"""Types that hold numbers as they are."""


class StoredTensor(Protocol):
    """One tensor of a checkpoint."""

    @property
    def dims(self) -> tuple[int, ...]:
        """Its shape."""
        ...

    @property
    def entries(self) -> Sequence[TensorEntry]:
        """What of the files it is made of."""
        ...

    def read(self, start: int | None = None, stop: int | None = None) -> Float32Array:
        """Rows [start, stop) as float32; all without."""
        ...


@dataclass(frozen=True)
class PlainTensor:
    """Numbers as they are."""

    entry: TensorEntry

    @property
    def dims(self) -> tuple[int, ...]:
        """Its shape."""
        return self.entry.dims

    @property
    def entries(self) -> Sequence[TensorEntry]:
        """Itself."""
        return (self.entry,)

    def read(self, start: int | None = None, stop: int | None = None) -> Float32Array:
        """Rows [start, stop)."""
        check_numbers(self)
        values: Float32Array = read_entry(self.entry, start, stop).float().numpy()
        return values


@dataclass(frozen=True)
class RowsOf:
    """Rows of a tensor that holds several below one another."""

    whole: StoredTensor
    first: int
    end: int

    @property
    def dims(self) -> tuple[int, ...]:
        """Its shape, as far as the rows are there."""
        rows, *rest = self.whole.dims
        return (max(0, min(self.end, rows) - self.first), *rest)

    @property
    def entries(self) -> Sequence[TensorEntry]:
        """The whole's."""
        return self.whole.entries

    def read(self, start: int | None = None, stop: int | None = None) -> Float32Array:
        """Rows [start, stop) of its own."""
        last = self.end if stop is None else min(self.end, self.first + stop)
        return self.whole.read(self.first + (start or 0), last)


def check_numbers(tensor: StoredTensor) -> None:
    """FormatError where a tensor's own numbers are codes of a quantization."""
    entry = tensor.entries[0]
    if len(tensor.entries) == 1 and entry.dtype not in FLOAT_TYPES:
        raise FormatError(
            f"{entry.path}: {entry.name}: expected floating-point numbers, got {entry.dtype} "
            "without scales: "
            "give the checkpoint that it was made from, unquantized"
        )


def read_entry(entry: TensorEntry, start: int | None = None, stop: int | None = None) -> Any:
    """Rows [start, stop) of a tensor, or all, as torch has them."""
    with opened(entry.path) as file:
        if start is None and stop is None:
            return file.get_tensor(entry.name)
        return file.get_slice(entry.name)[start:stop]


def opened(path: Path) -> Any:
    """A file of safetensors; InputError or FormatError where it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        check_regular(path)
        return safe_open(path, framework="pt")
    except FileNotFoundError:
        raise InputError(
            f"expected a shard at {path}, found nothing: download the checkpoint again"
        ) from None
    except (SafetensorError, OSError) as error:
        raise FormatError(
            f"{path}: expected a whole safetensors file, got something unreadable ({error}): "
            "download it again"
        ) from error
