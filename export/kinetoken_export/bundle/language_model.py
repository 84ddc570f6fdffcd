"""The language model part of a bundle, in the format that was asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kinetoken.base.errors import InputError
from kinetoken.manifest.schema import LanguageModelInfo

from ..checkpoint.motion_tokens import CheckpointVocabulary
from ..checkpoint.special_tokens import SpecialTokens
from ..checkpoint.tensors import Float32Array, TensorSource, expected_tensors, vision_tensors
from ..onnx.recipes import find_onnx_recipe
from .request import MOST_CONTEXT, VISION_QUANT, ExportRequest

_GGUF_FILE: Final = "lm.gguf"
_MMPROJ_FILE: Final = "mmproj.gguf"
_PORTABLE_DEFAULT: Final = "fp32"


def check_quantization(request: ExportRequest) -> str:
    """The quantization's full name, before anything is read.

    InputError for one that does not exist or lacks what it needs.
    """
    if request.format == "gguf":
        from ..gguf.recipes import find_gguf_recipe

        recipe = find_gguf_recipe(request.quant)
        if recipe.needs_importance and request.importance is None:
            raise InputError(
                f"{recipe.name} needs an importance matrix: give --importance own, or a file of "
                "prompts"
            )
        return recipe.name
    if request.graph == "portable":
        return _portable_precision(request.quant)
    return find_onnx_recipe(request.quant).name


def _portable_precision(name: str | None) -> str:
    from ..onnx.portable import PORTABLE_PRECISIONS

    if (name or _PORTABLE_DEFAULT) not in PORTABLE_PRECISIONS:
        raise InputError(
            f"expected a quantization of {', '.join(PORTABLE_PRECISIONS)} for a portable graph, "
            f"got {name!r}"
        )
    return name or _PORTABLE_DEFAULT


def bundle_context(request: ExportRequest, source: TensorSource) -> int:
    """Tokens that the bundle will hold."""
    return request.context or min(MOST_CONTEXT, source.shape.context)


def check_format_computes(request: ExportRequest, source: TensorSource) -> None:
    """InputError for a context that is too long, FormatError for what the format cannot compute."""
    context, limit = bundle_context(request, source), source.shape.context
    if not 1 <= context <= limit:
        raise InputError(
            f"expected a context of 1 to {limit} tokens, got {context}: this model knows no more "
            "positions"
        )
    if request.format == "gguf":
        from ..gguf.language_model import check_llamacpp_computes

        check_llamacpp_computes(source, context)
    elif request.graph == "portable":
        from ..onnx.portable import check_portable_computes

        check_portable_computes(source, context)
    else:
        from ..onnx.language_model import check_onnx_computes

        check_onnx_computes(source, find_onnx_recipe(request.quant))


def bytes_needed(request: ExportRequest, source: TensorSource) -> int:
    """Estimate the disk space that writing the language model takes."""
    tensors = [dims for _, dims in expected_tensors(source.architecture, source.shape)]
    numbers = sum(math.prod(dims) for dims in tensors)
    if request.format == "gguf":
        from ..gguf.recipes import DRAFT_RECIPE

        vision = sum(math.prod(source.dims(name)) for name in vision_tensors(source))
        # A draft for the importance lies there until it is replaced.
        draft = 0 if request.importance is None else gguf_bytes(source, DRAFT_RECIPE)
        return gguf_bytes(source, request.quant) + draft + 2 * vision
    if request.graph == "portable":
        return 3 * 4 * numbers  # the checkpoint as float32, what optimum writes, and the graph
    recipe = find_onnx_recipe(request.quant)
    bits = max(recipe.linear_bits, recipe.text_bits) + recipe.float_bits / recipe.block
    return int(numbers * bits / 8 * 1.1)  # a tenth for matrices that are kept finer


def gguf_bytes(source: TensorSource, quant: str | None) -> int:
    """Bytes of the weights in a GGUF; InputError where the types do not fit the rows."""
    from ..gguf.quantizer import row_bytes
    from ..gguf.recipes import find_gguf_recipe

    recipe, total = find_gguf_recipe(quant), 0
    for name, dims in expected_tensors(source.architecture, source.shape):
        kind = recipe.type_of(
            source.architecture.gguf_tensor(name), source.shape, dims[-1], measured=False
        )
        total += math.prod(dims[:-1]) * row_bytes(kind, dims[-1])
    return total


def write_language_model(
    request: ExportRequest,
    source: TensorSource,
    vocabulary: CheckpointVocabulary,
    template: str | None,
    special: SpecialTokens,
    folder: Path,
    importance: Mapping[str, Float32Array] | None = None,
) -> LanguageModelInfo:
    """Write the language model into `folder` and return its entry in the manifest.

    The folder holds tokenizer.json already.
    """
    context = bundle_context(request, source)
    if request.format == "gguf":
        return _gguf(request, source, vocabulary, template, special, folder, context, importance)
    if request.graph == "portable":
        from ..onnx.portable import export_portable

        return export_portable(source, _portable_precision(request.quant), folder, context=context)
    from ..onnx.language_model import export_language_model

    return export_language_model(
        source, find_onnx_recipe(request.quant), folder, vocabulary.motion, context=context
    )


def _gguf(
    request: ExportRequest,
    source: TensorSource,
    vocabulary: CheckpointVocabulary,
    template: str | None,
    special: SpecialTokens,
    folder: Path,
    context: int,
    importance: Mapping[str, Float32Array] | None,
) -> LanguageModelInfo:
    from ..gguf.language_model import export_gguf
    from ..gguf.recipes import find_gguf_recipe

    recipe, shape = find_gguf_recipe(request.quant), source.shape
    context = export_gguf(
        source,
        folder / "tokenizer.json",
        vocabulary,
        recipe,
        folder / _GGUF_FILE,
        name=request.name,
        chat_template=template,
        importance=importance,
        context=context,
        special=special,
    )
    mmproj = _MMPROJ_FILE if vision_tensors(source) else None
    if mmproj and not (folder / mmproj).exists():
        from ..checkpoint.reference_tower import image_statistics
        from ..gguf.vision_tower import export_mmproj

        precision = request.vision_quant or VISION_QUANT
        statistics = image_statistics(request.model.folder)
        export_mmproj(source, folder / mmproj, precision, statistics=statistics)
    return LanguageModelInfo(
        "llamacpp",
        _GGUF_FILE,
        source.architecture.name,
        shape.layers,
        shape.kv_heads,
        shape.head_dim,
        shape.vocab_size,
        context,
        recipe.name,
        mmproj=mmproj,
    )
