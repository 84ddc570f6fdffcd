"""A codec through its own code: built, taken apart into codebooks and decoder, and compared with itself on random codes.

Nothing is assumed about the layout. Tables that may be codebooks are guessed from the module, ways from codes to
features are found by trying its methods, and a guess counts only where rows, their sum and the decoder behind it give
the features that the module gives. Parts that are put together because of their names alone come last: between a
quantizer and a decoder there may be a layer that a forward would have shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kinetoken.base.errors import FormatError

from ..files import CodecFiles
from ..source import Array, CodecSource, Codes, normalised_features
from . import forward, probe
from .construct import build
from .probe import Found
from .tables import Tables, find_tables
from .trial_methods import Way, find_ways


def read_foreign_codec(files: CodecFiles, code: Path, base: Mapping[str, Any]) -> CodecSource:
    """The codec; FormatError lists what was found where its picture is another. `base`: fields known before."""
    model = build(files, code)
    tables = find_tables(model, files.settings)
    own, composed = _Ways(model, composed=False), _Ways(model, composed=True)
    found = _found(model, tables, own, composed)
    if found is None:
        raise FormatError(_refusal(code, model, tables, own.names() + composed.names()))
    reference = None if found.way is None else _reference(found.way)
    fields = dict(base) | {"files": (*base["files"], code)}
    source = CodecSource(
        layout="foreign", decoder=found.decoder, codebooks=found.codebooks, stride=found.stride, reference=reference,
        notes=found.notes, **fields,
    )  # fmt: skip
    return _normalised(source) if _denormalises(source, model) else source


def _denormalises(source: CodecSource, model: nn.Module) -> bool:
    """Whether the features come out real already: they hang on a Std that the module holds itself."""
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
    """The codec with its features normalised again, as the other layouts give them."""
    way, note = source.reference, "the module denormalises its features itself; taken back"
    return replace(
        source,
        decoder=_Normalised(
            source.decoder, torch.from_numpy(source.mean), torch.from_numpy(source.std)
        ).eval(),
        reference=None if way is None else lambda codes: (way(codes) - source.mean) / source.std,
        notes=(*source.notes, note),
    )


class _Normalised(nn.Module):
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


class _Ways:
    """Ways from codes to features for each number of levels and codes; searched no further than somebody asks."""

    def __init__(self, model: nn.Module, *, composed: bool) -> None:
        self._model, self._composed = model, composed
        self._known: dict[tuple[int, int], list[Way]] = {}
        self._search: dict[tuple[int, int], Iterator[Way]] = {}

    def of(self, tables: Tables) -> Iterator[Way]:
        """Ways for codes of these tables."""
        size = tables.levels, tables.codes
        known = self._known.setdefault(size, [])
        search = self._search.setdefault(
            size, find_ways(self._model, *size, composed=self._composed)
        )
        yield from known
        for way in search:
            known.append(way)
            yield way

    def names(self) -> list[str]:
        """Of all that were found."""
        return sorted({way.name for known in self._known.values() for way in known})


def _found(model: nn.Module, tables: list[Tables], own: _Ways, composed: _Ways) -> Found | None:
    """The surest explanation first: a method of the module, then its forward, then parts put together by their names."""
    return (
        _by_ways(model, tables, own, measured=False)
        or _by_ways(model, tables, own, measured=True)
        or _by_forward(model, tables)
        or _by_ways(model, tables, composed, measured=False)
        or _by_ways(model, tables, composed, measured=True)
    )


def _by_ways(
    model: nn.Module, tables: list[Tables], ways: _Ways, *, measured: bool
) -> Found | None:
    for guess in tables:
        for way in ways.of(guess):
            if found := probe.take_apart(model, way, guess, measured=measured):
                return found
    return None


def _by_forward(model: nn.Module, tables: list[Tables]) -> Found | None:
    for run, out in forward.find_forwards(model):
        for guess in tables:
            if found := forward.take_apart(model, run, out, guess):
                return found
    return None


def _reference(way: Way) -> Callable[[Codes], Array]:
    @torch.no_grad()
    def decode(codes: Codes) -> Array:
        rows: Array = way.run(torch.from_numpy(codes))[0].T.contiguous().numpy()
        return rows

    return decode


def _refusal(code: Path, model: nn.Module, tables: list[Tables], ways: list[str]) -> str:
    shapes = ", ".join(f"{t.name} {tuple(t.rows.shape)}" for t in tables[:4]) or "no tables"
    return (
        f"{code}: expected a decoder of the sum of one codebook row per level; {type(model).__name__} has {shapes}; "
        f"ways from codes to features: {', '.join(ways[:4]) or 'none'}: give it a method decode_codes(codes (1, n, levels))"
    )
