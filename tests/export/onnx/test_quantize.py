"""Blockwise quantization, checked against ONNX Runtime's own MatMulNBits."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from kinetoken_export.onnx.graph import MICROSOFT
from kinetoken_export.onnx.quantize import quantize


@pytest.mark.parametrize(("bits", "worst"), [(8, 0.01), (4, 0.14)])
@pytest.mark.parametrize("shape", [(48, 64), (33, 96)])
def test_the_engine_multiplies_what_was_quantized(
    bits: int, worst: float, shape: tuple[int, int]
) -> None:
    draw = np.random.default_rng(bits)
    weight = draw.normal(size=shape).astype(np.float32)
    codes, scales = quantize(weight, bits, 32)
    node = helper.make_node(
        "MatMulNBits", ["x", "q", "s"], ["y"], domain=MICROSOFT, K=shape[1], N=shape[0], bits=bits, block_size=32,
        accuracy_level=1,
    )  # fmt: skip
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "g", [value("x", TensorProto.FLOAT, (2, shape[1]))], [value("y", TensorProto.FLOAT, (2, shape[0]))],
        [numpy_helper.from_array(codes, "q"), numpy_helper.from_array(scales, "s")],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = draw.normal(size=(2, shape[1])).astype(np.float32)
    error = np.abs(session.run(None, {"x": x})[0] - x @ weight.T).max()
    assert error < worst * np.abs(x @ weight.T).max()


def test_a_block_of_zeros_stays_zero() -> None:
    codes, scales = quantize(np.zeros((2, 32), np.float32), 8, 32)
    assert not scales.any()
    assert (codes == 128).all()


def test_the_largest_weight_of_a_block_is_exact() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 32)).astype(np.float32)
    codes, scales = quantize(weight, 8, 32)
    back = (codes.astype(np.float32)[:, 0] - 128) * scales[:, :1]
    largest = np.abs(weight).argmax(axis=1)
    np.testing.assert_allclose(
        back[np.arange(4), largest], weight[np.arange(4), largest], rtol=1e-6
    )
