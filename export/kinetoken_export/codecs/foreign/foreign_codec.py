"""A codec through its own rvq_model.py: built, cut into codebooks and decoder, and checked.

Nothing is assumed about the layout. First the forward pass is watched for sums of codebook rows,
then a method that decodes codes; a method without such sums is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from kinetoken.base.errors import FormatError

from ..code_function import STRIDES, CodeFunction
from ..files import CodecFiles
from ..source import (
    ADAPTER_HINT,
    CodecSource,
    CodeSize,
    normalised_features,
    random_codes,
    sum_of_rows,
)
from .build_module import build_module
from .codebook_tensors import find_codebooks
from .cut_module import CutModule, cut_forward, cut_method, failing_forward
from .methods import decoding_methods, find_decoding_method

_WINDOWS: Final = (100, 64, 196, 60, 120, 128, 40, 80, 160, 200, 32, 48, 256)
_LONGEST_WINDOW: Final = 1024  # feature frames


def read_foreign_codec(
    files: CodecFiles,
    code: Path,
    size: CodeSize,
    base: Mapping[str, Any],
    window: int | None = None,
) -> CodecSource:
    """Read the codec; FormatError lists what was found where nothing decodes codes.

    `base`: the fields that do not depend on the layout. `window`: feature frames that the codec was
    trained on at once. A module that does not take any number of frames is tried with these, then
    with the usual ones.
    """
    model = build_module(files, code, size)
    source = _by_forward(model, size, base) or _by_method(model, size, base)
    for frames in dict.fromkeys((window, *_usual_windows(model))):
        if source is None and frames is not None:
            source = _by_window(model, size, base, frames)
    if source is None:
        raise FormatError(_refusal(code, model, size))
    return _normalised(source) if _denormalises(source, model) else source


def _usual_windows(model: nn.Module) -> tuple[int, ...]:
    """Feature frames that the module may want: those of its learned positions, then usual ones."""
    tables = [*model.named_parameters(), *model.named_buffers()]
    lengths = {n for name, values in tables if "pos" in name.lower() for n in values.shape if n > 1}
    # A forward pass that fills up and crops takes fewer frames too, and seems to have stride 1.
    likely, last = (
        [n * stride for stride in strides for n in sorted(lengths) if n * stride <= _LONGEST_WINDOW]
        for strides in ((s for s in STRIDES if s > 1), (1,))
    )
    return (*likely, *_WINDOWS, *last)


def _by_window(
    model: nn.Module, size: CodeSize, fields: Mapping[str, Any], frames: int
) -> CodecSource | None:
    """Read a module that takes exactly so many feature frames."""
    if cut := cut_forward(model, size, frames):
        source = _cut_source(cut, f"{cut.note} of the forward pass", fields)
        return replace(source, window=frames // source.stride)
    method = find_decoding_method(model, size, frames)
    if method is None:
        return None
    source = _method_source(model, method, fields, method.frames)
    return replace(source, window=method.frames)


def _by_forward(model: nn.Module, size: CodeSize, fields: Mapping[str, Any]) -> CodecSource | None:
    cut = cut_forward(model, size)
    return None if cut is None else _cut_source(cut, f"{cut.note} of the forward pass", fields)


def _by_method(model: nn.Module, size: CodeSize, fields: Mapping[str, Any]) -> CodecSource | None:
    method = find_decoding_method(model, size)
    if method is None:
        return None
    return _method_source(model, method, fields)


def _method_source(
    model: nn.Module, method: CodeFunction, fields: Mapping[str, Any], frames: int | None = None
) -> CodecSource:
    """Return a method as a codec, cut at its codebooks where it sums their rows."""
    whole = method.source("foreign", fields, f"codes to features by the method {method.name}")
    lengths = () if frames is None else (frames,)
    cut = cut_method(model, method, *lengths) or cut_method(model, method, method.frames)
    if cut is None:
        return whole
    source = _cut_source(cut, f"{cut.note} of the method {method.name}", fields)
    return replace(source, reference=whole.reference)


def _cut_source(cut: CutModule, note: str, fields: Mapping[str, Any]) -> CodecSource:
    return CodecSource(
        layout="foreign", decoder=cut.decoder, codebooks=cut.codebooks, stride=cut.stride,
        notes=(note,), **fields,
    )  # fmt: skip


def _denormalises(source: CodecSource, model: nn.Module) -> bool:
    """Tell whether the features are real ones: they depend on a Std that the module holds."""
    latents = sum_of_rows(random_codes(source, source.window or 8), source.codebooks)
    before = normalised_features(source.decoder, latents)
    for buffer in model.buffers():
        if buffer.numel() == len(source.std) and np.allclose(
            buffer.flatten().numpy(), source.std, rtol=1e-3
        ):
            buffer.mul_(2)
            moved = not np.allclose(normalised_features(source.decoder, latents), before)
            buffer.div_(2)
            if moved:
                return True
    return False


def _normalised(source: CodecSource) -> CodecSource:
    """Return the codec with its features normalised again, as the other layouts give them."""
    real, note = source.reference, "the module denormalises its features itself; taken back"
    mean, std = torch.from_numpy(source.mean), torch.from_numpy(source.std)
    return replace(
        source,
        decoder=_NormalisedDecoder(source.decoder, mean, std).eval(),
        reference=None if real is None else lambda codes: (real(codes) - source.mean) / source.std,
        notes=(*source.notes, note),
    )


class _NormalisedDecoder(nn.Module):
    """Real features (1, 263, n) of a decoder to normalised ones."""

    mean: Tensor
    std: Tensor

    def __init__(self, decoder: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.decoder = decoder
        self.register_buffer("mean", mean[:, None])
        self.register_buffer("std", std[:, None])

    def forward(self, latents: Tensor) -> Tensor:
        out: Tensor = (self.decoder(latents) - self.mean) / self.std
        return out


def _refusal(code: Path, model: nn.Module, size: CodeSize) -> str:
    tables = [f"{t.name} {t.tables.shape}" for t in find_codebooks(model, size)[:4]]
    methods = [name for name, _ in decoding_methods(model)][:4]
    reason = failing_forward(model)
    return (
        f"{code}: expected a forward pass that sums one codebook row per level, or a method from "
        f"codes to features; {f'{reason}; ' if reason else ''}{type(model).__name__} has tables {', '.join(tables) or 'none'} of "
        f"{size.codes} codes and methods {', '.join(methods) or 'none'}: {ADAPTER_HINT}"
    )
