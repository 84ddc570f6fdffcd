"""Which tensors a GGUF may have, of which types and sizes, and where in the file.

llama.cpp ends the process on types that its operators do not take, and on some sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...manifest.architectures import ARCHITECTURES
from .gguf_header import ALIGNMENT_KEY, USUAL_ALIGNMENT, Header, TensorPlace

Dims = tuple[int, ...]
"""Fastest first: (columns, rows) of a matrix."""
_FLOAT32: Final = 0
_BLOCKS: Final[Mapping[int, tuple[int, int]]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
"""ggml's types of weights: numbers and bytes of a block. Source: ggml.h, ggml-common.h."""
_CONVOLUTION: Final = (0, 1)
"""Types of the tower's first layer, float32 and float16."""


def check_language_model_tensors(header: Header, size: int, architecture: str) -> None:
    """Raise ValueError unless the tensors are those of the architecture, at the header's sizes.

    `size`: bytes of the file. The header's keys were checked.
    """
    needed, allowed = _language_model(header.said, architecture)
    _check_tensors(header, size, needed, allowed)


def check_tower_tensors(header: Header, size: int) -> None:
    """Raise ValueError unless the tensors are those of the vision tower, at the header's sizes."""
    _check_tensors(header, size, dict(_tower(header.said)), {})


def _language_model(
    said: Mapping[str, Any], architecture: str
) -> tuple[dict[str, Dims], dict[str, Dims]]:
    """Tensors that there have to be, and those that there may be."""
    number = {key: int(said.get(f"{architecture}.{key}", 0)) for key in _SIZES}
    heads, hidden = number["attention.head_count"], number["embedding_length"]
    head = number["attention.key_length"] or hidden // heads
    widths = {
        "hidden": hidden,
        "intermediate": number["feed_forward_length"],
        "queries": heads * head,
        "keys": (number["attention.head_count_kv"] or heads) * head,
        "head_dim": head,
    }
    rows = len(said["tokenizer.ggml.tokens"])
    needed: dict[str, Dims] = {
        "token_embd.weight": (hidden, rows),
        "output_norm.weight": (hidden,),
    }
    allowed: dict[str, Dims] = {"output.weight": (hidden, rows), "output.bias": (rows,)}
    half = ((number["rope.dimension_count"] or head) // 2,)
    allowed |= dict.fromkeys(_ROPE_TENSORS, half)
    entry = next(entry for entry in ARCHITECTURES.values() if entry.gguf == architecture)
    for layer in range(number["block_count"]):
        for part in entry.layer:
            name, dims = f"blk.{layer}.{part.part}", tuple(widths[w] for w in reversed(part.dims))
            needed[f"{name}.weight"] = dims
            if len(dims) > 1:
                (needed if part.biased else allowed)[f"{name}.bias"] = dims[-1:]
    scaled = [name for name, dims in (needed | allowed).items() if len(dims) > 1]
    for name in scaled:
        stem = name.removesuffix(".weight")
        allowed |= dict.fromkeys((f"{stem}.scale", f"{stem}.input_scale"), (1,))
    return needed, allowed


_SIZES: Final = (
    "embedding_length",
    "feed_forward_length",
    "block_count",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "rope.dimension_count",
)
_ROPE_TENSORS: Final = (
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
)


def _tower(said: Mapping[str, Any]) -> Iterator[tuple[str, Dims]]:
    """Tensors of a Qwen2.5-VL's tower."""
    hidden, inner, blocks, patch, out = (
        int(said[f"clip.vision.{key}"])
        for key in (
            "embedding_length", "feed_forward_length", "block_count", "patch_size", "projection_dim"
        )
    )  # fmt: skip
    for name in ("v.patch_embd.weight", "v.patch_embd.weight.1"):
        yield name, (patch, patch, 3, hidden)
    parts = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_out"), (hidden, hidden))
    parts |= {"ffn_gate": (hidden, inner), "ffn_up": (hidden, inner), "ffn_down": (inner, hidden)}
    for block in range(blocks):
        for norm in ("ln1", "ln2"):
            yield f"v.blk.{block}.{norm}.weight", (hidden,)
        for part, dims in parts.items():
            yield f"v.blk.{block}.{part}.weight", dims
            yield f"v.blk.{block}.{part}.bias", dims[-1:]
    yield "v.post_ln.weight", (hidden,)
    merged = 4 * hidden  # two by two patches become one cell
    for step, dims in (("0", (merged, merged)), ("2", (merged, out))):
        yield f"mm.{step}.weight", dims
        yield f"mm.{step}.bias", dims[-1:]


def _check_tensors(
    header: Header, size: int, needed: Mapping[str, Dims], allowed: Mapping[str, Dims]
) -> None:
    missing = next((name for name in needed if name not in header.tensors), None)
    if missing is not None:
        raise ValueError(f"expected the tensor {missing}, got none")
    step = header.said.get(ALIGNMENT_KEY, USUAL_ALIGNMENT)
    for name, place in header.tensors.items():
        expected = needed.get(name, allowed.get(name))
        if expected is None:
            raise ValueError(f"expected tensors that are known, got {name[:60]!r}")
        if _trimmed(place.dims) != _trimmed(expected):
            raise ValueError(f"expected {name} of {expected}, got {place.dims}")
        _check_place(name, place, size, step)


def _check_place(name: str, place: TensorPlace, size: int, step: int) -> None:
    """The type is one that llama.cpp computes with there, and the numbers lie in the file."""
    plain = len(_trimmed(place.dims)) < 2
    known = (_FLOAT32,) if plain else _CONVOLUTION if len(place.dims) > 2 else tuple(_BLOCKS)
    if place.kind not in known:
        few = " or ".join(map(str, known)) if len(known) < 3 else "of weights"
        raise ValueError(f"expected {name} in a type {few}, got type {place.kind}")
    numbers, block = _BLOCKS[place.kind]
    if place.dims[0] % numbers:
        raise ValueError(
            f"expected {name} in rows of {numbers} numbers, got rows of {place.dims[0]}"
        )
    stop = place.offset + math.prod(place.dims) // numbers * block
    if stop > size or place.offset % step:
        raise ValueError(f"expected {name} within {size:,} bytes, got its end at {stop:,}")


def _trimmed(dims: Dims) -> Dims:
    """Without dimensions of one at the end, which ggml does not tell from none."""
    while len(dims) > 1 and dims[-1] == 1:
        dims = dims[:-1]
    return dims
