"""A Qwen2 checkpoint as one fused, quantized ONNX graph: the same nodes that ONNX Runtime's own builders emit.

RMS norms are fused with their residual sums, q/k/v and gate/up are one matrix each, attention is GroupQueryAttention with
its rotary positions and a cache of fixed size that the runtime shares between past and present. The tied embedding is
stored once: the head multiplies it, the embedding gathers rows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kinetoken.errors import InputError

from .checkpoint import Array, Checkpoint
from .progress import progress
from .recipes import Recipe

MICROSOFT: Final = "com.microsoft"
OPSET: Final = 21
INLINE_LIMIT: Final = 1 << 30  # bytes; protobuf ends at 2 GiB, larger models keep their tensors in a file beside


def export_language_model(checkpoint: Checkpoint, recipe: Recipe, path: Path, context: int | None = None) -> int:
    """Write `path`; returns the context in tokens. The cache holds `context` tokens, at most what the model was made for."""
    shape = checkpoint.shape
    context = shape.context if context is None else context
    if not 1 <= context <= shape.context:
        raise InputError(
            f"expected a context of 1 to {shape.context} tokens, got {context}: this model knows no more positions"
        )
    _save(_Builder(checkpoint, recipe, context).build(), path)
    return context


def _save(model: onnx.ModelProto, path: Path) -> None:
    size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    beside = f"{path.name}.data" if size > INLINE_LIMIT else None
    onnx.save_model(model, path, save_as_external_data=beside is not None, location=beside, size_threshold=1024)


class _Builder:
    """Collects nodes and initializers in the order of the forward pass."""

    def __init__(self, checkpoint: Checkpoint, recipe: Recipe, context: int) -> None:
        self.checkpoint, self.shape, self.recipe, self.context = checkpoint, checkpoint.shape, recipe, context
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def build(self) -> onnx.ModelProto:
        s = self.shape
        self._rotary()
        self._head_weights()
        x, residual = self._embedding(), ""
        for layer in progress(range(s.layers), "language model"):
            x, residual = self._layer(layer, x, residual)
        starts, ends, axes = (
            self.const(f"last.{n}", np.array([v], np.int64)) for n, v in (("s", -1), ("e", 2**62), ("a", 1))
        )
        last = [self.node("Slice", [value, starts, ends, axes], f"last.{i}") for i, value in enumerate((x, residual))]
        normed, _ = self._norm("model.norm.weight", last[0], last[1], "final")
        self._multiply_head(normed)
        graph = helper.make_graph(self.nodes, "language_model", self._inputs(), self._outputs(), self.initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, producer_name="kinetoken", ir_version=10)

    def _rotary(self) -> None:
        half = np.arange(0, self.shape.head_dim, 2) / self.shape.head_dim
        angles = np.arange(self.context)[:, None] * self.shape.rope_theta ** (-half)[None]
        self.const("cos", np.cos(angles).astype(np.float32))
        self.const("sin", np.sin(angles).astype(np.float32))

    def _head_weights(self) -> None:
        bits = self.recipe.head_bits
        self.quantized("embedding", self.checkpoint.tensor("model.embed_tokens.weight"), bits)
        if not self.shape.tied:
            self.quantized("head", self.checkpoint.tensor("lm_head.weight"), bits)

    def _embedding(self) -> str:
        """Rows of the quantized embedding, brought back to float: only as many as there are tokens."""
        rows = self.node("Gather", ["embedding.q", "input_ids"], "embedding.rows", axis=0)
        scales = self.node("Gather", ["embedding.s", "input_ids"], "embedding.scales", axis=0)
        middle = self.const("embedding.zero", np.array(1 << (self.recipe.head_bits - 1), np.float32))
        last = self.const("embedding.axis", np.array([-1], np.int64))
        values = self.node(
            "Sub", [self.node("Cast", [rows], "embedding.float", to=TensorProto.FLOAT), middle], "embedding.centred"
        )
        scaled = self.node(
            "Mul", [values, self.node("Unsqueeze", [scales, last], "embedding.each")], "embedding.scaled"
        )
        width = self.const("embedding.shape", np.array([1, -1, self.shape.hidden], np.int64))
        return self.node("Reshape", [scaled, width], "embedding.out")

    def _layer(self, layer: int, x: str, residual: str) -> tuple[str, str]:
        s, prefix = self.shape, f"model.layers.{layer}"
        normed, residual = self._norm(f"{prefix}.input_layernorm.weight", x, residual, f"{layer}.in")
        names = [f"{prefix}.self_attn.{part}_proj" for part in "qkv"]
        weight = np.concatenate([self.checkpoint.tensor(f"{n}.weight") for n in names])
        bias = np.concatenate([self.checkpoint.tensor(f"{n}.bias") for n in names])
        packed = self.linear(f"{layer}.qkv", normed, weight, bias)
        caches = [f"past_key_values.{layer}.key", f"past_key_values.{layer}.value"]
        attended = f"{layer}.attended"
        self.nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                [packed, "", "", *caches, "seqlens_k", "total_sequence_length", "cos", "sin"],
                [attended, f"present.{layer}.key", f"present.{layer}.value"],
                name=attended,
                domain=MICROSOFT,
                num_heads=s.heads,
                kv_num_heads=s.kv_heads,
                scale=s.head_dim**-0.5,
                do_rotary=1,
                rotary_interleaved=0,
            )
        )
        out = self.linear(f"{layer}.o", attended, self.checkpoint.tensor(f"{prefix}.self_attn.o_proj.weight"))
        normed, residual = self._norm(f"{prefix}.post_attention_layernorm.weight", out, residual, f"{layer}.post")
        return self._feed_forward(layer, normed), residual

    def _feed_forward(self, layer: int, x: str) -> str:
        prefix = f"model.layers.{layer}.mlp"
        both = np.concatenate([self.checkpoint.tensor(f"{prefix}.{part}_proj.weight") for part in ("gate", "up")])
        self.nodes.append(
            helper.make_node(
                "Split",
                [self.linear(f"{layer}.gate_up", x, both)],
                [f"{layer}.gate", f"{layer}.up"],
                axis=-1,
                num_outputs=2,
            )
        )
        swished = self.node(
            "QuickGelu", [f"{layer}.gate"], f"{layer}.swished", domain=MICROSOFT, alpha=1.0
        )  # x * sigmoid(x)
        product = self.node("Mul", [swished, f"{layer}.up"], f"{layer}.product")
        return self.linear(f"{layer}.down", product, self.checkpoint.tensor(f"{prefix}.down_proj.weight"))

    def _norm(self, weight: str, x: str, residual: str, name: str) -> tuple[str, str]:
        """RMS norm of x + residual; returns it and the sum. The very first norm has no residual yet."""
        gain = self.const(weight, self.checkpoint.tensor(weight))
        out, total = f"{name}.norm", f"{name}.sum"
        if not residual:
            node = helper.make_node(
                "SimplifiedLayerNormalization", [x, gain], [out], name=out, axis=-1, epsilon=self.shape.norm_eps
            )
            total = x
        else:
            node = helper.make_node(
                "SkipSimplifiedLayerNormalization",
                [x, residual, gain],
                [out, "", "", total],
                name=out,
                domain=MICROSOFT,
                epsilon=self.shape.norm_eps,
            )
        self.nodes.append(node)
        return out, total

    def _multiply_head(self, x: str) -> None:
        weights = "embedding" if self.shape.tied else "head"
        self._matmul("logits", x, weights, self.shape.vocab_size, self.shape.hidden, self.recipe.head_bits, "")

    def linear(self, name: str, x: str, weight: Array, bias: Array | None = None) -> str:
        """x times a quantized weight (out, in), plus a bias."""
        self.quantized(name, weight, self.recipe.linear_bits)
        offset = "" if bias is None else self.const(f"{name}.bias", bias)
        return self._matmul(f"{name}.out", x, name, weight.shape[0], weight.shape[1], self.recipe.linear_bits, offset)

    def _matmul(self, out: str, x: str, weights: str, rows: int, columns: int, bits: int, bias: str) -> str:
        inputs = [x, f"{weights}.q", f"{weights}.s"] + (["", "", bias] if bias else [])
        self.nodes.append(
            helper.make_node(
                "MatMulNBits",
                inputs,
                [out],
                name=out,
                domain=MICROSOFT,
                K=columns,
                N=rows,
                bits=bits,
                block_size=self.recipe.block,
                accuracy_level=self.recipe.accuracy_level,
            )
        )
        return out

    def quantized(self, name: str, weight: Array, bits: int) -> None:
        """Initializers name.q and name.s of a weight (out, in)."""
        codes, scales = quantize(weight, bits, self.recipe.block)
        self.const(f"{name}.q", codes)
        self.const(f"{name}.s", scales)

    def const(self, name: str, value: NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], out: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=out, **attributes))
        return out

    def _cache(self, prefix: str) -> list[onnx.ValueInfoProto]:
        dims = (1, self.shape.kv_heads, self.context, self.shape.head_dim)
        names = [f"{prefix}.{layer}.{part}" for layer in range(self.shape.layers) for part in ("key", "value")]
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name in names]

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, (1, "tokens")),
            helper.make_tensor_value_info("seqlens_k", TensorProto.INT32, (1,)),
            helper.make_tensor_value_info("total_sequence_length", TensorProto.INT32, ()),
            *self._cache("past_key_values"),
        ]

    def _outputs(self) -> list[onnx.ValueInfoProto]:
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 1, self.shape.vocab_size))
        return [logits, *self._cache("present")]


def quantize(weight: Array, bits: int, block: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Weight (out, in) to MatMulNBits' codes (out, in / block, block * bits / 8) and scales (out, in / block).

    Symmetric: value = (code - 2^(bits-1)) * scale. The scale takes the sign of the block's largest weight, which then lands on
    the one code that the positive side lacks.
    """
    rows, columns = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -columns % block))).reshape(rows, -1, block)
    middle = 1 << (bits - 1)
    largest = np.take_along_axis(padded, np.abs(padded).argmax(-1, keepdims=True), -1)
    scales = -largest / middle
    safe = np.where(scales == 0, 1.0, scales)
    codes = np.clip(np.rint(padded / safe) + middle, 0, 2 * middle - 1).astype(np.uint8)
    if bits == 4:
        codes = codes[..., ::2] | (codes[..., 1::2] << 4)
    return codes, scales[..., 0].astype(np.float32)
