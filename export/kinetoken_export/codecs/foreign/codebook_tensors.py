"""The tensors of a foreign module that may be its codebooks, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ...checkpoint.tensors import Float32Array
from ..source import CodeSize

_LIKELY: Final = ("codebook", "embed", "code", "quant", "centroid")
# Moving averages have the shape of the codebook that they belong to.
_AVERAGES: Final = ("avg", "ema", "cluster", "sum", "count", "usage", "total")
# Layers whose matrices are no tables.
_LAYERS: Final = (
    nn.Linear,
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.MultiheadAttention,
    nn.RNNBase,
)


@dataclass(frozen=True)
class CodebookGuess:
    """Tensors of the right shape."""

    name: str
    """Their common name, a number sign in place of the level."""
    tables: Float32Array
    """(Q, K, D)."""


def find_codebooks(model: nn.Module, size: CodeSize) -> list[CodebookGuess]:
    """Find tables for so many levels and codes; a square one counts both ways round."""
    groups: dict[tuple[str, tuple[int, ...]], list[Tensor]] = {}
    for name, values in _matrices(model):
        groups.setdefault((re.sub(r"\d+", "#", name), tuple(values.shape)), []).append(values)
    guesses = [
        CodebookGuess(name, tables)
        for (name, _), group in groups.items()
        for tables in _oriented(torch.stack(group), size)
    ]
    return sorted(guesses, key=lambda guess: _unlikeliness(guess.name.lower()))


def _matrices(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Matrices by name; a stack of tables counts as its tables."""
    owners = dict(model.named_modules())
    for name, values in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(owners[name.rpartition(".")[0]], _LAYERS) or not values.is_floating_point():
            continue
        table = values.detach().cpu().float()
        if table.ndim == 3:
            yield from ((f"{name}[{level}]", part) for level, part in enumerate(table))
        elif table.ndim == 2 and min(table.shape) > 1:
            yield name, table


def _oriented(group: Tensor, size: CodeSize) -> Iterator[Float32Array]:
    """Tables (Q, K, D) of a group of matrices; one that all levels share is repeated."""
    if len(group) not in (1, size.levels):
        return
    for tables in (group, group.transpose(1, 2)):
        if tables.shape[1] == size.codes:
            rows = np.ascontiguousarray(tables.numpy(), np.float32)
            yield np.repeat(rows, size.levels // len(rows), axis=0)


def _unlikeliness(name: str) -> tuple[bool, bool]:
    return any(word in name for word in _AVERAGES), not any(word in name for word in _LIKELY)
