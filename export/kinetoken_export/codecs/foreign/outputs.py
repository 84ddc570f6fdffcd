"""Features in whatever a foreign module returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from kinetoken.motion.features import N_FEATURES


def features_of(out: Any) -> Tensor:
    """The first tensor that holds features, as (1, 263, n); LookupError where there is none."""
    for tensor in _tensors(out):
        whole = tensor[None] if tensor.ndim == 2 else tensor
        if whole.ndim == 3 and whole.shape[0] == 1 and whole.is_floating_point():
            if whole.shape[2] == N_FEATURES:
                return whole.transpose(1, 2)
            if whole.shape[1] == N_FEATURES:
                return whole
    raise LookupError("no features in the output")


def _tensors(out: Any) -> Iterator[Tensor]:
    if isinstance(out, Tensor):
        yield out
    elif isinstance(out, dict):
        yield from _tensors(list(out.values()))
    elif isinstance(out, list | tuple):
        for part in out:
            yield from _tensors(part)
