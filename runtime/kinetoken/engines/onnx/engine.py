"""ONNX Runtime as an engine: how it loads a model, and what is known of it."""

from __future__ import annotations

import contextlib
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Final

from ...base.errors import InputError
from ...manifest.schema import LanguageModelInfo, Manifest
from ...tokens.tokenizer import Tokenizer
from ..engine import Engine, EngineMemory, LoadedModel
from ..load_options import LoadOptions
from ..protocols import LanguageModel
from ..quantization import MOTION_ROWS, bits_per_weight
from .graph_files import check_graph_files

ONNX_BITS: Final = {
    "fp32": 32.0,
    "fp16": 16.0,
    "int8": 9.0,
    "int8_fp16": 8.5,
    "int4_mixed": 6.0,
    "int4": 5.0,
    "int4_fp16": 4.5,
}
REPACKED: Final = {
    "fp32": 0.3,
    "fp16": 1.75,
    "int8": 0.5,
    "int8_fp16": 0.7,
    "int4": 0.5,
    "int4_mixed": 0.7,
    "int4_fp16": 1.1,
}
"""Share of the weights that ONNX Runtime takes in addition while it lays them out.

Half precision becomes single for the processor. Peaks measured at 0.5B, int4 at 3B (0.47; its small
fixed part made it 0.69 at 0.5B).
"""
REPACKED_UNKNOWN: Final = 1.0


def _load(
    folder: Path, manifest: Manifest, options: LoadOptions, tokenizer: Tokenizer
) -> LoadedModel:
    from .session import warn_of_two_packages

    _check_files(folder, manifest)
    warn_of_two_packages()
    info = manifest.language_model
    path = folder / info.file
    if options.exact:
        return LoadedModel(_exact_model(path, info))
    if info.graph == "portable":
        from .portable import PortableLanguageModel

        return LoadedModel(PortableLanguageModel(path, info, options.threads, options.provider))
    from .model import OnnxLanguageModel

    return LoadedModel(OnnxLanguageModel(path, info, options.threads, options.provider))


def _exact_model(path: Path, info: LanguageModelInfo) -> LanguageModel:
    from .exact.model import ExactLanguageModel

    if info.graph == "portable":
        raise InputError(
            "exact: expected a fused graph, got a portable one; "
            "export the bundle without --graph portable, or leave exact out"
        )
    return ExactLanguageModel(path, info)


def _check_files(folder: Path, manifest: Manifest) -> None:
    """Every graph reads files of the bundle alone; heads lie beside the model."""
    info = manifest.language_model
    beside = PurePosixPath(info.file).parent
    for name in (info.file, *((beside / head.file).as_posix() for head in info.heads)):
        check_graph_files(folder, name, manifest.files)


def _program() -> str:
    for package in ("onnxruntime", "onnxruntime-gpu"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return f"{package} {metadata.version(package)}"
    return "onnxruntime, which is not installed"


def _offered(info: LanguageModelInfo) -> tuple[str, ...]:
    portable = info.graph == "portable"
    return ("fp32", "fp16", "int8") if portable else ("fp32", "fp16", "int8", "int4")


def _unread_bytes(folder: Path, manifest: Manifest, model: LanguageModel) -> int:
    """Bytes of the heads that are not run inside a block; with the embedding they are one."""
    from .model import OnnxLanguageModel

    info = manifest.language_model
    stored = bits_per_weight(info.quantization, ONNX_BITS)
    if not info.heads or stored is None or not isinstance(model, OnnxLanguageModel):
        return 0
    hidden = int(model.output.shape[-1])
    return round(max(0, info.vocab_size - MOTION_ROWS) * hidden * stored / 8)


ONNX: Final = Engine(
    "onnx",
    _load,
    reads=frozenset({"exact"}),
    bits=ONNX_BITS,
    check_files=_check_files,
    offered=_offered,
    faster=("fp32", "int8", "int4"),  # benchmarks/results/quantizations.md
    memory=EngineMemory(
        repacked_share=lambda quantization: REPACKED.get(quantization, REPACKED_UNKNOWN),
        has_float_cache=lambda quantization: not quantization.endswith("fp16"),
    ),
    unread_bytes=_unread_bytes,
    program=_program,
)
