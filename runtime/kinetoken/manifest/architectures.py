"""The language model architectures, one entry each.

Whatever depends on the architecture reads its entry: the exports to GGUF and ONNX, the reference
model that `kinetoken verify` computes with, and the runtime's check of a GGUF file. A new
architecture is a new entry of `ARCHITECTURES`: which tensors a layer has, what a checkpoint and
llama.cpp call them, which have a bias, and how they are computed where that differs. Sizes are
numbers of config.json, not of the architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

Width = Literal["hidden", "intermediate", "queries", "keys", "head_dim"]
"""A size of a layer. "queries" and "keys" are as many head widths as there are heads of each."""


@dataclass(frozen=True)
class LayerTensor:
    """One matrix (out, in) or norm (width,) of a layer."""

    part: str
    """llama.cpp's name: blk.LAYER.PART.weight. The exporters know the tensor by this name too."""
    module: str
    """The checkpoint's name: model.layers.LAYER.MODULE.weight."""
    dims: tuple[Width, ...]
    biased: bool = False


@dataclass(frozen=True)
class VisionTower:
    """The part of a vision-language model that turns images into embeddings."""

    prefix: str
    """Start of its tensors' names in a checkpoint."""
    projector: str
    """llama.cpp's name of it, "clip.projector_type" in the metadata of its GGUF."""


@dataclass(frozen=True)
class Architecture:
    """One architecture: names, tensors and the few ways in which the computation differs."""

    name: str
    """As the manifest and this project call it."""
    classes: tuple[str, ...]
    """transformers' class names, as in "architectures" of config.json."""
    model_types: tuple[str, ...]
    """transformers' names of their configs: "model_type" in config.json."""
    text_class: str
    """transformers' class of the language model without its vision tower."""
    text_model_type: str
    """"model_type" in the config.json of that class."""
    gguf: str
    """llama.cpp's name, the beginning of its metadata keys: GGUF.block_count."""
    layer: tuple[LayerTensor, ...]
    """Tensors of a layer, in the order in which they are written."""
    activation: Literal["silu", "gelu_tanh"] = "silu"
    """Of the gated feed-forward network."""
    norm_offset: float = 0.0
    """Added to the stored gains of the RMS norms (Gemma: 1)."""
    scaled_embedding: bool = False
    """Whether rows of the embedding are multiplied by the root of their width."""
    interleaved_in_gguf: bool = False
    """Whether llama.cpp turns neighbours, (0, 1), (2, 3)..., where the checkpoint turns halves: the
    rows of queries and keys are put in that order."""
    gguf_window_pattern: int = 0
    """llama.cpp's own rule for sliding windows: every Nth layer attends to all tokens, the others
    to a window; 0: it knows none."""
    gguf_heads_fill_width: bool = False
    """Whether llama.cpp takes hidden / heads for the width of a head, whatever a file says."""
    gguf_tied: bool = False
    """Whether llama.cpp always takes the embedding for the head."""
    gguf_softcaps: tuple[float, float] | None = None
    """How far llama.cpp bends scores and logits where a file does not say; None: it does not."""
    fused: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Modules of a checkpoint that hold several parts, one below the other: MODULE, parts."""
    embedding: str = "model.embed_tokens.weight"
    final_norm: str = "model.norm.weight"
    head: str = "lm_head.weight"
    """Missing in a checkpoint whose embedding is the head too."""
    renamed: tuple[tuple[str, str], ...] = (
        ("model.language_model.", "model."),
        ("language_model.model.", "model."),
        ("language_model.lm_head.", "lm_head."),
        ("model.visual.", "visual."),
    )
    """Beginnings of tensor names in some checkpoints and the ones used here, longest first:
    transformers moved the parts of vision-language models around between its versions."""
    vision: VisionTower | None = None

    def tensor(self, layer: int, part: str, kind: str = "weight") -> str:
        """The checkpoint's name of a part's weight or bias: model.layers.3.mlp.up_proj.weight."""
        module = next(tensor.module for tensor in self.layer if tensor.part == part)
        return f"{self.layer_prefix(layer)}{module}.{kind}"

    def layer_prefix(self, layer: int) -> str:
        """Start of the checkpoint's names of a layer's tensors."""
        return f"model.layers.{layer}."

    def rows(self, part: str, width: Callable[[Width], int]) -> int:
        """Rows of a part's matrix; `width` is the number that stands for a size."""
        return next(width(tensor.dims[0]) for tensor in self.layer if tensor.part == part)

    def has(self, part: str) -> bool:
        """Tell whether a layer has a part."""
        return any(tensor.part == part for tensor in self.layer)

    def biased(self, part: str) -> bool:
        """Tell whether a part has a bias."""
        return any(tensor.biased for tensor in self.layer if tensor.part == part)

    def gguf_tensor(self, name: str) -> str:
        """llama.cpp's name of a checkpoint's tensor: blk.3.ffn_up.weight."""
        outer = {
            self.embedding: "token_embd.weight",
            self.final_norm: "output_norm.weight",
            self.head: "output.weight",
        }
        if name in outer:
            return outer[name]
        _, _, layer, rest = name.split(".", 3)
        module, _, kind = rest.rpartition(".")
        part = next(tensor.part for tensor in self.layer if tensor.module == module)
        return f"blk.{layer}.{part}.{kind}"


