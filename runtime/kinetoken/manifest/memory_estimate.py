"""How much memory a bundle takes at the most, counted from its manifest; and what would fit a smaller machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..base.errors import InputError
from .schema import Manifest

MB: Final = 1_000_000
GB: Final = 1_000_000_000
PROGRAM: Final = 100 * MB
"""Python, numpy, ONNX Runtime and its working memory: measured with the demo, files taken off."""
LLAMA: Final = 60 * MB
"""llama.cpp and the memory that it computes in: 39 MiB of it at 3B."""
PACKED: Final = {
    "fp32": 0.3, "fp16": 1.75, "int8": 0.5, "int8_fp16": 0.7, "int4": 0.5, "int4_mixed": 0.7, "int4_fp16": 1.1,
}  # fmt: skip
"""Of the weights: what ONNX Runtime takes more while it lays them out anew for the processor; half precision becomes single.

Peaks measured at 0.5B, int4 at 3B (0.47; its small fixed part made it 0.69 at 0.5B).
"""
PACKED_ELSE: Final = 1.0
TOKENIZER: Final = 31
"""Bytes in memory for each byte of tokenizer.json: measured with Qwen's; a small one takes half of it."""
SYSTEM: Final = 1_200 * MB
"""What Linux without a desktop keeps for itself on a board that shares its memory with the graphics card."""
CARD: Final = 600 * MB
"""What CUDA, its libraries and their working memory take where a graphics card computes: an allowance, not measured."""
UNITS: Final = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 2**10, "mi": 2**20, "gi": 2**30}

GGUF_BITS: Final = {
    "f32": 32.0, "f16": 16.0, "bf16": 16.0, "q8_0": 8.5, "q6_k": 6.6, "q5_1": 6.1, "q5_k_m": 5.8, "q5_k_s": 5.6, "q5_0": 5.6,
    "q4_1": 5.2, "q4_k_m": 5.0, "q4_k_s": 4.7, "q4_0": 4.7, "iq4_nl": 4.75, "iq4_xs": 4.5, "q3_k_l": 4.4, "q3_k_m": 4.1,
    "q3_k_s": 3.8, "iq3_m": 3.85, "iq3_s": 3.8, "iq3_xs": 3.6, "q2_k": 3.3, "iq3_xxs": 3.3, "q2_k_s": 3.1, "iq2_m": 2.95,
    "iq2_s": 2.75, "iq2_xs": 2.7, "iq2_xxs": 2.45, "iq1_m": 2.2, "iq1_s": 2.05,
}  # fmt: skip
ONNX_BITS: Final = {
    "fp32": 32.0, "fp16": 16.0, "int8": 9.0, "int8_fp16": 8.5, "int4_mixed": 6.0, "int4": 5.0, "int4_fp16": 4.5,
}  # fmt: skip
BITS: Final = GGUF_BITS | ONNX_BITS
"""Bits that a weight takes, on average over a whole model, its scales with it: counted on a 3B."""
TYPES: Final = {"q5_k": 5.5, "q4_k": 4.5}
"""Of embedding and head, where they have a type of their own that is no recipe's name."""
OUTER: Final = 0.1
"""Share of a 3B's weights that are its embedding and head."""
OFFERED: Final = {
    "llamacpp": ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_k_s", "q3_k_m", "q2_k"),
    "onnx": ("fp32", "fp16", "int8", "int4"),
}
"""Quantizations worth naming, the finest first."""
PORTABLE: Final = ("fp32", "fp16", "int8")
"""The same of a graph of plain operators."""


@dataclass(frozen=True)
class Budget:
    """Bytes of each part."""

    weights: int
    packed: int
    """What the engine holds beside them while it lays them out anew."""
    cache: int
    """Keys and values of one answer, the whole context."""
    codec: int
    words: int
    """The tokenizer."""
    vision: int
    """The vision tower, where the bundle has one; taken when the first image is shown."""
    program: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.without_images + self.vision

    @property
    def without_images(self) -> int:
        """All but the vision tower."""
        return self.weights + self.packed + self.cache + self.codec + self.words + self.program


