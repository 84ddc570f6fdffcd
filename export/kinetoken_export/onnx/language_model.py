"""A checkpoint as fused, quantized ONNX graphs, of the nodes that ONNX Runtime's own builders emit.

RMS norms are fused with their residual sums, q/k/v are one matrix, attention is GroupQueryAttention
with rotary positions and a cache of fixed size that past and present share. The body ends at the
normed hidden state of the last position; heads are graphs of their own. All weights lie in one file
and are written as they are quantized, so that the memory needed does not grow with the model. A
tied embedding is stored once, gathered by the body and multiplied by the heads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper

from kinetoken.base.errors import FormatError, InputError
from kinetoken.cli.terminal import ProgressBar
from kinetoken.manifest.schema import LanguageModelInfo, MotionInfo

from ..checkpoint.config.rope import Rope
from ..checkpoint.tensors import (
    TensorSource,
    expected_tensors,
    head_tensor,
    norm_gain,
    row_chunks,
)
from .graph import MICROSOFT, Graph
from .heads import TokenTable, write_heads, write_table
from .quantize import WeightWriter
from .recipes import OnnxRecipe
from .store import TensorFile

GRAPH_FILE: Final = "lm.onnx"
DATA_FILE: Final = "lm.data"
_HEAD_STEP: Final = 16  # GroupQueryAttention turns heads of a multiple of it
# Operator, its domain and options; QuickGelu is x * sigmoid(alpha * x).
_ACTIVATIONS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "silu": ("QuickGelu", {"domain": MICROSOFT, "alpha": 1.0}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
}


def export_language_model(
    source: TensorSource,
    recipe: OnnxRecipe,
    folder: Path,
    motion: MotionInfo,
    *,
    context: int | None = None,
) -> LanguageModelInfo:
    """Write body, heads and weights into `folder` and return the manifest entry.

    The cache holds `context` tokens, at most what the model was made for. InputError where that is
    not so, FormatError where the checkpoint lacks a tensor, OutputError where the disk is full.
    """
    shape = source.shape
    context = shape.context if context is None else context
    if not 1 <= context <= shape.context:
        raise InputError(
            f"expected a context of 1 to {shape.context} tokens, got {context}: this model knows "
            "no more positions"
        )
    check_onnx_computes(source, recipe)
    tensors = expected_tensors(source.architecture, shape)
    meter = _Meter(sum(math.prod(dims) for _, dims in tensors if len(dims) == 2))
    with TensorFile(folder / DATA_FILE) as file:
        writer = WeightWriter(source, file, recipe.block, recipe.float_bits, meter.advance)
        try:
            body = _Body(source, recipe, context, writer, file, motion)
            onnx.save_model(body.build(), folder / GRAPH_FILE)
        finally:
            writer.close()
    heads = write_heads(
        folder, body.head, motion, shape.vocab_size, recipe, softcap=shape.logit_softcap
    )
    return LanguageModelInfo(
        "onnx",
        GRAPH_FILE,
        source.architecture.name,
        shape.layers,
        shape.kv_heads,
        shape.head_dim,
        shape.vocab_size,
        context,
        recipe.name,
        heads=heads,
    )


def check_onnx_computes(source: TensorSource, recipe: OnnxRecipe) -> None:
    """InputError or FormatError for what ONNX Runtime's operators do not compute."""
    name, width = source.architecture.name, source.shape.head_dim
    if recipe.float_bits == 16 and source.architecture.scaled_embedding:
        raise InputError(
            f"the activations of {name} are too large for half precision: give --quant int8 or int4"
        )
    if width % _HEAD_STEP:
        raise FormatError(
            f"heads of {width} are not computed by ONNX Runtime, only multiples of {_HEAD_STEP} "
            "are: give --format gguf"
        )


class _Meter:
    """A bar over the numbers written so far."""

    def __init__(self, total: int) -> None:
        self._done, self._bar = 0, ProgressBar("language model", float(total))

    def advance(self, numbers: int) -> None:
        self._done += numbers
        self._bar.show(self._done)