_QWEN2_LAYER: Final = (
    LayerTensor("attn_norm", "input_layernorm", ("hidden",)),
    LayerTensor("attn_q", "self_attn.q_proj", ("queries", "hidden"), biased=True),
    LayerTensor("attn_k", "self_attn.k_proj", ("keys", "hidden"), biased=True),
    LayerTensor("attn_v", "self_attn.v_proj", ("keys", "hidden"), biased=True),
    LayerTensor("attn_output", "self_attn.o_proj", ("hidden", "queries")),
    LayerTensor("ffn_norm", "post_attention_layernorm", ("hidden",)),
    LayerTensor("ffn_gate", "mlp.gate_proj", ("intermediate", "hidden")),
    LayerTensor("ffn_up", "mlp.up_proj", ("intermediate", "hidden")),
    LayerTensor("ffn_down", "mlp.down_proj", ("hidden", "intermediate")),
)

QWEN2: Final = Architecture(
    name="qwen2",
    classes=("Qwen2ForCausalLM",),
    model_types=("qwen2",),
    text_class="Qwen2ForCausalLM",
    text_model_type="qwen2",
    gguf="qwen2",
    layer=_QWEN2_LAYER,
    gguf_heads_fill_width=True,
)
QWEN2_5_VL: Final = Architecture(
    name="qwen2_5_vl",
    classes=("Qwen2_5_VLForConditionalGeneration",),
    model_types=("qwen2_5_vl",),
    text_class="Qwen2ForCausalLM",  # for text alone the three positions of M-RoPE are one
    text_model_type="qwen2",
    gguf="qwen2vl",
    layer=_QWEN2_LAYER,
    gguf_heads_fill_width=True,
    vision=VisionTower("visual.", "qwen2.5vl_merger"),
)


def _without_biases(layer: tuple[LayerTensor, ...]) -> tuple[LayerTensor, ...]:
    return tuple(replace(tensor, biased=False) for tensor in layer)


_LLAMA_LAYER: Final = _without_biases(_QWEN2_LAYER)
_HEAD_NORMS: Final = (
    LayerTensor("attn_q_norm", "self_attn.q_norm", ("head_dim",)),
    LayerTensor("attn_k_norm", "self_attn.k_norm", ("head_dim",)),
)
"""Norms of each query and key head."""
_GEMMA_NORMS: Final = (
    LayerTensor("attn_norm", "input_layernorm", ("hidden",)),
    LayerTensor("post_attention_norm", "post_attention_layernorm", ("hidden",)),
    LayerTensor("ffn_norm", "pre_feedforward_layernorm", ("hidden",)),
    LayerTensor("post_ffw_norm", "post_feedforward_layernorm", ("hidden",)),
)
"""Norms before and behind attention and feed-forward network."""
_GEMMA2_LAYER: Final = (
    *_GEMMA_NORMS,
    *(tensor for tensor in _LLAMA_LAYER if len(tensor.dims) == 2),
)

