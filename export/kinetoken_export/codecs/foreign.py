"""A codec through its own code: built, taken apart into codebooks and decoder, and compared with itself on random codes.

Nothing is assumed about the layout. Tables that may be codebooks are guessed from the module, ways from codes to
features are found by trying its methods, and a guess counts only where rows, their sum and the decoder behind it give
the features that the module gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kinetoken.errors import FormatError

from . import forward, probe
from .construct import build
from .files import CodecFiles
from .probe import Found
from .source import Array, CodecSource, Codes
from .tables import Tables, find_tables
from .ways import Way, find_ways


def read(files: CodecFiles, code: Path, base: Mapping[str, Any]) -> CodecSource:
    """The codec; FormatError lists what was found where its picture is another. `base`: fields known before."""
    model = build(files, code)
    tables = find_tables(model, files.settings)
    ways = _ways(model, tables)
    found = _found(model, tables, ways)
    if found is None:
        raise FormatError(_refusal(code, model, tables, ways))
    reference = None if found.way is None else _reference(found.way)
    fields = dict(base) | {"files": (*base["files"], code)}
    return CodecSource(
        layout="foreign", decoder=found.decoder, codebooks=found.codebooks, stride=found.stride, reference=reference,
        notes=found.notes, **fields,
    )  # fmt: skip


def _ways(model: nn.Module, tables: list[Tables]) -> dict[tuple[int, int], list[Way]]:
    """Ways from codes to features for each number of levels and codes that the tables allow."""
    sizes = dict.fromkeys((guess.levels, guess.codes) for guess in tables)
    return {size: list(find_ways(model, *size)) for size in sizes}


def _found(model: nn.Module, tables: list[Tables], ways: Mapping[tuple[int, int], list[Way]]) -> Found | None:
    """The plainest explanation first: rows of the tables, then rows measured, then the module's forward."""
    for measured in (False, True):
        for guess in tables:
            for way in ways[guess.levels, guess.codes]:
                if found := probe.take_apart(model, way, guess, measured=measured):
                    return found
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


def _refusal(code: Path, model: nn.Module, tables: list[Tables], ways: Mapping[tuple[int, int], list[Way]]) -> str:
    shapes = ", ".join(f"{t.name} {tuple(t.rows.shape)}" for t in tables[:4]) or "no tables"
    names = sorted({way.name for found in ways.values() for way in found})
    return (
        f"{code}: expected a decoder of the sum of one codebook row per level; {type(model).__name__} has {shapes}; "
        f"ways from codes to features: {', '.join(names[:4]) or 'none'}: give it a method decode_codes(codes (1, n, levels))"
    )
