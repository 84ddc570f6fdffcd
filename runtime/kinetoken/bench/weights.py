"""How many bytes of weights a token reads."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..engines.llamacpp.gguf_header import TensorPlace, read_header
from ..engines.llamacpp.narrow_head import FULL, HEADS, SLICE, WORTH_BYTES, wanted_head
from ..engines.protocols import LanguageModel
from ..manifest.memory_estimate import bits, weight_bytes
from ..manifest.schema import Manifest

MOTION_ROWS: Final = 1025
"""Of the head that are allowed inside a block at the most: a level, and the end of the block."""


def read_per_token(folder: Path, manifest: Manifest, model: LanguageModel) -> int:
    """Bytes that a token inside a block reads: all weights, less the head's rows that are left out and an embedding of its own.

    `model` is the bundle's, loaded: where it computes decides what is left out.
    """
    whole, lm = weight_bytes(manifest), manifest.language_model
    if lm.backend != "llamacpp":
        return whole - _rows_left_out(manifest, model)
    with contextlib.suppress(OSError, ValueError):
        return whole - _unread(folder / lm.file, whole, device_of(model) != "cpu")
    return whole


def device_of(model: LanguageModel) -> str:
    """Where a language model computes: "cpu", or the kind of card."""
    return str(getattr(model, "device", "cpu"))


def _rows_left_out(manifest: Manifest, model: LanguageModel) -> int:
    """Bytes of an ONNX model's heads that are not run inside a block. They and the embedding, of which a row is taken, are one."""
    lm, output = manifest.language_model, getattr(model, "output", None)
    if not lm.heads or output is None:
        return 0
    stored = bits(lm.quantization)
    return (
        0
        if stored is None
        else round(max(0, lm.vocab_size - MOTION_ROWS) * output.shape[-1] * stored / 8)
    )


def file_bits(folder: Path, manifest: Manifest) -> float | None:
    """Bits of a weight in the bundle itself: bytes over numbers; None where its file does not tell numbers from bytes."""
    lm = manifest.language_model
    if lm.backend != "llamacpp":
        return None
    with contextlib.suppress(OSError, ValueError):
        numbers = sum(
            math.prod(place.dims) for place in read_header(folder / lm.file).tensors.values()
        )
        return 8 * manifest.files[lm.file].bytes / numbers if numbers else None
    return None


def _unread(path: Path, size: int, on_card: bool) -> int:
    """Bytes of a GGUF that no token inside a block reads."""
    tensors = read_header(path).tensors
    head, embedding = (tensors.get(name) for name in HEADS)
    apart = 0 if head is None or embedding is None else _bytes(embedding, tensors, size)
    place = head or embedding
    if place is None or len(place.dims) != 2:
        return apart
    whole, wanted = _bytes(place, tensors, size), wanted_head()
    sliced = wanted != FULL and (wanted == SLICE or (not on_card and whole >= WORTH_BYTES))
    return apart + (
        round(whole * max(0, place.dims[1] - MOTION_ROWS) / place.dims[1]) if sliced else 0
    )


def _bytes(place: TensorPlace, tensors: Mapping[str, TensorPlace], size: int) -> int:
    """Bytes up to the next tensor, or to the end of the file."""
    return (
        min(
            (other.offset for other in tensors.values() if other.offset > place.offset),
            default=size,
        )
        - place.offset
    )
