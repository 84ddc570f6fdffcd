"""Every recipe of the export has a size that the memory budget knows, and it is the size that a 3B comes to."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("gguf")

from kinetoken.engines.llamacpp.engine import GGUF_BITS
from kinetoken.engines.onnx.engine import ONNX_BITS
from kinetoken.engines.quantization import bits_per_weight
from kinetoken.manifest.architectures import QWEN2
from kinetoken_export.checkpoint.config.rope import Rope
from kinetoken_export.checkpoint.model_shape import LanguageModelShape
from kinetoken_export.checkpoint.tensors import expected_tensors
from kinetoken_export.gguf.quantizer import row_bytes
from kinetoken_export.gguf.recipes import GGUF_RECIPES, find_gguf_recipe
from kinetoken_export.onnx.portable import PORTABLE_PRECISIONS
from kinetoken_export.onnx.recipes import ONNX_RECIPES

BITS = GGUF_BITS | ONNX_BITS
SHAPE = LanguageModelShape(
    layers=36, hidden=2048, intermediate=11008, heads=16, kv_heads=2, vocab_size=155_763, head_dim=128, context=128_000,
    rope=Rope(1e6, sections=(16, 24, 24)),
    norm_eps=1e-6, tied=True,
)  # fmt: skip
OUTER_TYPES = (
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


def counted(recipe: str) -> float:
    """Bits of a weight as the export lays a 3B out."""
    plan, numbers, total = find_gguf_recipe(recipe), 0, 0
    for name, dims in expected_tensors(QWEN2, SHAPE):
        kind = plan.type_of(QWEN2.gguf_tensor(name), SHAPE, dims[-1], measured=False)
        total += math.prod(dims[:-1]) * row_bytes(kind, dims[-1])
        numbers += math.prod(dims)
    return 8 * total / numbers


@pytest.mark.parametrize("recipe", GGUF_RECIPES)
def test_each_gguf_recipe_is_as_large_as_counted(recipe: str) -> None:
    assert bits_per_weight(recipe, BITS) == pytest.approx(counted(recipe), rel=0.02)
    assert bits_per_weight(f"{recipe}+own", BITS) == bits_per_weight(recipe, BITS)


@pytest.mark.parametrize("outer", OUTER_TYPES)
def test_each_type_of_the_head_is_known(outer: str) -> None:
    assert bits_per_weight(f"q4_k_m:{outer}", BITS) == pytest.approx(
        counted(f"q4_k_m:{outer}"), rel=0.05
    )


def test_each_onnx_recipe_is_known() -> None:
    assert set(ONNX_RECIPES) | set(PORTABLE_PRECISIONS) | set(GGUF_RECIPES) == set(BITS)
    for name, recipe in ONNX_RECIPES.items():
        scales = 0 if recipe.linear_bits == recipe.float_bits else recipe.float_bits / recipe.block
        known = bits_per_weight(name, BITS)
        assert known is not None
        if recipe.fine_bits is None:
            assert known == pytest.approx(recipe.linear_bits + scales, rel=0.02)
        else:
            assert recipe.linear_bits + scales < known < recipe.fine_bits + scales
