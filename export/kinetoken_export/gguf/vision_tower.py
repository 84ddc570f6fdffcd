"""The vision tower of a Qwen2.5-VL checkpoint as llama.cpp's second GGUF (an mmproj)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import gguf
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType

from kinetoken.base.errors import FormatError, InputError

from ..checkpoint.reference_tower import NORM_EPS, USUAL_STATISTICS, ImageStatistics
from ..checkpoint.tensors import Float32Array, TensorSource, vision_tensors
from .file import PlannedTensor, gguf_file
from .quantizer import GgmlQuantizer
from .recipes import fitting_type

_PRECISIONS: Final = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "bf16": LlamaFileType.MOSTLY_BF16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
}
PATCH_EMBEDDING: Final = "visual.patch_embed.proj.weight"
# what llama.cpp's converter writes where the config names none; images of any size are taken
_IMAGE_SIZE: Final = 560
_Read = Callable[[TensorSource], Float32Array]


@dataclass(frozen=True)
class _TowerTensor:
    """A tensor of the file and the function that reads it."""

    plan: PlannedTensor
    read: _Read


def export_mmproj(
    source: TensorSource,
    path: Path,
    precision: str = "f16",
    *,
    statistics: ImageStatistics = USUAL_STATISTICS,
    name: str = "vision tower",
) -> None:
    """Write the vision tower; matrices in `precision` f32, f16, bf16 or q8_0.

    `statistics`: those that images are normalised with.
    InputError, FormatError or OutputError.
    """
    if precision not in _PRECISIONS:
        raise InputError(f"expected a precision of {', '.join(_PRECISIONS)}, got {precision!r}")
    vision = source.vision_config
    tower = source.architecture.vision
    if not vision or tower is None or not vision_tensors(source):
        raise FormatError(
            "expected a checkpoint with a vision tower, found none: export it without"
        )
    parts = list(_parts(source, vision, GGMLQuantizationType[precision.upper()]))
    writer = GGUFWriter(None, "clip")
    _add_metadata(writer, source, vision, tower.projector)
    numbers = sum(prod(part.plan.dims) for part in parts)
    writer.add_name(name)
    writer.add_size_label(gguf.size_label(numbers, numbers, 0, 0))
    mean, std = statistics
    writer.add_vision_image_mean(mean)
    writer.add_vision_image_std(std)
    writer.add_file_type(_PRECISIONS[precision])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    with (
        GgmlQuantizer() as quantizer,
        gguf_file(path, writer, [part.plan for part in parts], "vision tower") as file,
    ):
        for part in parts:
            values = part.read(source)
            rows = values.reshape(-1, part.plan.dims[-1])
            file.write(part.plan.name, quantizer.rows(rows, part.plan.kind, name=part.plan.name))


def _add_metadata(
    writer: GGUFWriter,
    source: TensorSource,
    vision: Mapping[str, Any],
    projector: str,
) -> None:
    try:
        writer.add_type(gguf.GGUFType.MMPROJ)
        writer.add_clip_has_vision_encoder(True)
        writer.add_vision_projection_dim(source.shape.hidden)
        writer.add_vision_image_size(int(vision.get("image_size", _IMAGE_SIZE)))
        writer.add_vision_patch_size(int(vision["patch_size"]))
        writer.add_vision_embedding_length(int(vision["hidden_size"]))
        writer.add_vision_feed_forward_length(int(vision["intermediate_size"]))
        writer.add_vision_block_count(int(vision["depth"]))
        writer.add_vision_head_count(int(vision["num_heads"]))
        writer.add_clip_projector_type(projector)
        writer.add_vision_use_silu(True)
        writer.add_vision_n_wa_pattern(_window_pattern(vision))
        writer.add_vision_attention_layernorm_eps(NORM_EPS)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"config.json: expected the vision_config of Qwen2.5-VL, got a wrong {error}"
        ) from error


def _window_pattern(vision: Mapping[str, Any]) -> int:
    """The interval between blocks of full attention; llama.cpp knows only a constant one."""
    blocks = [int(i) for i in vision["fullatt_block_indexes"]]
    beat = blocks[0] + 1 if blocks else 0
    if beat < 2 or blocks != list(range(beat - 1, beat * len(blocks), beat)):
        raise FormatError(
            f"expected blocks of full attention at regular intervals, got {blocks}: llama.cpp cannot "
            "run it"
        )
    return beat


def _parts(
    source: TensorSource, vision: Mapping[str, Any], kind: GGMLQuantizationType
) -> Iterator[_TowerTensor]:
    yield from _patch_embedding(source, kind)
    for block in range(int(vision["depth"])):
        stored, name = f"visual.blocks.{block}", f"v.blk.{block}"
        for old, new in (("norm1", "ln1"), ("norm2", "ln2")):
            yield _part(source, f"{stored}.{old}.weight", f"{name}.{new}.weight", kind)
        for suffix in ("weight", "bias"):
            yield from _attention_inputs(source, f"{stored}.attn.qkv.{suffix}", name, suffix, kind)
            for old, new in _MATRICES.items():
                yield _part(source, f"{stored}.{old}.{suffix}", f"{name}.{new}.{suffix}", kind)
    yield _part(source, "visual.merger.ln_q.weight", "v.post_ln.weight", kind)
    for step in ("0", "2"):
        for suffix in ("weight", "bias"):
            yield _part(source, f"visual.merger.mlp.{step}.{suffix}", f"mm.{step}.{suffix}", kind)


_MATRICES: Final = {
    "attn.proj": "attn_out",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def _part(source: TensorSource, stored: str, name: str, kind: GGMLQuantizationType) -> _TowerTensor:
    dims = source.dims(stored)
    return _TowerTensor(PlannedTensor(name, dims, _kind(dims, kind)), lambda s: s.tensor(stored))


def _kind(dims: tuple[int, ...], kind: GGMLQuantizationType) -> GGMLQuantizationType:
    return fitting_type(kind, dims[-1]) if len(dims) > 1 else GGMLQuantizationType.F32


def _attention_inputs(
    source: TensorSource, stored: str, block: str, suffix: str, kind: GGMLQuantizationType
) -> Iterator[_TowerTensor]:
    """Split queries, keys and values, which the checkpoint stacks in one matrix."""
    rows, *rest = source.dims(stored)
    dims = (rows // 3, *rest)
    for index, part in enumerate("qkv"):
        start = index * dims[0]
        plan = PlannedTensor(f"{block}.attn_{part}.{suffix}", dims, _kind(dims, kind))
        yield _TowerTensor(plan, _rows_of(stored, start, start + dims[0]))


def _rows_of(stored: str, start: int, stop: int) -> _Read:
    return lambda source: source.rows(stored, start, stop)


def _patch_embedding(source: TensorSource, kind: GGMLQuantizationType) -> Iterator[_TowerTensor]:
    """Split a convolution over two frames (hidden, 3, 2, 14, 14) into one for each frame."""
    hidden, channels, frames, height, width = source.dims(PATCH_EMBEDDING)
    if frames != 2:
        raise FormatError(
            f"expected a patch embedding over 2 frames, got {frames}: llama.cpp cannot run it"
        )
    narrow = (
        GGMLQuantizationType.F16 if kind == GGMLQuantizationType.F16 else GGMLQuantizationType.F32
    )
    for frame, name in enumerate(("v.patch_embd.weight", "v.patch_embd.weight.1")):
        plan = PlannedTensor(name, (hidden, channels, height, width), narrow)
        yield _TowerTensor(plan, _frame_of_patches(frame))


def _frame_of_patches(frame: int) -> _Read:
    return lambda source: source.tensor(PATCH_EMBEDDING)[:, :, frame]
