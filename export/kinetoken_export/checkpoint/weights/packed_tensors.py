"""Weights that someone else has quantized, as float32 again.

Scaled integers and 8-bit floats, GPTQ, AWQ, packed integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError

from .files import TensorEntry
from .stored_tensor import Float32Array, read_entry

_USUAL_BLOCK: Final = 128  # rows and columns that share a scale where nothing says how many
_WORD: Final = 32  # bits of the integers that codes are packed in
_AWQ_ORDER: Final = (0, 4, 1, 5, 2, 6, 3, 7)
"""Where in a word AWQ's gemm layout keeps the first, second ... of eight codes."""
Integers = NDArray[np.int32]


@dataclass(frozen=True)
class ScaledTensor:
    """Numbers of 8 bits times a scale: of the whole tensor, of each row, or of blocks."""

    weight: TensorEntry
    scale: TensorEntry
    zero: TensorEntry | None = None
    """Subtracted before."""
    block: tuple[int, int] | None = None
    """Rows and columns that share a scale, where the shape of the scales does not tell it."""
    divisor: float = 1.0

    @property
    def dims(self) -> tuple[int, ...]:
        """Its shape."""
        return self.weight.dims

    @property
    def entries(self) -> Sequence[TensorEntry]:
        """Numbers and scales."""
        return (self.weight, self.scale, *([self.zero] if self.zero else []))

    def read(self, start: int | None = None, stop: int | None = None) -> Float32Array:
        """Rows [start, stop)."""
        first, last, _ = slice(start, stop).indices(self.dims[0])
        values: Float32Array = read_entry(self.weight, first, last).float().numpy()
        if self.zero is not None:
            values = values - self._spread(self.zero, first, last)
        return np.asarray(
            values * (self._spread(self.scale, first, last) / self.divisor), np.float32
        )

    def _spread(self, entry: TensorEntry, first: int, last: int) -> Float32Array:
        """Scales (last - first, columns or 1), one for each number or for each row."""
        scales: Float32Array = read_entry(entry).float().numpy()
        if scales.size == 1:
            return scales.reshape(1, 1)
        scales = scales.reshape(len(scales), -1)
        if scales.shape[1] == 1 and len(entry.dims) == 1 and len(scales) != self.dims[0]:
            raise FormatError(
                f"{entry.path}: {entry.name}: expected a scale for each of {self.dims[0]} rows, "
                f"got {len(scales)}"
            )
        high, wide = (
            self._span(axis, size, count)
            for axis, (size, count) in enumerate(zip(self.dims, scales.shape, strict=True))
        )
        wanted = scales[np.arange(first, last) // high]
        columns = self.dims[1]
        return wanted if wide == columns else np.repeat(wanted, wide, 1)[:, :columns]

    def _span(self, axis: int, size: int, count: int) -> int:
        """Rows (axis 0) or columns that share a scale; FormatError where that cannot be told."""
        if count in (1, size):
            return size // count
        said = [self.block[axis]] if self.block else [_USUAL_BLOCK, -(-size // count)]
        fitting = [span for span in said if -(-size // span) == count]
        if not fitting or (not self.block and fitting[0] != _USUAL_BLOCK and size % count):
            raise FormatError(
                f"{self.scale.path}: {self.scale.name}: expected scales for {size} rows or "
                "columns, "
                f"got {count}: the config does not say how many share one"
            )
        return fitting[0]


@dataclass(frozen=True)
class GptqTensor:
    """GPTQ.

    Codes packed along the inputs, scales and zeros for groups of inputs in an order of their own.
    """

    codes: TensorEntry
    """(in * bits / 32, out)."""
    zeros: TensorEntry
    """(groups, out * bits / 32)."""
    scales: TensorEntry
    """(groups, out)."""
    groups: TensorEntry | None
    """(in,): the group of each input; None: in a row."""
    bits: int
    shifted: bool
    """Whether zeros are stored less one, as the first version of the format does."""

    @property
    def dims(self) -> tuple[int, ...]:
        """(out, in)."""
        return (self.codes.dims[1], self.codes.dims[0] * _WORD // self.bits)

    @property
    def entries(self) -> Sequence[TensorEntry]:
        """Codes, zeros, scales, groups."""
        return (
            self.codes,
            self.zeros,
            self.scales,
            *([self.groups] if self.groups is not None else []),
        )

    def read(self, start: int | None = None, stop: int | None = None) -> Float32Array:
        """Rows [start, stop)."""
        first, last, _ = slice(start, stop).indices(self.dims[0])
        codes = _unpack(read_entry(self.codes).numpy()[:, first:last].T, self.bits)  # (n, in)
        zeros = _unpack(read_entry(self.zeros).numpy(), self.bits)[:, first:last].T  # (n, groups)
        if self.shifted:
            zeros = (zeros + 1) & ((1 << self.bits) - 1)
        scales = read_entry(self.scales).float().numpy()[:, first:last].T
        inputs, count = codes.shape[1], scales.shape[1]
        group = np.arange(inputs) // -(-inputs // count)
        if self.groups is not None:
            group = read_entry(self.groups).numpy()
        if group.shape != (inputs,) or group.min() < 0 or group.max() >= count:
            raise FormatError(
                f"{self.codes.path}: {self.codes.name}: expected a group below {count} for each of "
                f"{inputs} inputs, got others: the file is damaged"
            )
        return np.asarray((codes - zeros[:, group]) * scales[:, group], np.float32)


@dataclass(frozen=True)
class AwqTensor:
    """AWQ's gemm layout: eight outputs to a word, in an order of its own.

    Groups of inputs in a row.
    """

    codes: TensorEntry
    """(in, out / 8)."""
    zeros: TensorEntry
    """(groups, out / 8)."""
    scales: TensorEntry
    """(groups, out)."""

    @property
    def dims(self) -> tuple[int, ...]:
        """(out, in)."""
        return (self.scales.dims[1], self.codes.dims[0])

    @property
    def entries(self) -> Sequence[TensorEntry]:
        """Codes, zeros, scales."""
        return (self.codes, self.zeros, self.scales)

    def read(self, start: int | None = None, stop: int | None = None) -> Float32Array:
        """Rows [start, stop)."""
        first, last, _ = slice(start, stop).indices(self.dims[0])
        words = slice(first // 8, -(-last // 8))
        kept = slice(first - 8 * words.start, last - 8 * words.start)
        codes, zeros = (
            _in_order(_unpack(read_entry(entry).numpy()[:, words], 4))[:, kept].T
            for entry in (self.codes, self.zeros)
        )
        scales = read_entry(self.scales).float().numpy()[:, first:last].T
        size = codes.shape[1] // scales.shape[1]
        return np.asarray(
            (codes - np.repeat(zeros, size, 1)) * np.repeat(scales, size, 1), np.float32
        )


@dataclass(frozen=True)
class PackedTensor:
    """compressed-tensors' pack-quantized.

    Signed codes packed along the inputs, scales for groups of inputs.
    """

    codes: TensorEntry
    """(out, in * bits / 32)."""
    scales: TensorEntry
    """(out, groups)."""
    columns: int
    bits: int

    @property
    def dims(self) -> tuple[int, ...]:
        """(out, in)."""
        return (self.codes.dims[0], self.columns)

    @property
    def entries(self) -> Sequence[TensorEntry]:
        """Codes and scales."""
        return (self.codes, self.scales)

    def read(self, start: int | None = None, stop: int | None = None) -> Float32Array:
        """Rows [start, stop)."""
        first, last, _ = slice(start, stop).indices(self.dims[0])
        codes = _unpack(read_entry(self.codes, first, last).numpy(), self.bits)[:, : self.columns]
        scales = read_entry(self.scales, first, last).float().numpy().reshape(last - first, -1)
        size = -(-self.columns // scales.shape[1])
        wide = np.repeat(scales, size, 1)[:, : self.columns]
        return np.asarray((codes - (1 << (self.bits - 1))) * wide, np.float32)


def _unpack(words: NDArray[Any], bits: int) -> Integers:
    """Words (n, m) to codes (n, m * 32 / bits), the lowest bits first."""
    shifts = np.arange(0, _WORD, bits, dtype=np.uint32)
    codes = (words.astype(np.int32).view(np.uint32)[..., None] >> shifts) & np.uint32(
        (1 << bits) - 1
    )
    return codes.reshape(len(words), -1).astype(np.int32)


def _in_order(codes: Integers) -> Integers:
    """AWQ's codes (n, m) with the eight of each word in the order of the outputs."""
    return codes.reshape(len(codes), -1, 8)[:, :, _AWQ_ORDER].reshape(len(codes), -1)
