"""The language model architectures, one entry each.

Whatever depends on the architecture reads its entry: the exports to GGUF and ONNX, the reference
model that `kinetoken verify` computes with, and the runtime's check of a GGUF file. A new
architecture is a new entry of `ARCHITECTURES`: which tensors a layer has, what a checkpoint and
llama.cpp call them, which have a bias, and how they are computed where that differs. Sizes are
numbers of config.json, not of the architecture.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    activation: Literal["silu"] = "silu"
    """Of the gated feed-forward network."""
    norm_offset: float = 0.0
    """Added to the stored gains of the RMS norms (Gemma: 1)."""
    embedding: str = "model.embed_tokens.weight"
    final_norm: str = "model.norm.weight"
    head: str = "lm_head.weight"
    """Missing in a checkpoint whose embedding is the head too."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Beginnings of tensor names in some checkpoints and the ones used here, longest first."""
    vision: VisionTower | None = None

    def tensor(self, layer: int, part: str, kind: str = "weight") -> str:
        """The checkpoint's name of a part's weight or bias: model.layers.3.mlp.up_proj.weight."""
        module = next(tensor.module for tensor in self.layer if tensor.part == part)
        return f"{self.layer_prefix(layer)}{module}.{kind}"

    def layer_prefix(self, layer: int) -> str:
        """Start of the checkpoint's names of a layer's tensors."""
        return f"model.layers.{layer}."

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
)
QWEN2_5_VL: Final = Architecture(
    name="qwen2_5_vl",
    classes=("Qwen2_5_VLForConditionalGeneration",),
    model_types=("qwen2_5_vl",),
    text_class="Qwen2ForCausalLM",  # for text alone the three positions of M-RoPE are one
    text_model_type="qwen2",
    gguf="qwen2vl",
    layer=_QWEN2_LAYER,
    # transformers moved the parts around between its versions.
    renamed=(
        ("model.language_model.", "model."),
        ("language_model.model.", "model."),
        ("language_model.lm_head.", "lm_head."),
        ("model.visual.", "visual."),
    ),
    vision=VisionTower("visual.", "qwen2.5vl_merger"),
)

ARCHITECTURES: Final = {entry.name: entry for entry in (QWEN2, QWEN2_5_VL)}


def architecture_of_class(name: str) -> Architecture | None:
    """Return the architecture of a transformers class; None for one that is not supported."""
    return next((entry for entry in ARCHITECTURES.values() if name in entry.classes), None)


def architecture_of_model_type(name: str) -> Architecture | None:
    """Return the architecture of transformers' "model_type"; None for one that is not supported."""
    return next((entry for entry in ARCHITECTURES.values() if name in entry.model_types), None)
