"""A checkpoint's language model as GGUF, quantized tensor by tensor with one in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import log, prod
from pathlib import Path
from typing import Final

import gguf
import numpy as np
from gguf import GGUFWriter

from kinetoken.base.errors import FormatError, InputError

from ..checkpoint.config.rope import Rope
from ..checkpoint.motion_tokens import CheckpointVocabulary
from ..checkpoint.special_tokens import SpecialTokens, known_special_tokens
from ..checkpoint.tensors import Float32Array, TensorSource, expected_tensors, norm_gain, row_chunks
from .file import GgufFile, PlannedTensor, gguf_file
from .quantizer import GgmlQuantizer
from .recipes import GgufRecipe
from .tokenizer import add_vocabulary, read_gguf_vocabulary

_MROPE_AXES: Final = 4  # llama.cpp keeps a fourth section, unused here

_SCALING: Final = {"linear": gguf.RopeScalingType.LINEAR, "yarn": gguf.RopeScalingType.YARN}
"""Kinds of positions that llama.cpp computes from metadata, beside the default."""
_FREE_FORM: Final = ("llama3", "longrope")
"""Kinds of positions that a tensor of divisors tells."""
_WITH_ROPE_TENSOR: Final = ("llama",)
"""Architectures whose tensor of divisors llama.cpp reads."""
_ROPE_TENSOR: Final = "rope_freqs.weight"
_PAIRED: Final = re.compile(r"\.attn_[qk]\.")
"""Parts whose rows are turned by pairs."""
_NO_SOFTCAP: Final = 1e9
"""So wide a cap bends no score and no logit by a bit."""
_LARGEST_GEMMA: Final = (46, 62)
"""Layers of Gemma 2 27B and Gemma 3 27B."""
_LOCAL_THETA: Final = 10000.0
"""Base of the wavelengths in llama.cpp's layers with a window."""


def export_gguf(
    source: TensorSource,
    tokenizer: Path,
    vocabulary: CheckpointVocabulary,
    recipe: GgufRecipe,
    path: Path,
    *,
    name: str,
    chat_template: str | None,
    importance: Mapping[str, Float32Array] | None = None,
    context: int | None = None,
    special: SpecialTokens | None = None,
) -> int:
    """Write the GGUF to `path` and return its context in tokens.

    `tokenizer` is a tokenizer.json. `importance` maps llama.cpp's tensor names to one number a
    column (n_in,). `special`: None: those of known families. InputError,
    FormatError, OutputError or MissingPackageError say what is wrong.
    """
    limit = source.shape.context
    context = limit if context is None else context
    if not 1 <= context <= limit:
        raise InputError(
            f"expected a context of 1 to {limit} tokens, got {context}: this model knows no more "
            "positions"
        )
    check_llamacpp_computes(source, context)
    if recipe.needs_importance and importance is None:
        raise InputError(
            f"{recipe.name} needs an importance matrix: give one, or choose another quantization"
        )
    plan = list(_plan(source, recipe, measured=importance is not None))
    _check_importance(plan, importance)
    writer = GGUFWriter(None, source.architecture.gguf)
    _add_model(writer, source, recipe, name)
    add_vocabulary(writer, read_gguf_vocabulary(tokenizer, vocabulary, source.shape.vocab_size))
    _add_special(writer, special or known_special_tokens(vocabulary.added), vocabulary.added)
    if chat_template:
        writer.add_chat_template(chat_template)
    with (
        GgmlQuantizer() as quantizer,
        gguf_file(path, writer, [tensor for _, tensor in plan], "language model") as file,
    ):
        for stored, tensor in plan:
            _write(file, quantizer, source, stored, tensor, (importance or {}).get(tensor.name))
    return context