LLAMA: Final = Architecture(
    name="llama",
    classes=("LlamaForCausalLM",),
    model_types=("llama",),
    text_class="LlamaForCausalLM",
    text_model_type="llama",
    gguf="llama",
    layer=_LLAMA_LAYER,
    interleaved_in_gguf=True,
)
MISTRAL: Final = replace(
    LLAMA,
    name="mistral",
    classes=("MistralForCausalLM",),
    model_types=("mistral",),
    text_class="MistralForCausalLM",
    text_model_type="mistral",
)
PHI3: Final = replace(
    LLAMA,  # apart from the fused matrices nothing differs
    name="phi3",
    classes=("Phi3ForCausalLM",),
    model_types=("phi3",),
    fused=(
        ("self_attn.qkv_proj", ("attn_q", "attn_k", "attn_v")),
        ("mlp.gate_up_proj", ("ffn_gate", "ffn_up")),
    ),
)
QWEN3: Final = Architecture(
    name="qwen3",
    classes=("Qwen3ForCausalLM",),
    model_types=("qwen3",),
    text_class="Qwen3ForCausalLM",
    text_model_type="qwen3",
    gguf="qwen3",
    layer=(*_LLAMA_LAYER, *_HEAD_NORMS),
)
# Of vision-language models whose towers are not exported; for text alone there is one position.
QWEN2_VL: Final = replace(
    QWEN2_5_VL,
    name="qwen2_vl",
    classes=("Qwen2VLForConditionalGeneration",),
    model_types=("qwen2_vl",),
    gguf="qwen2",  # llama.cpp computes the norms of "qwen2vl" without their epsilon
    vision=None,
)
QWEN3_VL: Final = replace(
    QWEN3,
    name="qwen3_vl",
    classes=("Qwen3VLForConditionalGeneration",),
    model_types=("qwen3_vl",),
)
GEMMA2: Final = Architecture(
    name="gemma2",
    classes=("Gemma2ForCausalLM",),
    model_types=("gemma2",),
    text_class="Gemma2ForCausalLM",
    text_model_type="gemma2",
    gguf="gemma2",
    layer=_GEMMA2_LAYER,
    activation="gelu_tanh",
    norm_offset=1.0,
    scaled_embedding=True,
    gguf_window_pattern=2,
    gguf_tied=True,
    gguf_softcaps=(50.0, 30.0),
)
GEMMA3: Final = Architecture(
    name="gemma3",
    classes=("Gemma3ForCausalLM",),
    model_types=("gemma3_text",),
    text_class="Gemma3ForCausalLM",
    text_model_type="gemma3_text",
    gguf="gemma3",
    layer=(*_GEMMA2_LAYER, *_HEAD_NORMS),
    activation="gelu_tanh",
    norm_offset=1.0,
    scaled_embedding=True,
    gguf_window_pattern=6,
)

GEMMA3_IMAGES: Final = replace(
    GEMMA3,  # its text alone
    name="gemma3_images",
    classes=("Gemma3ForConditionalGeneration",),
    model_types=("gemma3",),
)
ARCHITECTURES: Final = {
    entry.name: entry
    for entry in (
        QWEN2,
        QWEN2_5_VL,
        QWEN3,
        LLAMA,
        MISTRAL,
        PHI3,
        GEMMA2,
        GEMMA3,
        QWEN2_VL,
        QWEN3_VL,
        GEMMA3_IMAGES,
    )
}


def architecture_of_class(name: str) -> Architecture | None:
    """Return the architecture of a transformers class; None for one that is not supported."""
    return next((entry for entry in ARCHITECTURES.values() if name in entry.classes), None)


def architecture_of_model_type(name: str) -> Architecture | None:
    """Return the architecture of transformers' "model_type"; None for one that is not supported."""
    return next((entry for entry in ARCHITECTURES.values() if name in entry.model_types), None)
