"""How much memory a bundle takes at most, and what would fit a smaller machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..base.errors import InputError
from ..manifest.schema import Manifest
from .quantization import bits_per_weight
from .registry import engine_of

MB: Final = 1_000_000
GB: Final = 1_000_000_000
BASE_PROGRAM_BYTES: Final = 100 * MB
"""Python, numpy, ONNX Runtime and its working memory: measured with the demo, files not counted."""
TOKENIZER_EXPANSION: Final = 31
"""Bytes in memory for each byte of tokenizer.json: measured with Qwen's; small ones take half."""
SYSTEM_BYTES: Final = 1_200 * MB
"""Bytes for Linux without a desktop, on a board that shares memory with its graphics card."""
CARD_BYTES: Final = 600 * MB
"""Bytes for CUDA and its libraries if a graphics card computes: an allowance, not measured."""
_UNITS: Final = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of each part."""

    weights: int
    packed: int
    """What the engine holds beside the weights while it lays them out anew."""
    cache: int
    """Keys and values of the answers, the whole context."""
    codec: int
    words: int
    """The tokenizer."""
    vision: int
    """The vision tower, if the bundle has one; taken when the first image is shown."""
    program: int

    @property
    def total(self) -> int:
        """Bytes of all parts."""
        return self.without_images + self.vision

    @property
    def without_images(self) -> int:
        """Bytes of all parts but the vision tower."""
        return self.weights + self.packed + self.cache + self.codec + self.words + self.program

    def needed(self, *, images: bool) -> int:
        """Bytes of all parts, with or without the vision tower."""
        return self.total if images else self.without_images


def estimate_memory(
    manifest: Manifest,
    context: int | None = None,
    quantization: str | None = None,
    answers: int = 1,
    present: float | None = None,
) -> MemoryEstimate:
    """Memory of a bundle with so many answers under way.

    `context`, `quantization`: as if the bundle had these. `present`: bits of its weights as the
    file tells them; None: those of its quantization's name. InputError for another quantization if
    the size of that or of the present one is not known.
    """
    lm, codec, files = manifest.language_model, manifest.codec, manifest.files
    memory, weights = engine_of(manifest).memory, weight_bytes(manifest)
    if quantization is not None:
        now = present or _known_bits(manifest, lm.quantization)
        weights = round(weights * _known_bits(manifest, quantization) / now)
    return MemoryEstimate(
        weights=weights,
        packed=round(memory.repacked_share(quantization or lm.quantization) * weights),
        cache=answers * cache_bytes(manifest, context or lm.context),
        codec=sum(files[name].bytes for name in (codec.decoder, codec.codebooks)),
        words=TOKENIZER_EXPANSION * files[manifest.tokenizer.file].bytes,
        vision=files[lm.mmproj].bytes if lm.mmproj else 0,
        program=BASE_PROGRAM_BYTES + memory.program_bytes,
    )


def weight_bytes(manifest: Manifest) -> int:
    """Bytes of the language model's own files: those that no other part of the manifest names."""
    codec = manifest.codec
    others = {
        manifest.tokenizer.file,
        codec.decoder,
        codec.codebooks,
        codec.mean,
        codec.std,
        manifest.language_model.mmproj,
        "parity.json",
        "parity.svg",
    }
    return sum(info.bytes for name, info in manifest.files.items() if name not in others)


def cache_bytes(manifest: Manifest, context: int) -> int:
    """Bytes of the keys and values of so many tokens."""
    lm = manifest.language_model
    number = 4 if engine_of(manifest).memory.has_float_cache(lm.quantization) else 2
    return 2 * number * lm.layers * context * lm.kv_heads * lm.head_dim


def quantization_bits(manifest: Manifest, quantization: str) -> float | None:
    """Bits of a weight in a quantization of the bundle's engine; None if it is not known."""
    return bits_per_weight(quantization, engine_of(manifest).bits)


def _known_bits(manifest: Manifest, quantization: str) -> float:
    found = quantization_bits(manifest, quantization)
    if found is None:
        raise InputError(f"expected a quantization whose size is known, got {quantization!r}")
    return found


def room_for_context(manifest: Manifest, room: int) -> int:
    """Tokens whose cache fits into so many bytes beside everything else; 0 if not one does."""
    least = estimate_memory(manifest, context=1).needed(images=fits_with_images(manifest, room))
    return max(0, (room - least) // max(1, cache_bytes(manifest, 1)) + 1)


def quantizations_that_fit(
    manifest: Manifest, room: int, present: float | None = None
) -> list[tuple[str, int]]:
    """Quantizations of this engine that fit at the same context, the finest first, with bytes.

    Empty if the size of the bundle's own quantization is not known.
    """
    lm = manifest.language_model
    if present is None and quantization_bits(manifest, lm.quantization) is None:
        return []
    images, found = fits_with_images(manifest, room), []
    for name in engine_of(manifest).offered(lm):
        estimate = estimate_memory(manifest, quantization=name, present=present)
        found.append((name, estimate.needed(images=images)))
    return [(name, total) for name, total in found if total <= room]


def fits_with_images(manifest: Manifest, room: int) -> bool:
    """Tell whether the bundle fits as it is, vision tower included."""
    return estimate_memory(manifest).total <= room


def parse_size(text: str) -> int:
    """Bytes of a size such as 8GB, 7.5 GiB or 900M. InputError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", text.lower())
    if not found or found[2] not in _UNITS or float(found[1]) <= 0:
        raise InputError(f"--fit: expected a size such as 8GB or 7500MB, got {text!r}")
    if not found[2] and not text.strip().lower().endswith("b"):
        raise InputError(
            f"--fit: expected a unit, as in {found[1]}GB or {found[1]}MB, got {text!r}"
        )
    return round(float(found[1]) * _UNITS[found[2]])
