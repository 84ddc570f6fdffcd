"""A bundle small enough to build in a test, true enough to run through the real engines.

The language model has random weights but the real graph: GroupQueryAttention with rotary positions and a cache shared
in place. The decoder is a real convolution with `past` 2 and `lookahead` 1. The tokenizer is byte-level BPE with the
chat and motion tokens added. Needs onnx, no torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from kinetoken.manifest.file_info import FileInfo
from kinetoken.manifest.schema import (
    ChatInfo,
    ChatTemplate,
    CodecInfo,
    Defaults,
    LanguageModelInfo,
    Licence,
    Manifest,
    MotionInfo,
    Provenance,
    TokenizerInfo,
)

SYSTEM_PROMPT = (
    "You are an embodied AI. You reason about your physical state and output precise motor actions "
    "inside <move></move> tags."
)
TEMPLATE = ChatTemplate(
    "<|im_start|>system\n",
    "<|im_end|>\n",
    "<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
)
FEATURES, STRIDE, PAST, LOOKAHEAD = 263, 4, 2, 1
LAYERS, HEADS, KV_HEADS, HEAD_DIM = 2, 4, 2, 16
HIDDEN = HEADS * HEAD_DIM
LATENT = 8
CORPUS = [
    "a person walks forward and waves with the left hand",
    "the man runs in a circle, turns around and jumps",
    "I shift my weight onto my left leg and swing the right one forward.",
    SYSTEM_PROMPT,
]


@dataclass(frozen=True)
class Words:
    """Ids of the tiny tokenizer."""

    text: int
    """Plain-text ids are 0..text-1."""
    vocab_size: int
    move_start: int
    move_end: int
    im_end: int
    levels: tuple[tuple[int, int], ...]


def build_tiny_bundle(
    folder: Path,
    *,
    levels: int = 4,
    codes: int = 16,
    context: int = 512,
    seed: int = 0,
    max_seconds: float = 4.0,
) -> Path:
    """Write a bundle into `folder` (made where it is missing) and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    words = build_tokenizer(folder / "tokenizer.json", levels, codes)
    onnx.save(build_language_model(rng, words.vocab_size, context), folder / "lm.onnx")
    onnx.save(build_decoder(rng), folder / "decoder.onnx")
    np.save(
        folder / "codebooks.npy", rng.normal(0, 0.5, (levels, codes, LATENT)).astype(np.float32)
    )
    mean, std = feature_statistics()
    np.save(folder / "Mean.npy", mean)
    np.save(folder / "Std.npy", std)
    write_manifest(folder, words, context, max_seconds)
    return folder


def write_manifest(folder: Path, words: Words, context: int, max_seconds: float) -> None:
    """bundle.json for the files that lie in the folder."""
    names = ("lm.onnx", "tokenizer.json", "decoder.onnx", "codebooks.npy", "Mean.npy", "Std.npy")
    manifest = Manifest(
        name="tiny",
        language_model=LanguageModelInfo(
            "onnx",
            "lm.onnx",
            "qwen2",
            LAYERS,
            KV_HEADS,
            HEAD_DIM,
            words.vocab_size,
            context,
            "none",
        ),
        tokenizer=TokenizerInfo("tokenizer.json", ((0, words.text),), (words.im_end,)),
        chat=ChatInfo(SYSTEM_PROMPT, TEMPLATE),
        motion=MotionInfo(words.move_start, words.move_end, words.levels),
        codec=CodecInfo(
            "decoder.onnx",
            "codebooks.npy",
            "Mean.npy",
            "Std.npy",
            20,
            STRIDE,
            FEATURES,
            LATENT,
            PAST,
            LOOKAHEAD,
        ),
        defaults=Defaults(max_thought=12, max_seconds=max_seconds),
        licence=Licence("random numbers", "random numbers"),
        provenance=Provenance("tests/support/tiny_bundle.py"),
        files={name: FileInfo.of(folder / name) for name in names},
    )
    (folder / "bundle.json").write_text(
        json.dumps(manifest.to_dict(), indent=2) + "\n", encoding="utf-8"
    )


