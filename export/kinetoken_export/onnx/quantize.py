"""Blockwise quantization for MatMulNBits, chunk by chunk from the checkpoint to the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError

from ..checkpoint.tensors import Float32Array, TensorSource, row_chunks
from .recipes import FLOATS
from .store import Region, TensorFile

_CHUNK: Final = (
    1 << 22
)  # numbers worked on at a time by each thread: 16 MiB of float32, a few copies of it
_MOST_THREADS: Final = 8
_STEPS: Final = (
    -0.6,
    -0.4,
    -0.2,
    0.2,
    0.4,
    0.6,
)  # codes that the largest weight of a block may land beside -8


@dataclass(frozen=True)
class StoredMatrix:
    """A stored weight of (rows, columns) = (out, in)."""

    name: str
    rows: int
    columns: int
    bits: int
    block: int
    values: Region
    """Codes (rows, blocks, bytes of a block), or floats (rows, columns), or `turned`."""
    scales: Region | None = None
    """(rows, blocks); None for floats."""
    turned: bool = False
    """Floats stored (in, out), as MatMul takes them."""


RowRange = tuple[str, int, int]
"""Rows [first, stop) of a tensor of the checkpoint."""


class WeightWriter:
    """Quantizes tensors of a checkpoint into the file."""

    def __init__(
        self,
        source: TensorSource,
        file: TensorFile,
        block: int,
        float_bits: int,
        done: Callable[[int], None],
    ) -> None:
        """`done` is called with the count of numbers written, by one thread at a time."""
        self._source, self._file, self._block, self._done = source, file, block, done
        self.float_type = np.dtype(np.float16 if float_bits == 16 else np.float32)
        self._pool = ThreadPoolExecutor(min(_MOST_THREADS, cpu_count() or 1))

    def close(self) -> None:
        """End the threads; what they have not begun is dropped."""
        self._pool.shutdown(cancel_futures=True)

    def vector(self, name: str) -> NDArray[Any]:
        """A small tensor in the type of the activations."""
        return self.narrow(self._source.tensor(name), name)

    def narrow(self, values: Float32Array, name: str) -> NDArray[Any]:
        """Numbers in the type of the activations; FormatError where it cannot hold them."""
        with np.errstate(over="ignore"):
            narrow = values.astype(self.float_type)
        if self.float_type == np.float16 and not np.isfinite(narrow).all():
            raise FormatError(
                f"{name}: expected numbers that float16 can hold, got {np.abs(values).max():g}: "
                "choose --quant int8, int4 or fp32"
            )
        return narrow

    def linear(self, name: str, tensors: Sequence[str], bits: int) -> StoredMatrix:
        """Write tensors (out, in), one below the other, as one matrix to multiply with."""
        parts = [(tensor, 0, self._source.dims(tensor)[0]) for tensor in tensors]
        return (
            self._floats_turned(name, parts, bits)
            if bits in FLOATS
            else self._integers(name, parts, bits)
        )

    def table(self, name: str, part: RowRange, bits: int) -> StoredMatrix:
        """Rows that are both gathered and multiplied."""
        return (
            self._floats(name, part, bits) if bits in FLOATS else self._integers(name, [part], bits)
        )

    def _integers(self, name: str, parts: Sequence[RowRange], bits: int) -> StoredMatrix:
        rows, columns = (
            sum(stop - first for _, first, stop in parts),
            self._source.dims(parts[0][0])[1],
        )
        blocks = -(-columns // self._block)
        codes = self._file.reserve(np.uint8, (rows, blocks, self._block * bits // 8))
        scales = self._file.reserve(self.float_type, (rows, blocks))

        def write(at: int, values: Float32Array) -> None:
            packed, scale = quantize(values, bits, self._block)
            self._file.write(codes, at, packed)
            self._file.write(scales, at, self.narrow(scale, parts[0][0]))

        self._chunks(parts, columns, write)
        return StoredMatrix(name, rows, columns, bits, self._block, codes, scales)

    def _floats(self, name: str, part: RowRange, bits: int) -> StoredMatrix:
        tensor, first, stop = part
        columns = self._source.dims(tensor)[1]
        region = self._file.reserve(self.float_type, (stop - first, columns))
        self._chunks(
            [part],
            columns,
            lambda at, values: self._file.write(region, at, self.narrow(values, tensor)),
        )
        return StoredMatrix(name, stop - first, columns, bits, self._block, region)

    def _floats_turned(self, name: str, parts: Sequence[RowRange], bits: int) -> StoredMatrix:
        whole = np.concatenate(
            [self.narrow(self._source.tensor(tensor), tensor) for tensor, _, _ in parts]
        )
        rows, columns = whole.shape
        region = self._file.reserve(self.float_type, (columns, rows))
        for first, stop in row_chunks(columns, rows, _CHUNK):
            self._file.write(region, first, np.ascontiguousarray(whole[:, first:stop].T))
            self._done((stop - first) * rows)
        return StoredMatrix(name, rows, columns, bits, self._block, region, turned=True)

    def _chunks(
        self, parts: Sequence[RowRange], columns: int, write: Callable[[int, Float32Array], None]
    ) -> None:
        """Call `write` with every chunk of rows and where it goes, on several threads."""
        jobs, at = [], 0
        for tensor, first, stop in parts:
            jobs += [
                (tensor, first + a, first + b, at + a)
                for a, b in row_chunks(stop - first, columns, _CHUNK)
            ]
            at += stop - first

        def work(job: tuple[str, int, int, int]) -> int:
            tensor, first, stop, place = job
            write(place, self._source.rows(tensor, first, stop))
            return (stop - first) * columns

        for numbers in self._pool.map(work, jobs):
            self._done(numbers)


def quantize(
    weight: Float32Array, bits: int, block: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Quantize a weight (out, in) to MatMulNBits' codes and scales.

    Codes are (out, in / block, block * bits / 8), scales (out, in / block). Symmetric: value =
    (code - 2^(bits-1)) * scale. The scale takes the sign of the block's largest weight, which then
    lands on the one code that the positive side lacks; with four bits it may land a little beside
    it, where that fits the block better.
    """
    rows, columns = weight.shape
    blocks = np.pad(weight, ((0, 0), (0, -columns % block))).reshape(rows, -1, block)
    middle = 1 << (bits - 1)
    high, low = blocks.max(-1), blocks.min(-1)
    largest = np.where(high > -low, high, low)
    codes, scales = (
        _fit(blocks, largest, middle) if bits == 4 else _round(blocks, largest, middle, middle)
    )
    whole: NDArray[np.uint8] = (codes + middle).astype(np.uint8)
    return (_pack(whole) if bits == 4 else whole), scales