def check_llamacpp_computes(source: TensorSource, context: int) -> None:
    """FormatError for what llama.cpp does not compute as the checkpoint asks."""
    shape, entry = source.shape, source.architecture
    rope, window = shape.rope, shape.smallest_window(context)
    by_tensor = _FREE_FORM if entry.gguf in _WITH_ROPE_TENSOR else ()
    if rope.kind not in ("default", *_SCALING, *by_tensor):
        raise FormatError(
            f"positions of type {rope.kind!r} are not computed by llama.cpp for {entry.name}: "
            "give --format onnx"
        )
    if (rope.beta_fast, rope.beta_slow, rope.truncate) != (32, 1, True):
        raise FormatError(
            "expected yarn with beta_fast 32, beta_slow 1 and truncate, which is what llama.cpp "
            "computes, got "
            f"{rope.beta_fast:g}, {rope.beta_slow:g} and {rope.truncate}: give --format onnx"
        )
    if entry.gguf_heads_fill_width and shape.head_dim * shape.heads != shape.hidden:
        raise FormatError(
            f"{shape.heads} heads of {shape.head_dim} with a width of {shape.hidden} are not "
            f"computed by llama.cpp for {entry.name}: give --format onnx"
        )
    if entry.gguf_tied and not shape.tied:
        raise FormatError(
            f"a head of its own is not computed by llama.cpp for {entry.name}: give --format onnx"
        )
    if entry.gguf_window_pattern:
        _check_gemma(source)
    elif window is not None:
        raise FormatError(
            f"a sliding window of {window} tokens is not computed by llama.cpp for {entry.name}: "
            f"give --context {window}, which it does not affect, or --format onnx"
        )


def _check_gemma(source: TensorSource) -> None:
    """FormatError where layers or scores differ from the rules that llama.cpp has built in."""
    shape, every = source.shape, source.architecture.gguf_window_pattern
    sliding = [window is not None for window in shape.windows]
    if sliding != [bool((layer + 1) % every) for layer in range(shape.layers)]:
        raise FormatError(
            f"layer_types other than every {every}. full_attention are not computed by llama.cpp: "
            "give --format onnx"
        )
    # llama.cpp takes the largest models, which it knows by their layers, by another rule.
    width = shape.hidden / shape.heads if shape.layers in _LARGEST_GEMMA else shape.head_dim
    if shape.query_width not in (0, width):
        raise FormatError(
            f"query_pre_attn_scalar {shape.query_width:g} is not computed by llama.cpp, only "
            f"{width:g} is: give --format onnx"
        )
    if shape.local_rope is not None and shape.local_rope.theta != _LOCAL_THETA:
        raise FormatError(
            f"rope_local_base_freq {shape.local_rope.theta:g} is not computed by llama.cpp, only "
            f"{_LOCAL_THETA:g} is: give --format onnx"
        )


