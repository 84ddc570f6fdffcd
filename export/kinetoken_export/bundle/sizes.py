"""How large the language model of a bundle becomes, for every quantization."""

from __future__ import annotations

import math
from typing import Final

from kinetoken.base.errors import InputError
from kinetoken.manifest.schema import MotionInfo

from ..checkpoint.tensors import TensorSource, expected_tensors, vision_tensors
from ..onnx.recipes import FLOATS, ONNX_RECIPES, OnnxRecipe

_FINE_PARTS: Final = ("attn_v", "ffn_down")
"""Matrices that some layers keep finer."""


def onnx_sizes(source: TensorSource, motion: MotionInfo, context: int) -> dict[str, int]:
    """Bytes of fused graphs and the tables of their positions, by the name of the recipe."""
    rotary = context * source.shape.head_dim
    return {
        name: _onnx_bytes(source, motion, recipe) + rotary * recipe.float_bits // 8
        for name, recipe in ONNX_RECIPES.items()
    }


def _onnx_bytes(source: TensorSource, motion: MotionInfo, recipe: OnnxRecipe) -> int:
    entry, shape = source.architecture, source.shape
    first = min(level[0] for level in motion.levels)
    fine = {
        entry.tensor(layer, part)
        for layer in range(shape.layers)
        for part in _FINE_PARTS
        if entry.has(part) and recipe.fine(layer, shape.layers)
    }
    total = 0.0
    for name, dims in expected_tensors(entry, shape):
        numbers = math.prod(dims)
        if name in (entry.embedding, entry.head):
            words = first * dims[1]
            total += _stored(words, recipe.text_bits, recipe)
            total += _stored(numbers - words, recipe.motion_bits, recipe)
        elif len(dims) == 1:
            total += numbers * recipe.float_bits / 8
        else:
            bits = recipe.fine_bits if name in fine else recipe.linear_bits
            total += _stored(numbers, bits or recipe.linear_bits, recipe)
    return int(total)


def _stored(numbers: int, bits: int, recipe: OnnxRecipe) -> float:
    """Bytes of weights and their scales."""
    scales = 0 if bits in FLOATS else recipe.float_bits / recipe.block
    return numbers * (bits + scales) / 8


def gguf_sizes(source: TensorSource) -> dict[str, int]:
    """Bytes of GGUF files, the vision tower not among them; none without the package gguf."""
    try:
        from ..gguf.recipes import GGUF_RECIPES
        from .language_model import gguf_bytes
    except ImportError:
        return {}
    found = {}
    for name in GGUF_RECIPES:
        try:
            found[name] = gguf_bytes(source, name)
        except InputError:  # its blocks do not divide the rows
            continue
    return found


def vision_bytes(source: TensorSource) -> int:
    """Bytes of the vision tower at 16 bits."""
    return 2 * sum(math.prod(source.dims(name)) for name in vision_tensors(source))