def build_tokenizer(path: Path, levels: int, codes: int) -> Words:
    """Byte-level BPE with the chat and motion tokens added; half of those marked special, as real ones vary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    text = tokenizer.get_vocab_size()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    motion = [f"<m_{level}_{code}>" for level in range(levels) for code in range(codes)]
    tokenizer.add_tokens(
        [AddedToken(t, normalized=False, special=False) for t in ("<move>", "</move>", *motion)]
    )
    tokenizer.save(str(path))
    ids = {
        token: tokenizer.token_to_id(token)
        for token in ("<move>", "</move>", "<|im_end|>", "<m_0_0>")
    }
    first = ids["<m_0_0>"]
    ranges = tuple((first + level * codes, first + (level + 1) * codes) for level in range(levels))
    return Words(
        text, tokenizer.get_vocab_size(), ids["<move>"], ids["</move>"], ids["<|im_end|>"], ranges
    )


def build_language_model(rng: np.random.Generator, vocab: int, context: int) -> onnx.ModelProto:
    """A Qwen2-like graph with random weights, logits of the last position only."""
    graph = _Graph(rng)
    hidden = graph.node("Gather", [graph.weight((vocab, HIDDEN), 1.0), "input_ids"])
    angles = np.arange(context)[:, None] / 10000.0 ** (np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    cos, sin = (
        graph.constant(np.cos(angles).astype(np.float32)),
        graph.constant(np.sin(angles).astype(np.float32)),
    )
    for layer in range(LAYERS):
        hidden = graph.node("Add", [hidden, _attention(graph, hidden, layer, cos, sin)])
        wide = graph.node("MatMul", [graph.norm(hidden), graph.weight((HIDDEN, 2 * HIDDEN), 0.15)])
        narrow = graph.weight((2 * HIDDEN, HIDDEN), 0.15)
        hidden = graph.node(
            "Add", [hidden, graph.node("MatMul", [graph.node("Sigmoid", [wide]), narrow])]
        )
    starts, ends, axes = (graph.constant(np.array([v], np.int64)) for v in (-1, 2**31, 1))
    last = graph.node("Slice", [graph.norm(hidden), starts, ends, axes])
    graph.node("MatMul", [last, graph.weight((HIDDEN, vocab), 0.4)], outputs=["logits"])
    cache = (1, KV_HEADS, context, HEAD_DIM)
    names = [f"{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, (1, "n")),
        helper.make_tensor_value_info("seqlens_k", TensorProto.INT32, (1,)),
        helper.make_tensor_value_info("total_sequence_length", TensorProto.INT32, ()),
        *(
            helper.make_tensor_value_info(f"past_key_values.{n}", TensorProto.FLOAT, cache)
            for n in names
        ),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 1, vocab)),
        *(helper.make_tensor_value_info(f"present.{n}", TensorProto.FLOAT, cache) for n in names),
    ]
    return graph.model(inputs, outputs)


def _attention(graph: _Graph, hidden: str, layer: int, cos: str, sin: str) -> str:
    normed = graph.norm(hidden)
    widths = (HIDDEN, KV_HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM)
    q, k, v = (graph.node("MatMul", [normed, graph.weight((HIDDEN, w), 0.2)]) for w in widths)
    past = [f"past_key_values.{layer}.{part}" for part in ("key", "value")]
    present = [f"present.{layer}.{part}" for part in ("key", "value")]
    attended = f"attended.{layer}"
    graph.node(
        "GroupQueryAttention",
        [q, k, v, *past, "seqlens_k", "total_sequence_length", cos, sin],
        outputs=[attended, *present],
        domain="com.microsoft",
        num_heads=HEADS,
        kv_num_heads=KV_HEADS,
        do_rotary=1,
        rotary_interleaved=0,
    )
    return graph.node("MatMul", [attended, graph.weight((HIDDEN, HIDDEN), 0.2)])


def build_decoder(rng: np.random.Generator) -> onnx.ModelProto:
    """Latents (1, n, D) to features (1, n * stride, 263): a convolution over 2 past and 1 future latents, then bent."""
    graph = _Graph(rng)
    channels = graph.node("Transpose", ["latents"], perm=[0, 2, 1])
    kernel = graph.weight((16, LATENT, PAST + 1 + LOOKAHEAD), 0.3)
    mixed = graph.node("Tanh", [graph.node("Conv", [channels, kernel], pads=[PAST, LOOKAHEAD])])
    wide = graph.node("Conv", [mixed, graph.weight((STRIDE * FEATURES, 16, 1), 0.2)])
    rows = graph.node("Transpose", [wide], perm=[0, 2, 1])
    shape = graph.constant(np.array([1, -1, FEATURES], np.int64))
    graph.node("Reshape", [rows, shape], outputs=["features"])
    latents = helper.make_tensor_value_info("latents", TensorProto.FLOAT, (1, "n", LATENT))
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, (1, "frames", FEATURES))
    return graph.model([latents], [features])


def feature_statistics() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and std (263,) that put the random codec's output near a standing body."""
    mean, std = np.zeros(FEATURES, np.float32), np.full(FEATURES, 0.02, np.float32)
    std[0] = 0.005
    mean[3] = 0.93
    mean[4:67] = STANDING[1:].ravel()
    return mean, std


# Metres: a body that stands, facing +Z.
STANDING = np.array(
    [[0, 0.93, 0], [0.06, 0.84, 0], [-0.06, 0.84, 0], [0, 1.05, -0.02], [0.1, 0.46, 0.02], [-0.1, 0.46, 0.02],
     [0, 1.19, -0.02], [0.1, 0.06, -0.02], [-0.1, 0.06, -0.02], [0, 1.24, 0], [0.12, 0.02, 0.11], [-0.12, 0.02, 0.11],
     [0, 1.45, -0.04], [0.08, 1.36, -0.03], [-0.08, 1.36, -0.03], [0, 1.53, 0.02], [0.18, 1.4, -0.03],
     [-0.18, 1.4, -0.03], [0.25, 1.15, -0.05], [-0.25, 1.15, -0.05], [0.26, 0.89, 0.02], [-0.26, 0.89, 0.02]],
    dtype=np.float32,
)  # fmt: skip


class _Graph:
    """Collects nodes and random weights under fresh names."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def weight(self, shape: Sequence[int], scale: float) -> str:
        return self.constant(self._rng.normal(0, scale, shape).astype(np.float32))

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"constant.{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(value, name))
        return name

    def node(
        self,
        kind: str,
        inputs: list[str],
        *,
        outputs: list[str] | None = None,
        **attributes: object,
    ) -> str:
        outputs = outputs or [f"value.{len(self._nodes)}"]
        self._nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    def norm(self, value: str) -> str:
        scale = self.constant(np.ones(HIDDEN, np.float32))
        return self.node("SimplifiedLayerNormalization", [value, scale], axis=-1, epsilon=1e-6)

    def model(
        self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        graph = helper.make_graph(self._nodes, "tiny", inputs, outputs, self._weights)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)
