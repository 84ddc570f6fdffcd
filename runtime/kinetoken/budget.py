"""How much memory a bundle takes, counted from its manifest; and what would fit a smaller machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .errors import InputError

if TYPE_CHECKING:
    from .manifest import Manifest

MB: Final = 1_000_000
GB: Final = 1_000_000_000
PROGRAM: Final = 100 * MB
"""Python, numpy, ONNX Runtime and its working memory: measured with the demo, files taken off."""
LLAMA: Final = 60 * MB
"""llama.cpp and the memory that it computes in."""
TOKENIZER: Final = 14
"""Bytes in memory for each byte of tokenizer.json."""
SYSTEM: Final = 1_200 * MB
"""What Linux without a desktop keeps for itself on a board that shares its memory with the graphics card."""
UNITS: Final = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 2**10, "mi": 2**20, "gi": 2**30}

BITS: Final = {
    "f32": 32.0, "fp32": 32.0, "f16": 16.0, "fp16": 16.0, "bf16": 16.0, "int8": 8.5, "int8_fp16": 8.5, "q8_0": 8.5, "q6_k": 6.6,
    "q5_k_m": 5.7, "q5_k_s": 5.5, "q4_k_m": 4.9, "q4_k_s": 4.6, "q4_0": 4.6, "int4": 4.7, "int4_fp16": 4.7, "int4_mixed": 5.3,
    "iq4_xs": 4.3, "q3_k_m": 3.9, "q2_k": 3.0,
}  # fmt: skip
"""Bits that a weight takes, on average over a whole model."""
OFFERED: Final = {
    "llamacpp": ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "q3_k_m", "q2_k"),
    "onnx": ("fp32", "fp16", "int8", "int4"),
}
"""Quantizations worth naming, the finest first."""


@dataclass(frozen=True)
class Budget:
    """Bytes of each part."""

    weights: int
    cache: int
    """Keys and values of one answer, the whole context."""
    codec: int
    words: int
    """The tokenizer."""
    vision: int
    """The vision tower, taken only where an image is shown."""
    program: int

    @property
    def total(self) -> int:
        """All but the vision tower."""
        return self.weights + self.cache + self.codec + self.words + self.program


def budget(manifest: Manifest, context: int | None = None, quantization: str | None = None, answers: int = 1) -> Budget:
    """Memory of a bundle: as it is, or with another context or quantization of its weights; `answers` under way at once."""
    lm, files = manifest.language_model, manifest.files
    llama = lm.backend == "llamacpp"
    weights = weight_bytes(manifest)
    if quantization is not None:
        weights = round(weights * bits(quantization) / bits(lm.quantization))
    codec = sum(files[name].bytes for name in (manifest.codec.decoder, manifest.codec.codebooks))
    return Budget(
        weights=weights,
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
    whole = lm.quantization == "f32" if lm.backend == "llamacpp" else not lm.quantization.endswith("fp16")
    number = 4 if whole else 2
    return 2 * number * lm.layers * context * lm.kv_heads * lm.head_dim


def bits(quantization: str) -> float:
    """Bits of a weight; those of a name that is not known are taken to be 16."""
    return BITS.get(quantization.lower().removeprefix("pruned_"), 16.0)


def longest_context(manifest: Manifest, room: int) -> int:
    """Tokens of context that fit into so many bytes beside everything else; 0 where not even the weights do."""
    rest = budget(manifest, context=1).total
    return max(0, (room - rest) // max(1, cache_bytes(manifest, 1)) + 1)


def quantizations_that_fit(manifest: Manifest, room: int) -> list[tuple[str, int]]:
    """Names of this engine's quantizations that fit at the same context, the finest first, and the bytes they need in all."""
    known = OFFERED.get(manifest.language_model.backend, ())
    needed = [(name, budget(manifest, quantization=name).total) for name in known]
    return [(name, total) for name, total in needed if total <= room]


def parse_size(text: str) -> int:
    """Bytes of a size such as 8GB, 7.5 GiB or 900M; InputError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", text.lower())
    if not found or found[2] not in UNITS or float(found[1]) <= 0:
        raise InputError(f"--fit: expected a size such as 8GB or 7500MB, got {text!r}")
    return round(float(found[1]) * UNITS[found[2]])