def budget(
    manifest: Manifest,
    context: int | None = None,
    quantization: str | None = None,
    answers: int = 1,
    present: float | None = None,
) -> Budget:
    """Memory of a bundle: as it is, or with another context or quantization of its weights; `answers` under way at once.

    `present`: bits of its weights, where the file told; None: those of its quantization's name. InputError for another quantization
    where the size of that or of the present one is not known.
    """
    lm, files = manifest.language_model, manifest.files
    llama = lm.backend == "llamacpp"
    weights = weight_bytes(manifest)
    if quantization is not None:
        weights = round(
            weights * _known_bits(quantization) / (present or _known_bits(lm.quantization))
        )
    codec = sum(files[name].bytes for name in (manifest.codec.decoder, manifest.codec.codebooks))
    return Budget(
        weights=weights,
        packed=0
        if llama
        else round(PACKED.get(quantization or lm.quantization, PACKED_ELSE) * weights),
        cache=answers * cache_bytes(manifest, context or lm.context),
        codec=codec,
        words=TOKENIZER * files[manifest.tokenizer.file].bytes,
        vision=files[lm.mmproj].bytes if lm.mmproj else 0,
        program=PROGRAM + (LLAMA if llama else 0),
    )


def weight_bytes(manifest: Manifest) -> int:
    """Bytes of the language model's own files: what no other part of the manifest names."""
    lm, codec = manifest.language_model, manifest.codec
    others = {
        manifest.tokenizer.file,
        codec.decoder,
        codec.codebooks,
        codec.mean,
        codec.std,
        lm.mmproj,
        "parity.json",
        "parity.svg",
    }
    return sum(info.bytes for name, info in manifest.files.items() if name not in others)


def cache_bytes(manifest: Manifest, context: int) -> int:
    """Keys and values of so many tokens."""
    lm = manifest.language_model
    whole = (
        lm.quantization == "f32"
        if lm.backend == "llamacpp"
        else not lm.quantization.endswith("fp16")
    )
    number = 4 if whole else 2
    return 2 * number * lm.layers * context * lm.kv_heads * lm.head_dim


def bits(quantization: str) -> float | None:
    """Bits of a weight in a recipe, whatever stands behind its name ("q4_k_m:q8_0", "iq3_s+own"); None for one not known."""
    name, _, outer = quantization.lower().removeprefix("pruned_").partition("+")[0].partition(":")
    inner = BITS.get(name)
    if inner is None or not outer:
        return inner
    head = TYPES.get(outer) or BITS.get(outer)
    return None if head is None else (1 - OUTER) * inner + OUTER * head


def _known_bits(quantization: str) -> float:
    found = bits(quantization)
    if found is None:
        raise InputError(f"expected a quantization whose size is known, got {quantization!r}")
    return found


def offered(manifest: Manifest, present: float | None = None) -> tuple[str, ...]:
    """Quantizations of this kind of bundle that are worth naming, the finest first; none where its own size tells nothing."""
    lm = manifest.language_model
    if present is None and bits(lm.quantization) is None:
        return ()
    return (
        PORTABLE if lm.backend == "onnx" and lm.graph == "portable" else OFFERED.get(lm.backend, ())
    )


def room_for_context(manifest: Manifest, room: int) -> int:
    """Tokens of context whose cache fits into so many bytes beside everything else; 0 where not even the weights do."""
    free = room - _all(budget(manifest, context=1), with_images(manifest, room))
    return max(0, free // max(1, cache_bytes(manifest, 1)) + 1)


def quantizations_that_fit(
    manifest: Manifest, room: int, present: float | None = None
) -> list[tuple[str, int]]:
    """Names of this engine's quantizations that fit at the same context, the finest first, and the bytes they need in all."""
    names, images = offered(manifest, present), with_images(manifest, room)
    needed = [
        (name, _all(budget(manifest, quantization=name, present=present), images)) for name in names
    ]
    return [(name, total) for name, total in needed if total <= room]


def with_images(manifest: Manifest, room: int) -> bool:
    """Whether the bundle fits as it is, vision tower included; else what would fit is counted without."""
    return budget(manifest).total <= room


def _all(parts: Budget, images: bool) -> int:
    return parts.total if images else parts.without_images


def parse_size(text: str) -> int:
    """Bytes of a size such as 8GB, 7.5 GiB or 900M; InputError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", text.lower())
    if not found or found[2] not in UNITS or float(found[1]) <= 0:
        raise InputError(f"--fit: expected a size such as 8GB or 7500MB, got {text!r}")
    return round(float(found[1]) * UNITS[found[2]])
