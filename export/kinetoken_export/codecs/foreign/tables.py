"""Tables in a foreign module that may be its codebooks, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from ..files import number
from ..source import Array

LEVEL_NAMES: Final = (
    "num_quantizers", "n_quantizers", "num_levels", "n_levels", "levels", "num_codebooks", "n_codebooks", "n_q", "nq",
    "num_q", "rvq_levels", "rvq_layers", "quantizers",
)  # fmt: skip
CODE_NAMES: Final = (
    "num_embeddings", "codebook_size", "nb_code", "num_codes", "n_codes", "codes", "code_num", "n_embed", "num_embed",
    "codes_per_level", "bins", "n_bins", "num_bins",
)  # fmt: skip
LIKELY: Final = ("codebook", "embed", "code", "quant", "centroid")
# Moving averages have the shape of the codebook that they belong to.
AVERAGES: Final = ("avg", "ema", "cluster", "sum", "count", "usage", "total")
# Their matrices are no tables.
LAYERS: Final = (
    nn.Linear,
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.MultiheadAttention,
    nn.RNNBase,
)


@dataclass(frozen=True)
class Tables:
    """One guess at the codebooks."""

    name: str
    """Of the tensors, a number sign for the level."""
    rows: Array
    """(Q, K, D)."""

    @property
    def levels(self) -> int:
        """Q."""
        return len(self.rows)

    @property
    def codes(self) -> int:
        """K."""
        return int(self.rows.shape[1])


def find_tables(model: nn.Module, settings: Mapping[str, Any]) -> list[Tables]:
    """All guesses; a table that is no nn.Embedding counts both ways round."""
    groups: dict[tuple[str, tuple[int, ...]], list[Tensor]] = {}
    for name, values in _candidates(model):
        key = re.sub(r"\d+", "#", name), tuple(values.shape)
        groups.setdefault(key, []).append(values)
    found = [
        guess
        for (name, _), group in groups.items()
        for guess in _guesses(name, group, model, settings)
    ]
    return sorted(found, key=lambda guess: _unlikeliness(guess, settings))


def _candidates(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Matrices by name; a stack of tables counts as its tables."""
    owners = dict(model.named_modules())
    for name, values in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(owners[name.rpartition(".")[0]], LAYERS) or not values.is_floating_point():
            continue
        table = values.detach().cpu().float()
        table = table[0] if table.ndim == 3 and len(table) == 1 else table
        if table.ndim == 3:
            yield from ((f"{name}[{level}]", part) for level, part in enumerate(table))
        elif table.ndim == 2 and min(table.shape) > 1:
            yield name, table


def _guesses(
    name: str, group: list[Tensor], model: nn.Module, settings: Mapping[str, Any]
) -> Iterator[Tables]:
    rows = torch.stack(group).numpy().astype(np.float32)
    turned = np.ascontiguousarray(rows.transpose(0, 2, 1))
    tables = [rows] if _is_embedding(name, model) else [rows, turned]
    levels = number(settings, *LEVEL_NAMES)
    for table in tables:
        yield Tables(name, table)
        if len(table) == 1 and levels and levels > 1:
            yield Tables(f"{name} shared by {levels} levels", np.repeat(table, levels, axis=0))


def _is_embedding(name: str, model: nn.Module) -> bool:
    pattern = re.compile(re.escape(name.rpartition(".")[0]).replace(r"\#", r"\d+") + r"\Z")
    return any(
        isinstance(module, nn.Embedding) and pattern.match(path)
        for path, module in model.named_modules()
    )


def _unlikeliness(guess: Tables, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    name = guess.name.lower()
    levels, codes = number(settings, *LEVEL_NAMES), number(settings, *CODE_NAMES)
    return (
        any(word in name for word in AVERAGES),
        not any(word in name for word in LIKELY),
        levels is not None and guess.levels != levels,
        codes is not None and guess.codes != codes,
        -guess.codes,
    )
