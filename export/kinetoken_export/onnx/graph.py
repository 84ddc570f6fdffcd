"""One ONNX graph being built: nodes and initializers in the order of the forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .quantize import StoredMatrix
from .recipes import FLOATS

MICROSOFT: Final = "com.microsoft"
_OPSET: Final = 21
_IR_VERSION: Final = 10


class Graph:
    """Nodes and initializers; every node is named after its output."""

    def __init__(self, float_bits: int, accuracy_level: int) -> None:
        self.float_type = int(TensorProto.FLOAT16 if float_bits == 16 else TensorProto.FLOAT)
        self._accuracy_level = accuracy_level
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def model(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The finished graph."""
        graph = helper.make_graph(
            self._nodes, "kinetoken", inputs, outputs, list(self._initializers.values())
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(
            graph, opset_imports=opsets, producer_name="kinetoken", ir_version=_IR_VERSION
        )

    def node(
        self, kind: str, inputs: Sequence[str], out: str | Sequence[str], **attributes: Any
    ) -> str:
        """Add a node; returns the name of its first output."""
        outs = [out] if isinstance(out, str) else list(out)
        self._nodes.append(helper.make_node(kind, list(inputs), outs, name=outs[0], **attributes))
        return outs[0]

    def const(self, name: str, values: NDArray[Any]) -> str:
        """A small initializer, kept in the graph itself."""
        self._initializers[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def number(self, value: int | Sequence[int]) -> str:
        """An int64 constant, shared by all that use it."""
        return self.const(f"int64.{value}", np.array(value, np.int64))

    def refer(self, tensor: onnx.TensorProto) -> str:
        """An initializer that lies in the file beside."""
        self._initializers[tensor.name] = tensor
        return str(tensor.name)

    def multiply(
        self,
        x: str,
        matrix: StoredMatrix,
        out: str,
        *,
        first: int = 0,
        stop: int | None = None,
        bias: str = "",
    ) -> str:
        """x (1, n, in) times rows [first, stop) of a matrix, plus a bias: (1, n, stop - first)."""
        stop = matrix.rows if stop is None else stop
        if matrix.bits in FLOATS:
            return self._multiply_floats(x, matrix, out, first, stop, bias)
        assert matrix.scales is not None
        inputs = [x, self.refer(matrix.values.proto(f"{matrix.name}.q", first, stop))]
        inputs += [
            self.refer(matrix.scales.proto(f"{matrix.name}.s", first, stop)),
            *(["", "", bias] if bias else []),
        ]
        return self.node(
            "MatMulNBits",
            inputs,
            out,
            domain=MICROSOFT,
            K=matrix.columns,
            N=stop - first,
            bits=matrix.bits,
            block_size=matrix.block,
            accuracy_level=self._accuracy_level,
        )

    def _multiply_floats(
        self, x: str, matrix: StoredMatrix, out: str, first: int, stop: int, bias: str
    ) -> str:
        if matrix.turned:
            weight = self.refer(matrix.values.proto(f"{matrix.name}.w"))
            product = self.node("MatMul", [x, weight], f"{out}.product" if bias else out)
            return self.node("Add", [product, bias], out) if bias else product
        # A table is stored (out, in), since its rows are gathered too: only Gemm multiplies that as
        # it lies.
        weight = self.refer(matrix.values.proto(f"{matrix.name}.w", first, stop))
        flat = self.node("Reshape", [x, self.number([-1, matrix.columns])], f"{out}.flat")
        product = self.node("Gemm", [flat, weight], f"{out}.product", transB=1)
        return self.node("Reshape", [product, self.number([1, -1, stop - first])], out)

    def gather(self, matrix: StoredMatrix, ids: str, out: str) -> str:
        """Rows of a table as floats: ids (1, n) to (1, n, columns). Only those rows are read."""
        if matrix.scales is None:
            return self.node(
                "Gather", [self.refer(matrix.values.proto(f"{matrix.name}.w")), ids], out
            )
        packed = self.node(
            "Gather", [self.refer(matrix.values.proto(f"{matrix.name}.q")), ids], f"{out}.packed"
        )
        scales = self.node(
            "Gather", [self.refer(matrix.scales.proto(f"{matrix.name}.s")), ids], f"{out}.scales"
        )
        codes = self._halves(packed, out, matrix.block) if matrix.bits == 4 else packed
        floats = self.node("Cast", [codes], f"{out}.codes", to=self.float_type)
        kind = helper.tensor_dtype_to_np_dtype(self.float_type)
        middle = self.const(f"middle.{matrix.bits}", np.array(1 << (matrix.bits - 1), kind))
        centred = self.node("Sub", [floats, middle], f"{out}.centred")
        each = self.node("Unsqueeze", [scales, self.number([-1])], f"{out}.each")
        scaled = self.node("Mul", [centred, each], f"{out}.scaled")
        width = matrix.block * matrix.scales.dims[1]
        flat = self.node(
            "Reshape",
            [scaled, self.number([1, -1, width])],
            f"{out}.wide" if width > matrix.columns else out,
        )
        return flat if width == matrix.columns else self.cut(flat, 0, matrix.columns, 2, out)

    def _halves(self, packed: str, out: str, block: int) -> str:
        """Unpack two codes of a byte, low half first: (1, n, blocks, block / 2) to (..., block)."""
        mask, shift = (self.const(f"uint8.{value}", np.array(value, np.uint8)) for value in (15, 4))
        low = self.node("BitwiseAnd", [packed, mask], f"{out}.low")
        high = self.node("BitShift", [packed, shift], f"{out}.high", direction="RIGHT")
        pair = [
            self.node("Unsqueeze", [half, self.number([-1])], f"{half}.one") for half in (low, high)
        ]
        both = self.node("Concat", pair, f"{out}.both", axis=-1)
        return self.node("Reshape", [both, self.number([0, 0, 0, block])], f"{out}.unpacked")

    def cut(self, x: str, start: int, stop: int, axis: int, out: str) -> str:
        """x[start:stop] along an axis."""
        return self.node(
            "Slice", [x, *(self.number([value]) for value in (start, stop, axis))], out
        )
