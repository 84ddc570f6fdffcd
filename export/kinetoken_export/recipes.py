"""Quantization plans, as data: how many bits each kind of matrix keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Recipe:
    """One plan for an ONNX language model; weights in blocks along the input, one scale a block, symmetric."""

    name: str
    linear_bits: int
    """Bits of attention and feed-forward matrices."""
    head_bits: int
    """Bits of the embedding and of the head, which are one matrix when they are tied."""
    block: int = 32
    """Weights that share a scale."""
    accuracy_level: int = 4
    """MatMulNBits: 4 multiplies 8-bit activations, 1 keeps them float32."""


RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        Recipe("int8", linear_bits=8, head_bits=8),
        Recipe("int4", linear_bits=4, head_bits=8),  # motion rows decide single codes: four bits blur them
    )
}
DEFAULT: Final = "int8"
