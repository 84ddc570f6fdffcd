"""GGUF quantization plans as data: the type of each kind of matrix, as in llama.cpp's mixtures.

The ternary and one-bit types (tq1_0, tq2_0, q1_0, q2_0) and mxfp4_moe are left out: they are for
weights trained so, and for mixtures of experts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from gguf import GGMLQuantizationType, LlamaFileType

from kinetoken.base.errors import InputError

from ..checkpoint.model_shape import LanguageModelShape
from .quantizer import block_size

_EMBEDDING: Final = "token_embd"
_HEAD: Final = "output"
_LayerChoice = Callable[[int, int], bool]
"""Layer and number of layers to whether a rule applies there."""


def first_eighth(layer: int, layers: int) -> bool:
    """The first eighth of the layers, rounded down."""
    return layer < layers // 8


def first_sixteenth(layer: int, layers: int) -> bool:
    """The first sixteenth of the layers, rounded down."""
    return layer < layers // 16


def first_two(layer: int, layers: int) -> bool:
    """Layers 0 and 1."""
    return layer < 2


def first_four(layer: int, layers: int) -> bool:
    """Layers 0 to 3."""
    return layer < 4


def middle_layers(layer: int, layers: int) -> bool:
    """All but the first and the last eighth."""
    return layers // 8 <= layer < 7 * layers // 8


def sensitive_layers(layer: int, layers: int) -> bool:
    """The first and the last eighth, and every third layer between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


@dataclass(frozen=True)
class TypeRule:
    """Another type than the recipe's base for one kind of matrix; the first that applies counts."""

    part: str
    """Name of the tensor without block and suffix: "attn_v"."""
    type: str
    """ggml type."""
    layers: _LayerChoice | None = None
    """Where; None: in every layer."""
    shared_keys: bool | None = None
    """Only where four or more query heads share a key head (True) or fewer (False)."""
    measured: bool | None = None
    """Only with (True) or without (False) an importance matrix."""


@dataclass(frozen=True)
class GgufRecipe:
    """One plan for a GGUF language model."""

    name: str
    file_type: LlamaFileType
    """What the file says that it is."""
    base: str
    """ggml type of every matrix that no rule names."""
    rules: tuple[TypeRule, ...] = ()
    embedding: str = ""
    """ggml type of an embedding that is not the head as well; empty: the base."""
    head: str = ""
    """ggml type of the head (and of the embedding that it is tied to).

    Empty: by llama.cpp's rule.
    """
    finer: str = ""
    """ggml type of embedding and head, whatever the rules say: they hold the motion tokens."""
    needs_importance: bool = False

    @property
    def quantized(self) -> bool:
        """Tell whether weights are stored in blocks with scales."""
        return block_size(_type(self.base)) > 1

    def type_of(
        self, tensor: str, shape: LanguageModelShape, columns: int, *, measured: bool
    ) -> GGMLQuantizationType:
        """Type of a llama.cpp tensor ("blk.3.attn_v.weight") with rows of `columns` numbers."""
        if not tensor.endswith(".weight") or tensor.endswith("_norm.weight"):
            return GGMLQuantizationType.F32
        return fitting_type(_type(self._choose(tensor, shape, columns, measured)), columns)

    def _choose(self, tensor: str, shape: LanguageModelShape, columns: int, measured: bool) -> str:
        parts = tensor.split(".")
        if parts[0] in (_EMBEDDING, _HEAD):
            return self.finer or self._outer(parts[0] == _HEAD or shape.tied, columns)
        layer, part = int(parts[1]), parts[2]
        shared = shape.heads // shape.kv_heads >= 4
        for rule in self.rules:
            if (
                rule.part == part
                and (rule.layers is None or rule.layers(layer, shape.layers))
                and rule.shared_keys in (None, shared)
                and rule.measured in (None, measured)
            ):
                return rule.type
        return self.base

    def _outer(self, is_head: bool, columns: int) -> str:
        if not self.quantized:
            return self.base
        if not is_head:
            return self.embedding or self.base
        if columns % block_size(_type(self.base)) or self.base == "Q8_0":
            return "Q8_0"
        return self.head or "Q6_K"


