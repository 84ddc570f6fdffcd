"""The operators of fused graphs, each a function of numpy arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ....base.errors import EngineError
from .arithmetic import ExactMatrix, gelu, rms_norm, sigmoid, tanh
from .graph_reader import ARRAY_TYPES, GraphNode

Value = NDArray[Any]
Operation = Callable[..., Any]
"""Takes a node's inputs, None for those left out; returns its output, or a list of several."""
Constants = dict[str, Value]


def operation(node: GraphNode, constants: Constants) -> tuple[tuple[str, ...], Operation]:
    """How a node is computed: the inputs that are fed, and the function of them.

    Weights are made ready once. EngineError for an operator that is not known.
    """
    if node.operator in _MATRICES:
        return _MATRICES[node.operator](node, constants)
    if node.operator not in _OPERATIONS:
        raise EngineError(f"the operator {node.operator} cannot be computed exactly")
    return node.inputs, _OPERATIONS[node.operator](node.attributes)


def as_exact(values: Value) -> Value:
    """Floats as float64; other types as they are."""
    return values.astype(np.float64) if values.dtype.kind == "f" else values


def unpacked_weights(node: GraphNode, constants: Constants) -> NDArray[np.float64]:
    """The weights of MatMulNBits (N, K): codes in blocks along the input, a scale a block."""
    rows, columns, bits, block = (node.attributes[key] for key in ("N", "K", "bits", "block_size"))
    if any(node.inputs[3:5]):
        raise EngineError("weights with zero points cannot be computed exactly")
    codes = constants[node.inputs[1]].reshape(rows, -1)
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(rows, -1)
    scales = constants[node.inputs[2]].reshape(rows, -1).astype(np.float64)
    centred = codes.astype(np.float64) - (1 << (bits - 1))
    scaled = centred.reshape(rows, -1, block) * scales[:, :, None]
    return np.asarray(scaled.reshape(rows, -1)[:, :columns])


def _multiply_bits(node: GraphNode, constants: Constants) -> tuple[tuple[str, ...], Operation]:
    matrix = ExactMatrix(unpacked_weights(node, constants))
    if len(node.inputs) <= 5:
        return node.inputs[:1], matrix.times
    bias = as_exact(constants[node.inputs[5]])
    return node.inputs[:1], lambda x: matrix.times(x) + bias


def _multiply_floats(node: GraphNode, constants: Constants) -> tuple[tuple[str, ...], Operation]:
    weights = as_exact(constants[node.inputs[1]])
    matrix = ExactMatrix(weights if node.attributes.get("transB") else weights.T)
    return node.inputs[:1], matrix.times


def _norm_sum(epsilon: float) -> Operation:
    """Norm of a sum; the sum is the fourth output."""

    def run(x: Value, residual: Value, gain: Value) -> list[Value | None]:
        total = x + residual
        return [rms_norm(total, gain, epsilon), None, None, total]

    return run


def _reshape(x: Value, shape: Value) -> Value:
    """0 keeps a dimension."""
    return x.reshape([x.shape[i] if n == 0 else int(n) for i, n in enumerate(shape)])


def _slice(x: Value, start: Value, stop: Value, axis: Value) -> Value:
    cut = [slice(None)] * x.ndim
    cut[int(axis[0])] = slice(int(start[0]), int(stop[0]))
    return x[tuple(cut)]


def _shift(bits: Value, by: Value) -> Value:
    return np.right_shift(bits, by)


def _cast(kind: int) -> Operation:
    wanted = ARRAY_TYPES[kind]
    return as_exact if issubclass(wanted, np.floating) else lambda x: x.astype(wanted)


def _split(axis: int) -> Operation:
    return lambda x, sizes: np.split(x, np.cumsum(sizes)[:-1], axis=axis)


def _quick_gelu(alpha: float) -> Operation:
    return lambda x: x * sigmoid(alpha * x)


_MATRICES: Final = {
    "MatMulNBits": _multiply_bits,
    "MatMul": _multiply_floats,
    "Gemm": _multiply_floats,
}
_OPERATIONS: Final[dict[str, Callable[[dict[str, Any]], Operation]]] = {
    "Add": lambda _: np.add,
    "BitShift": lambda _: _shift,
    "BitwiseAnd": lambda _: np.bitwise_and,
    "Cast": lambda options: _cast(options["to"]),
    "Concat": lambda options: lambda *parts: np.concatenate(parts, axis=options["axis"]),
    "Div": lambda _: np.divide,
    "Gather": lambda _: lambda table, ids: as_exact(table[ids]),
    "Gelu": lambda _: gelu,
    "Less": lambda _: np.less,
    "Max": lambda _: np.maximum,
    "Min": lambda _: np.minimum,
    "Mul": lambda _: np.multiply,
    "QuickGelu": lambda options: _quick_gelu(options["alpha"]),
    "Reshape": lambda _: _reshape,
    "SimplifiedLayerNormalization": lambda options: (
        lambda x, gain: rms_norm(x, gain, options["epsilon"])
    ),
    "SkipSimplifiedLayerNormalization": lambda options: _norm_sum(options["epsilon"]),
    "Sigmoid": lambda _: sigmoid,
    "Slice": lambda _: _slice,
    "Split": lambda options: _split(options["axis"]),
    "Sub": lambda _: np.subtract,
    "Tanh": lambda _: tanh,
    "Unsqueeze": lambda _: lambda x, axes: np.expand_dims(x, tuple(map(int, axes))),
    "Where": lambda _: np.where,
}