def _pack(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two codes a byte, the first in its low half."""
    packed: NDArray[np.uint8] = codes[..., ::2] | (codes[..., 1::2] << np.uint8(4))
    return packed


def _round(
    blocks: Float32Array, largest: Float32Array, middle: int, reach: float
) -> tuple[Float32Array, Float32Array]:
    """Codes (rows, blocks, block) about 0 and scales, the largest weight at -`reach`."""
    inverse = np.divide(-reach, largest, out=np.zeros_like(largest), where=largest != 0)
    codes = blocks * inverse[..., None]
    np.rint(codes, out=codes)
    np.clip(codes, -middle, middle - 1, out=codes)
    return codes, (largest / -reach).astype(np.float32)


def _fit(
    blocks: Float32Array, largest: Float32Array, middle: int
) -> tuple[Float32Array, Float32Array]:
    """Try several scales, refine each by least squares, keep that of the smallest squared error."""
    codes, scales = _round(blocks, largest, middle, middle)
    gain = np.full(largest.shape, -np.inf, np.float32)
    best = codes
    for step in (0.0, *_STEPS):
        tried = codes if not step else _round(blocks, largest, middle, middle + step)[0]
        product, square = (
            np.einsum("rbk,rbk->rb", blocks, tried),
            np.einsum("rbk,rbk->rb", tried, tried),
        )
        scale = np.divide(product, square, out=np.zeros_like(product), where=square != 0)
        better = product * scale > gain  # squared error = sum of squares of the weights - this
        gain, scales = np.where(better, product * scale, gain), np.where(better, scale, scales)
        best = np.where(better[..., None], tried, best)
    return best, scales