def fitting_type(kind: GGMLQuantizationType, columns: int) -> GGMLQuantizationType:
    """The type itself, or the nearest one whose blocks divide a row of `columns` numbers."""
    if columns % block_size(kind) == 0:
        return kind
    narrow = _type(_NARROWER.get(kind.name, "F16"))
    return narrow if columns % block_size(narrow) == 0 else GGMLQuantizationType.F16


# A type with blocks of 256 to its stand-in with blocks of 32.
_NARROWER: Final = {
    **dict.fromkeys(
        ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"
    ),
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}


def _type(name: str) -> GGMLQuantizationType:
    return GGMLQuantizationType[name]


_FINER_V: Final = (
    TypeRule("attn_v", "Q6_K", sensitive_layers),
    TypeRule("ffn_down", "Q6_K", sensitive_layers),
)
_IQ4: Final = (
    TypeRule("attn_v", "Q5_K", shared_keys=True),
    TypeRule("ffn_down", "Q5_K", first_eighth, measured=False),
)
_IQ2: Final = (
    TypeRule("attn_v", "Q4_K", shared_keys=True),
    TypeRule("attn_v", "Q2_K"),
    TypeRule("ffn_down", "Q2_K", first_eighth),
)
_IQ2_FINER: Final = (
    TypeRule("attn_v", "Q4_K", shared_keys=True),
    TypeRule("attn_v", "IQ3_S"),
    TypeRule("ffn_down", "IQ3_S", first_eighth),
    TypeRule("attn_output", "IQ3_S"),
)
_IQ1: Final = (*_IQ2, TypeRule("attn_output", "IQ2_XXS"))


def _plan(
    name: str, base: str, *rules: TypeRule, embedding: str = "", head: str = "", needs: bool = False
) -> GgufRecipe:
    prefix = "ALL" if name == "f32" else "MOSTLY"
    return GgufRecipe(
        name, LlamaFileType[f"{prefix}_{name.upper()}"], base, rules, embedding, head, "", needs
    )


