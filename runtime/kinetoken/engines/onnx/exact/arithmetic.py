"""Arithmetic whose result no processor, thread count or library can change.

IEEE 754 fixes the result of a single addition, product, quotient or root, so what works element by
element is the same everywhere. A sum is not: its order differs between processors and libraries. So
what is summed are integers, held in float64: as long as no partial sum passes 2^53, every order
gives the same. `np.exp` is rounded differently by each library; here it is a polynomial.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EXACT_BITS: Final = 53
"""Integers up to 2^53 have no gaps in float64."""
WEIGHT_BITS: Final = 20
"""Of the larger operand, of which the best is 8 bits and a scale: its error is 2^-20 of a row."""
_SQUARED_BITS: Final = 24
_SHARE_BITS: Final = 40
"""Of a number from 0 to 1 that is summed: 2^13 of them are exact."""
_LOG2_E: Final = 1.4426950408889634
_LN2_HIGH: Final = 0.693147180369123816490  # its last 21 bits are 0: times 1074 it is exact
_LN2_LOW: Final = 1.90821492927058770002e-10
_LOWEST: Final = -700.0  # e to it is no subnormal number
_TAYLOR: Final = tuple(1.0 / math.factorial(n) for n in range(10, -1, -1))
_GELU_CUBE, _GELU_ROOT = 0.044715, 0.7978845608028654


class Grid(NamedTuple):
    """Integers in float64, and the power of two that each row of them counts in."""

    whole: Floats
    exponents: NDArray[np.int32]
    """Of the same shape less the last axis, which is 1 long."""


def to_grid(x: Floats, bits: int) -> Grid:
    """Round rows (..., n) to integers of at most 2^bits, as fine as the largest allows."""
    _, exponents = np.frexp(np.abs(x).max(axis=-1, keepdims=True, initial=0.0))
    exponents = (exponents - bits).astype(np.int32)
    return Grid(np.rint(np.ldexp(x, -exponents)), exponents)


def sum_bits(count: int) -> int:
    """Bits by which a sum of so many numbers is longer than one."""
    return max(0, (count - 1).bit_length())


def input_bits(count: int) -> int:
    """Bits of a vector of so many numbers that is multiplied by WEIGHT_BITS."""
    return EXACT_BITS - WEIGHT_BITS - sum_bits(count)


class ExactMatrix:
    """Weights (rows, columns), rounded once, that vectors are multiplied by."""

    def __init__(self, weights: Floats) -> None:
        self._grid = to_grid(weights, WEIGHT_BITS)
        self._turned = np.ascontiguousarray(self._grid.whole.T)
        self._exponents = self._grid.exponents[:, 0]
        self._bits = input_bits(weights.shape[-1])

    def times(self, x: Floats) -> Floats:
        """x (..., columns) to (..., rows)."""
        grid = to_grid(x, self._bits)
        return np.asarray(np.ldexp(grid.whole @ self._turned, grid.exponents + self._exponents))


def exponential(x: Floats) -> Floats:
    """e^x of numbers up to 0, to eleven digits; 0 far below it."""
    clipped = np.maximum(x, _LOWEST)
    power = np.rint(clipped * _LOG2_E)
    rest = (clipped - power * _LN2_HIGH) - power * _LN2_LOW
    value = np.full_like(rest, _TAYLOR[0])
    for factor in _TAYLOR[1:]:
        value *= rest
        value += factor
    return np.where(x < _LOWEST, 0.0, np.ldexp(value, power.astype(np.int32)))


def sum_of_shares(shares: Floats) -> Floats:
    """Sum numbers from 0 to 1 (..., n), n up to 2^13, along the last axis, which stays."""
    whole = np.rint(np.ldexp(shares, _SHARE_BITS))
    return np.asarray(np.ldexp(whole.sum(axis=-1, keepdims=True), -_SHARE_BITS))


def mean_square(x: Floats) -> Floats:
    """Mean of the squares of rows (..., n); the last axis stays."""
    grid = to_grid(x, _SQUARED_BITS)
    squares = (grid.whole * grid.whole).astype(np.int64).sum(axis=-1, keepdims=True)
    return np.asarray(np.ldexp(squares.astype(np.float64) / x.shape[-1], 2 * grid.exponents))


def rms_norm(x: Floats, gain: Floats, epsilon: float) -> Floats:
    """x (..., n) over its root mean square, times a gain (n,)."""
    return x / np.sqrt(mean_square(x) + epsilon) * gain


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + e^-x)."""
    small = exponential(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def tanh(x: Floats) -> Floats:
    """The hyperbolic tangent."""
    small = exponential(-2.0 * np.abs(x))
    return np.copysign((1.0 - small) / (1.0 + small), x)


def gelu(x: Floats) -> Floats:
    """Gelu, approximated by tanh as networks are trained with it."""
    return 0.5 * x * (1.0 + tanh(_GELU_ROOT * (x + _GELU_CUBE * (x * x * x))))