def _plan(
    source: TensorSource, recipe: GgufRecipe, *, measured: bool
) -> Iterator[tuple[str, PlannedTensor]]:
    """Pair each tensor's name in the checkpoint with the tensor that it becomes."""
    if source.shape.rope.kind in _FREE_FORM:
        half = (source.shape.head_dim // 2,)
        yield _ROPE_TENSOR, PlannedTensor(_ROPE_TENSOR, half, gguf.GGMLQuantizationType.F32)
    for stored, dims in expected_tensors(source.architecture, source.shape):
        name = source.architecture.gguf_tensor(stored)
        yield (
            stored,
            PlannedTensor(
                name, dims, recipe.type_of(name, source.shape, dims[-1], measured=measured)
            ),
        )


def _check_importance(
    plan: list[tuple[str, PlannedTensor]], importance: Mapping[str, Float32Array] | None
) -> None:
    """Refuse an importance that lacks a matrix of a layer; embedding and head need none."""
    names = [
        tensor.name for _, tensor in plan if tensor.name.startswith("blk.") and len(tensor.dims) > 1
    ]
    lacking = next(
        (name for name in names if importance is not None and name not in importance), None
    )
    if lacking:
        raise InputError(
            f"expected the importance of {lacking}, found none: it was measured on another model"
        )


def _write(
    file: GgufFile,
    quantizer: GgmlQuantizer,
    source: TensorSource,
    stored: str,
    tensor: PlannedTensor,
    importance: Float32Array | None,
) -> None:
    if len(tensor.dims) == 1:
        values = _vector(source, stored, tensor.name)
        file.write(tensor.name, np.ascontiguousarray(values, np.float32).view(np.uint8))
        return
    turned = source.architecture.interleaved_in_gguf and _PAIRED.search(tensor.name)
    if turned:
        whole = _interleaved(source.tensor(stored), source.shape.head_dim)
    for start, stop in row_chunks(*tensor.dims):
        rows = whole[start:stop] if turned else source.rows(stored, start, stop)
        file.write(tensor.name, quantizer.rows(rows, tensor.kind, importance, name=stored))


def _vector(source: TensorSource, stored: str, name: str) -> Float32Array:
    """The numbers of a tensor with one axis."""
    if name == _ROPE_TENSOR:
        rope, width = source.shape.rope, source.shape.head_dim
        plain = replace(rope, kind="default").frequencies(width)
        return np.asarray(plain / rope.frequencies(width), np.float32)
    if name.endswith("norm.weight"):
        return norm_gain(source, stored)
    values = source.tensor(stored)
    turned = source.architecture.interleaved_in_gguf and _PAIRED.search(name)
    return _interleaved(values, source.shape.head_dim) if turned else values


def _interleaved(values: Float32Array, head_dim: int) -> Float32Array:
    """Rows of every head from (0, 1, ..., h, h + 1, ...) to (0, h, 1, h + 1, ...)."""
    halves = values.reshape(-1, 2, head_dim // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def _add_model(writer: GGUFWriter, source: TensorSource, recipe: GgufRecipe, name: str) -> None:
    shape = source.shape
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_size_label(_size_label(source))
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.intermediate)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    if shape.head_dim * shape.heads != shape.hidden:
        writer.add_key_length(shape.head_dim)
        writer.add_value_length(shape.head_dim)
    _add_rope(writer, shape.rope)
    _add_attention(writer, source)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_file_type(recipe.file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_rope(writer: GGUFWriter, rope: Rope) -> None:
    if rope.sections:
        sections = [*rope.sections, *[0] * _MROPE_AXES]
        writer.add_rope_dimension_sections(sections[:_MROPE_AXES])
    writer.add_rope_freq_base(rope.theta)
    if rope.kind in _SCALING:
        writer.add_rope_scaling_type(_SCALING[rope.kind])
        writer.add_rope_scaling_factor(rope.factor)
    if rope.kind in _FREE_FORM and rope.attention_factor != 1:
        writer.add_rope_scaling_attn_factors(rope.attention_factor)
    if rope.kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope.original_context)
        # llama.cpp multiplies this by the paper's own factor.
        usual = 1 + 0.1 * log(max(rope.factor, 1))
        writer.add_rope_scaling_attn_factors(rope.attention_factor / usual)


def _add_attention(writer: GGUFWriter, source: TensorSource) -> None:
    """What differs from the plainest attention."""
    shape, entry = source.shape, source.architecture
    if entry.gguf in _WITH_ROPE_TENSOR:
        writer.add_rope_dimension_count(shape.head_dim)
    if entry.gguf_window_pattern:
        writer.add_sliding_window(next(window for window in shape.windows if window is not None))
    none = _NO_SOFTCAP if entry.gguf_softcaps else 0.0
    if shape.attention_softcap or none:
        writer.add_attn_logit_softcapping(shape.attention_softcap or none)
    if shape.logit_softcap or none:
        writer.add_final_logit_softcapping(shape.logit_softcap or none)


def _size_label(source: TensorSource) -> str:
    total = sum(prod(dims) for _, dims in expected_tensors(source.architecture, source.shape))
    return str(gguf.size_label(total, total, 0, 0))


def _add_special(writer: GGUFWriter, special: SpecialTokens, added: Mapping[str, int]) -> None:
    """Write the ids of the tokens that begin, end and pad."""
    for token, add in (
        (next(iter(special.ends), None), writer.add_eos_token_id),
        (special.pad, writer.add_pad_token_id),
        (special.begin, writer.add_bos_token_id),
    ):
        if token is not None and token in added:
            add(added[token])