GGUF_RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        _plan("f32", "F32"),
        _plan("f16", "F16"),
        _plan("bf16", "BF16"),
        _plan("q8_0", "Q8_0"),
        _plan("q6_k", "Q6_K"),
        _plan("q5_k_m", "Q5_K", *_FINER_V),
        _plan("q5_k_s", "Q5_K"),
        _plan("q5_1", "Q5_1"),
        _plan("q5_0", "Q5_0", TypeRule("ffn_down", "Q5_1", first_eighth, measured=True)),
        _plan("q4_k_m", "Q4_K", *_FINER_V),
        _plan(
            "q4_k_s",
            "Q4_K",
            TypeRule("attn_v", "Q5_K", first_four),
            TypeRule("ffn_down", "Q5_K", first_eighth),
        ),
        _plan("q4_1", "Q4_1"),
        _plan("q4_0", "Q4_0", TypeRule("ffn_down", "Q4_1", first_eighth, measured=True)),
        _plan("iq4_nl", "IQ4_NL", *_IQ4),
        _plan("iq4_xs", "IQ4_XS", *_IQ4),
        _plan(
            "q3_k_l",
            "Q3_K",
            *(TypeRule(part, "Q5_K") for part in ("attn_v", "ffn_down", "attn_output")),
        ),
        _plan(
            "q3_k_m",
            "Q3_K",
            TypeRule("attn_v", "Q5_K", first_two),
            TypeRule("attn_v", "Q4_K"),
            TypeRule("ffn_down", "Q5_K", first_sixteenth),
            TypeRule("ffn_down", "Q4_K"),
            TypeRule("attn_output", "Q4_K"),
        ),
        _plan("q3_k_s", "Q3_K"),
        _plan(
            "q2_k",
            "Q2_K",
            TypeRule("attn_v", "Q4_K", shared_keys=True),
            TypeRule("attn_v", "Q3_K"),
            TypeRule("ffn_down", "Q3_K"),
            TypeRule("attn_output", "Q3_K"),
        ),
        _plan(
            "q2_k_s",
            "Q2_K",
            TypeRule("attn_v", "Q4_K", shared_keys=True),
            TypeRule("ffn_down", "Q4_K", first_eighth),
            needs=True,
        ),
        _plan(
            "iq3_m",
            "IQ3_S",
            TypeRule("attn_v", "Q4_K"),
            TypeRule("ffn_down", "Q4_K", first_eighth),
            TypeRule("attn_output", "Q4_K"),
        ),
        _plan("iq3_s", "IQ3_S", TypeRule("attn_v", "Q4_K", shared_keys=True)),
        _plan(
            "iq3_xs",
            "IQ3_S",
            TypeRule("attn_v", "Q4_K", shared_keys=True),
            TypeRule("attn_k", "IQ3_XXS"),
            TypeRule("attn_q", "IQ3_XXS"),
            TypeRule("ffn_gate", "IQ3_XXS", middle_layers),
            TypeRule("ffn_up", "IQ3_XXS", middle_layers),
            needs=True,
        ),
        _plan(
            "iq3_xxs",
            "IQ3_XXS",
            TypeRule("attn_v", "Q4_K", shared_keys=True),
            TypeRule("attn_k", "IQ2_S"),
            TypeRule("attn_q", "IQ2_S"),
            TypeRule("attn_output", "IQ3_S"),
            embedding="IQ3_S",
            head="Q5_K",
            needs=True,
        ),
        _plan("iq2_m", "IQ2_S", *_IQ2_FINER, embedding="IQ3_S", head="Q5_K", needs=True),
        _plan("iq2_s", "IQ2_XS", *_IQ2_FINER, embedding="IQ3_S", head="Q5_K", needs=True),
        _plan("iq2_xs", "IQ2_XS", *_IQ2, embedding="Q2_K", head="Q5_K", needs=True),
        _plan("iq2_xxs", "IQ2_XXS", *_IQ2, embedding="Q2_K", head="Q5_K", needs=True),
        _plan("iq1_m", "IQ1_M", *_IQ1, embedding="Q2_K", head="Q5_K", needs=True),
        _plan("iq1_s", "IQ1_S", *_IQ1, embedding="Q2_K", head="Q5_K", needs=True),
    )
}
_GGUF_DEFAULT: Final = "q4_k_s"
DRAFT_RECIPE: Final = "q8_0"
"""The recipe of a draft bundle whose answers are measured: close to the source, quick to make."""


def find_gguf_recipe(text: str | None) -> GgufRecipe:
    """Find the recipe NAME or NAME:TYPE; None is the default, InputError lists them.

    NAME:TYPE, as in "q4_k_m:q8_0", gives embedding and head a type of their own.
    """
    name, colon, finer = (text or _GGUF_DEFAULT).lower().partition(":")
    if name not in GGUF_RECIPES:
        raise InputError(f"expected a quantization of {', '.join(GGUF_RECIPES)}, got {text!r}")
    recipe = GGUF_RECIPES[name]
    if not colon:
        return recipe
    known = (
        "f32",
        "f16",
        "bf16",
        "q8_0",
        "q6_k",
        "q5_k",
        "q5_1",
        "q5_0",
        "q4_k",
        "q4_1",
        "q4_0",
        "iq4_nl",
    )
    if finer not in known:
        raise InputError(f"expected one of {', '.join(known)} after the colon, got {finer!r}")
    return replace(recipe, name=f"{name}:{finer}", finer=finer.upper())
