"""Quantization plans of ONNX language models, as data: how many bits each kind of matrix keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kinetoken.base.errors import InputError

FLOATS: Final = (16, 32)
"""Widths that are floating point; the others are blockwise integers."""


@dataclass(frozen=True)
class OnnxRecipe:
    """One plan. Integers are symmetric, in blocks along the input, one scale a block."""

    name: str
    linear_bits: int
    """Bits of attention and feed-forward matrices: 4, 8, 16 or 32."""
    text_bits: int
    """Bits of the rows of words in embedding and head."""
    motion_bits: int
    """Bits of the rows of motion tokens there: they decide single codes, which four bits blur."""
    fine_bits: int | None = None
    """Bits of the value and down projections of some layers, the matrices that suffer most.

    None: as the others.
    """
    block: int = 32
    """Weights that share a scale."""
    float_bits: int = 32
    """Bits of activations, cache, scales and norms: 32 for processors, 16 for graphics cards."""
    accuracy_level: int = 4
    """MatMulNBits: 4 multiplies 8-bit activations, 1 keeps them float32."""

    def __post_init__(self) -> None:
        used = {
            self.linear_bits,
            self.text_bits,
            self.motion_bits,
            self.fine_bits or self.linear_bits,
        }
        assert self.float_bits in FLOATS
        assert used <= {4, 8, self.float_bits}, "float matrices have the type of the activations"

    def fine(self, layer: int, layers: int) -> bool:
        """Tell whether a layer's fine matrices keep `fine_bits`.

        These are the first and last eighth of the layers, and every third between them.
        """
        eighth = layers // 8
        return self.fine_bits is not None and (
            layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
        )


ONNX_RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        OnnxRecipe("fp32", 32, 32, 32),
        OnnxRecipe("fp16", 16, 16, 16, float_bits=16),
        OnnxRecipe("int8", 8, 8, 8),
        OnnxRecipe("int4", 4, 4, 8),
        OnnxRecipe("int4_mixed", 4, 8, 8, fine_bits=8),
        OnnxRecipe("int8_fp16", 8, 8, 8, float_bits=16),
        OnnxRecipe("int4_fp16", 4, 4, 8, float_bits=16),
    )
}
_DEFAULT: Final = "int8"


def find_onnx_recipe(name: str | None) -> OnnxRecipe:
    """Find a recipe of fused graphs, None for the default; InputError lists them."""
    if (name or _DEFAULT) not in ONNX_RECIPES:
        raise InputError(
            f"expected a quantization of {', '.join(ONNX_RECIPES)} for onnx, got {name!r}"
        )
    return ONNX_RECIPES[name or _DEFAULT]