class _Body:
    """The body being built in the order of the forward pass, weights written layer by layer."""

    def __init__(
        self,
        source: TensorSource,
        recipe: OnnxRecipe,
        context: int,
        writer: WeightWriter,
        file: TensorFile,
        motion: MotionInfo,
    ) -> None:
        self.source, self.shape = source, source.shape
        self.recipe, self.context = recipe, context
        self.writer, self.file = writer, file
        self.graph = Graph(recipe.float_bits, recipe.accuracy_level)
        self.rotaries: dict[Rope, list[str]] = {}
        rows = self.shape.vocab_size
        self.embedding = write_table(
            writer, source.architecture.embedding, "embedding", motion, rows, recipe
        )
        tied = self.shape.tied
        self.head = (
            self.embedding
            if tied
            else write_table(writer, head_tensor(source), "head", motion, rows, recipe)
        )

    def build(self) -> onnx.ModelProto:
        self._rotary()
        x, residual = self._scaled(_look_up(self.graph, self.embedding)), ""
        for layer in range(self.shape.layers):
            x, residual = self._layer(layer, x, residual)
        last = [
            self.graph.cut(value, -1, 2**62, 1, f"last.{i}")
            for i, value in enumerate((x, residual))
        ]
        self._norm(self.source.architecture.final_norm, last[0], last[1], "hidden", total="")
        return self.graph.model(self._inputs(), self._outputs())

    def _scaled(self, embedded: str) -> str:
        """Rows of the embedding as the first layer takes them."""
        if not self.source.architecture.scaled_embedding:
            return embedded
        scale = np.array(math.sqrt(self.shape.hidden), self.writer.float_type)
        return self.graph.node("Mul", [embedded, self.graph.const("scale", scale)], "scaled")

    def _rotary(self) -> None:
        """Write the tables of rotary positions (context, head_dim / 2), chunk by chunk."""
        half = self.shape.head_dim // 2
        ropes = dict.fromkeys(map(self.shape.layer_rope, range(self.shape.layers)))
        for number, rope in enumerate(ropes):
            frequencies = rope.frequencies(self.shape.head_dim)
            names = [f"{wave}.{number}" if number else wave for wave in ("cos", "sin")]
            for name, wave in zip(names, (np.cos, np.sin), strict=True):
                region = self.file.reserve(self.writer.float_type, (self.context, half))
                for first, stop in row_chunks(self.context, half, 1 << 20):
                    angles = np.arange(first, stop)[:, None] * frequencies[None]
                    values = wave(angles) * rope.attention_factor
                    self.file.write(region, first, values.astype(self.writer.float_type))
                self.graph.refer(region.proto(name))
            self.rotaries[rope] = names

    def _layer(self, layer: int, x: str, residual: str) -> tuple[str, str]:
        name = self.source.architecture.tensor
        normed, residual = self._norm(
            name(layer, "attn_norm"), x, residual, f"{layer}.in.norm", f"{layer}.in.sum"
        )
        attended = self._attention(layer, normed)
        out = self._linear(f"{layer}.o", attended, layer, ["attn_output"])
        out = self._norm_behind(layer, "post_attention_norm", out)
        normed, residual = self._norm(
            name(layer, "ffn_norm"), out, residual, f"{layer}.post.norm", f"{layer}.post.sum"
        )
        out = self._norm_behind(layer, "post_ffw_norm", self._feed_forward(layer, normed))
        return out, residual

    def _norm_behind(self, layer: int, part: str, x: str) -> str:
        """x normed, where the architecture has a norm behind attention and feed-forward network."""
        entry = self.source.architecture
        if not entry.has(part):
            return x
        return self._norm(entry.tensor(layer, part), x, "", f"{layer}.{part}", "")[0]

    def _attention(self, layer: int, x: str) -> str:
        s = self.shape
        caches = [f"past_key_values.{layer}.key", f"past_key_values.{layer}.value"]
        options: dict[str, Any] = {"scale": s.attention_scale}
        window = s.window(layer, self.context)
        if window is not None:
            options["local_window_size"] = window
        if s.attention_softcap:
            options["softcap"] = s.attention_softcap
        return self.graph.node(
            "GroupQueryAttention",
            [
                *self._queries_keys_values(layer, x),
                *caches,
                "seqlens_k",
                "total_sequence_length",
                *self.rotaries[s.layer_rope(layer)],
            ],
            [f"{layer}.attended", f"present.{layer}.key", f"present.{layer}.value"],
            domain=MICROSOFT,
            num_heads=s.heads,
            kv_num_heads=s.kv_heads,
            do_rotary=1,
            rotary_interleaved=0,
            **options,
        )

    def _queries_keys_values(self, layer: int, x: str) -> list[str]:
        """One packed product; three where values keep more bits, or queries and keys are normed."""
        s, fine = self.shape, self.recipe.fine(layer, self.shape.layers)
        normed = self.source.architecture.has("attn_q_norm")
        if not fine and not normed:
            packed = self._linear(f"{layer}.qkv", x, layer, ["attn_q", "attn_k", "attn_v"])
            return [packed, "", ""]
        both = self._linear(f"{layer}.qk", x, layer, ["attn_q", "attn_k"])
        sizes = self.graph.number([s.width("queries"), s.width("keys")])
        parts = [f"{layer}.query", f"{layer}.key"]
        self.graph.node("Split", [both, sizes], parts, axis=-1)
        if normed:
            parts = [
                self._norm_heads(layer, part, out)
                for part, out in zip(("attn_q_norm", "attn_k_norm"), parts, strict=True)
            ]
        bits = self.recipe.fine_bits if fine else None
        return [*parts, self._linear(f"{layer}.v", x, layer, ["attn_v"], bits=bits)]

    def _norm_heads(self, layer: int, part: str, x: str) -> str:
        """Every head of queries or keys (1, n, heads * width) normed by itself."""
        width, graph = self.shape.head_dim, self.graph
        heads = graph.node("Reshape", [x, graph.number([0, 0, -1, width])], f"{x}.heads")
        weight = self.source.architecture.tensor(layer, part)
        normed, _ = self._norm(weight, heads, "", f"{x}.heads.norm", "")
        return graph.node("Reshape", [normed, graph.number([0, 0, -1])], f"{x}.norm")

    def _feed_forward(self, layer: int, x: str) -> str:
        graph = self.graph
        operator, options = _ACTIVATIONS[self.source.architecture.activation]
        # Two products: one of both would have to be split, which copies, and is not faster.
        gate, up = (
            self._linear(f"{layer}.{part}", x, layer, [f"ffn_{part}"]) for part in ("gate", "up")
        )
        gated = graph.node(operator, [gate], f"{layer}.swished", **options)
        product = graph.node("Mul", [gated, up], f"{layer}.product")
        bits = self.recipe.fine_bits if self.recipe.fine(layer, self.shape.layers) else None
        return self._linear(f"{layer}.down", product, layer, ["ffn_down"], bits=bits)

    def _norm(self, weight: str, x: str, residual: str, out: str, total: str) -> tuple[str, str]:
        """RMS norm of x + residual; returns it and the sum. The first norm has no residual."""
        gain, eps = self._gain(weight), self.shape.norm_eps
        if not residual:
            return self.graph.node(
                "SimplifiedLayerNormalization", [x, gain], out, axis=-1, epsilon=eps
            ), x
        outs = [out, "", "", total] if total else [out]
        self.graph.node(
            "SkipSimplifiedLayerNormalization",
            [x, residual, gain],
            outs,
            domain=MICROSOFT,
            epsilon=eps,
        )
        return out, total

    def _gain(self, weight: str) -> str:
        gain = self.writer.narrow(norm_gain(self.source, weight), weight)
        return self.graph.const(weight, gain)

    def _linear(
        self, name: str, x: str, layer: int, parts: Sequence[str], *, bits: int | None = None
    ) -> str:
        """x times the weights of parts of a layer, one below the other, plus their biases."""
        entry = self.source.architecture
        weights = [entry.tensor(layer, part) for part in parts]
        matrix = self.writer.linear(name, weights, bits or self.recipe.linear_bits)
        bias = ""
        if entry.biased(parts[0]):
            biases = [self.writer.vector(entry.tensor(layer, part, "bias")) for part in parts]
            bias = self.graph.const(f"{name}.bias", np.concatenate(biases))
        return self.graph.multiply(x, matrix, f"{name}.out", bias=bias)

    def _cache(self, prefix: str) -> list[onnx.ValueInfoProto]:
        dims = (1, self.shape.kv_heads, self.context, self.shape.head_dim)
        names = [
            f"{prefix}.{layer}.{part}"
            for layer in range(self.shape.layers)
            for part in ("key", "value")
        ]
        return [helper.make_tensor_value_info(name, self.graph.float_type, dims) for name in names]

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, (1, "tokens")),
            helper.make_tensor_value_info("seqlens_k", onnx.TensorProto.INT32, (1,)),
            helper.make_tensor_value_info("total_sequence_length", onnx.TensorProto.INT32, ()),
            *self._cache("past_key_values"),
        ]

    def _outputs(self) -> list[onnx.ValueInfoProto]:
        hidden = helper.make_tensor_value_info(
            "hidden", self.graph.float_type, (1, 1, self.shape.hidden)
        )
        return [hidden, *self._cache("present")]


def _look_up(graph: Graph, table: TokenTable) -> str:
    """Look up input_ids (1, n) as (1, n, H) in the segment that holds each id."""
    if len(table.segments) == 1:
        return graph.gather(table.segments[0][1], "input_ids", "embedded")
    (_, text), (split, motion) = table.segments
    words = graph.node("Min", ["input_ids", graph.number(text.rows - 1)], "embedded.word")
    shifted = graph.node("Sub", ["input_ids", graph.number(split)], "embedded.shifted")
    moves = graph.node("Max", [shifted, graph.number(0)], "embedded.move")
    is_word = graph.node("Less", ["input_ids", graph.number(split)], "embedded.is_word")
    rows = [
        graph.gather(text, words, "embedded.words"),
        graph.gather(motion, moves, "embedded.moves"),
    ]
    each = graph.node("Unsqueeze", [is_word, graph.number([-1])], "embedded.each")
    return graph.node("Where", [each, *rows], "embedded")
