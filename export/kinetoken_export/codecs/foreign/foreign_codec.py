"""A codec through its own rvq_model.py: built, cut into codebooks and decoder, and checked.

Nothing is assumed about the layout. First the forward pass is watched for sums of codebook rows,
then a method that decodes codes; a method without such sums is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kinetoken.base.errors import FormatError

from ..files import CodecFiles
from ..source import ADAPTER_HINT, CodecSource, CodeSize, normalised_features
from .build_module import build_module
from .codebook_tensors import find_codebooks
from .cut_module import CutModule, cut_forward, cut_method
from .methods import decoding_methods, find_decoding_method


def read_foreign_codec(
    files: CodecFiles, code: Path, size: CodeSize, base: Mapping[str, Any]
) -> CodecSource:
    """Read the codec; FormatError lists what was found where nothing decodes codes.

    `base`: the fields that do not depend on the layout.
    """
    model = build_module(files, code, size)
    fields = dict(base) | {"files": (*base["files"], code)}
    source = _by_forward(model, size, fields) or _by_method(model, size, fields)
    if source is None:
        raise FormatError(_refusal(code, model, size))
    return _normalised(source) if _denormalises(source, model) else source


def _by_forward(model: nn.Module, size: CodeSize, fields: Mapping[str, Any]) -> CodecSource | None:
    cut = cut_forward(model, size)
    return None if cut is None else _cut_source(cut, f"{cut.note} of the forward pass", fields)


def _by_method(model: nn.Module, size: CodeSize, fields: Mapping[str, Any]) -> CodecSource | None:
    method = find_decoding_method(model, size)
    if method is None:
        return None
    whole = method.source("foreign", fields, f"codes to features by the method {method.name}")
    cut = cut_method(model, method)
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
    latents = source.codebooks[:, :8].sum(axis=0)
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
    return (
        f"{code}: expected a forward pass that sums one codebook row per level, or a method from "
        f"codes to features; {type(model).__name__} has tables {', '.join(tables) or 'none'} of "
        f"{size.codes} codes and methods {', '.join(methods) or 'none'}: {ADAPTER_HINT}"
    )
