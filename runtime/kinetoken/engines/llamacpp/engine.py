"""llama.cpp as an engine: how it loads a model, and what is known of it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ...manifest.schema import LanguageModelInfo, Manifest
from ...tokens.tokenizer import Tokenizer
from ..engine import Engine, EngineMemory, LoadedModel
from ..load_options import LoadOptions
from ..protocols import LanguageModel
from ..quantization import MOTION_ROWS
from ..threads import usual_threads
from .bindings.packages import find_llama_package
from .bindings.processor import missing_kernels
from .gguf_check import checked_header, checked_tower
from .gguf_header import TensorPlace, read_header
from .narrow_head import FULL_HEAD, HEAD_TENSORS, SLICED_HEAD, WORTH_BYTES, wanted_head

GGUF_BITS: Final = {
    "f32": 32.0, "f16": 16.0, "bf16": 16.0, "q8_0": 8.5, "q6_k": 6.6, "q5_1": 6.1, "q5_k_m": 5.8,
    "q5_k_s": 5.6, "q5_0": 5.6, "q4_1": 5.2, "q4_k_m": 5.0, "q4_k_s": 4.7, "q4_0": 4.7,
    "iq4_nl": 4.75, "iq4_xs": 4.5, "q3_k_l": 4.4, "q3_k_m": 4.1, "q3_k_s": 3.8, "iq3_m": 3.85,
    "iq3_s": 3.8, "iq3_xs": 3.6, "q2_k": 3.3, "iq3_xxs": 3.3, "q2_k_s": 3.1, "iq2_m": 2.95,
    "iq2_s": 2.75, "iq2_xs": 2.7, "iq2_xxs": 2.45, "iq1_m": 2.2, "iq1_s": 2.05,
}  # fmt: skip
"""Counted on a 3B."""
PROGRAM_BYTES: Final = 60_000_000
"""llama.cpp and the memory that it computes in: 39 MiB of it at 3B."""
OFFERED: Final = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_k_s", "q3_k_m", "q2_k")


def _load(
    folder: Path, manifest: Manifest, options: LoadOptions, tokenizer: Tokenizer
) -> LoadedModel:
    from .model import LlamaCppLanguageModel

    info = manifest.language_model
    model = LlamaCppLanguageModel(
        folder / info.file, info, options.threads, options.gpu_layers, manifest.motion
    )
    if info.mmproj is None:
        return LoadedModel(model)
    tower = model.vision(folder / info.mmproj, manifest.files[info.mmproj].sha256)
    return LoadedModel(model, tower)


def _check_files(folder: Path, manifest: Manifest) -> None:
    """The headers are those of the manifest's model, and llama.cpp takes what they say."""
    info = manifest.language_model
    checked_header(folder / info.file, info, manifest.motion)
    if info.mmproj is not None:
        checked_tower(folder / info.mmproj)


def _unread_bytes(folder: Path, manifest: Manifest, model: LanguageModel) -> int:
    """Bytes of the head's rows that are left out, and of an embedding of its own."""
    info = manifest.language_model
    with contextlib.suppress(OSError, ValueError):
        size = manifest.files[info.file].bytes
        return unread_bytes(folder / info.file, size, on_card=model.device != "cpu")
    return 0


def unread_bytes(path: Path, size: int, *, on_card: bool) -> int:
    """Bytes of a GGUF that no token inside a block reads."""
    tensors = read_header(path).tensors
    head, embedding = (tensors.get(name) for name in HEAD_TENSORS)
    apart = 0 if head is None or embedding is None else _bytes(embedding, tensors, size)
    place = head or embedding
    if place is None or len(place.dims) != 2:
        return apart
    whole, wanted = _bytes(place, tensors, size), wanted_head()
    sliced = wanted != FULL_HEAD and (
        wanted == SLICED_HEAD or (not on_card and whole >= WORTH_BYTES)
    )
    rows = place.dims[1]
    return apart + (round(whole * max(0, rows - MOTION_ROWS) / rows) if sliced else 0)


def _bytes(place: TensorPlace, tensors: Mapping[str, TensorPlace], size: int) -> int:
    """Bytes up to the next tensor, or to the end of the file."""
    behind = (other.offset for other in tensors.values() if other.offset > place.offset)
    return min(behind, default=size) - place.offset


def _file_bits(folder: Path, manifest: Manifest) -> float | None:
    """Bits of a weight in the bundle itself: bytes over numbers."""
    info = manifest.language_model
    with contextlib.suppress(OSError, ValueError):
        tensors = read_header(folder / info.file).tensors
        numbers = sum(math.prod(place.dims) for place in tensors.values())
        return 8 * manifest.files[info.file].bytes / numbers if numbers else None
    return None


def _program() -> str:
    package = find_llama_package()
    return f"llama.cpp in {package}" if package else "llama.cpp, which is not installed"


def _missing_kernels() -> tuple[str, ...]:
    from .library import system_info

    return missing_kernels(system_info())


def _offered(info: LanguageModelInfo) -> tuple[str, ...]:
    return OFFERED


LLAMACPP: Final = Engine(
    "llamacpp",
    _load,
    check_files=_check_files,
    reads=frozenset({"gpu_layers"}),
    bits=GGUF_BITS,
    offered=_offered,
    # benchmarks/results/quantizations.md, real_time_3b.md
    faster=("f32", "f16", "q8_0", "q4_k_m", "q4_k_s"),
    memory=EngineMemory(PROGRAM_BYTES, has_float_cache=lambda quantization: quantization == "f32"),
    usual_threads=usual_threads,
    unread_bytes=_unread_bytes,
    program=_program,
    missing_kernels=_missing_kernels,
    file_bits=_file_bits,
)
