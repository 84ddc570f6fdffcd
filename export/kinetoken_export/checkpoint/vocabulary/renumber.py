"""A checkpoint whose tokens have other ids: its embedding and head with moved rows, or fewer.

The runtime reads the codes of a level as one slice of the logits, so they have to lie in a row.
Where a checkpoint has them in another order, its rows are moved while exporting, and the tokenizer
is renumbered with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.manifest.architectures import Architecture

from ..model_shape import LanguageModelShape
from ..tensors import Float32Array, TensorSource

_SPAN: Final = 4096  # rows read at once while gathering


@dataclass(frozen=True)
class RenumberedSource:
    """A checkpoint with some or all rows of its embedding and head, in any order."""

    original: TensorSource
    kept: NDArray[np.int64]
    """(n,): the old id of each new id."""

    @property
    def architecture(self) -> Architecture:
        """The original's."""
        return self.original.architecture

    @property
    def shape(self) -> LanguageModelShape:
        """Numbers of the language model, the new size of the vocabulary among them."""
        return replace(self.original.shape, vocab_size=len(self.kept))

    @property
    def config(self) -> Mapping[str, Any]:
        """config.json with the new size and the new ids."""
        numbers = {int(old): new for new, old in enumerate(self.kept)}
        return _renumbered(self.original.config, numbers, len(self.kept))

    @property
    def vision_config(self) -> Mapping[str, Any] | None:
        """The original's."""
        return self.original.vision_config

    def names(self, prefix: str = "") -> list[str]:
        """Names of the tensors that start so."""
        return self.original.names(prefix)

    def has(self, name: str) -> bool:
        """Whether there is such a tensor."""
        return self.original.has(name)

    def dims(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        dims = self.original.dims(name)
        return (len(self.kept), *dims[1:]) if self._per_token(name) else dims

    def tensor(self, name: str) -> Float32Array:
        """A whole tensor as float32."""
        return (
            self.rows(name, 0, len(self.kept))
            if self._per_token(name)
            else self.original.tensor(name)
        )

    def rows(self, name: str, start: int, stop: int) -> Float32Array:
        """Rows [start, stop) of a matrix as float32."""
        if not self._per_token(name):
            return self.original.rows(name, start, stop)
        wanted = self.kept[start:stop]
        order = np.argsort(wanted, kind="stable")
        ids = wanted[order]
        out = np.empty((len(ids), self.original.dims(name)[1]), np.float32)
        for first, last in _spans(ids):
            low = int(ids[first])
            rows = self.original.rows(name, low, int(ids[last - 1]) + 1)
            out[order[first:last]] = rows[ids[first:last] - low]
        return out

    def _per_token(self, name: str) -> bool:
        """Tell whether a matrix has a row for each token."""
        return name in (self.architecture.embedding, self.architecture.head)


def renumbered_source(source: TensorSource, moved: Mapping[int, int]) -> TensorSource:
    """The checkpoint after some tokens `moved` (old id to new id, a permutation)."""
    if not moved:
        return source
    kept = np.arange(source.shape.vocab_size)
    for old, new in moved.items():
        kept[new] = old
    return RenumberedSource(source, kept)


def _spans(ids: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut ascending ids into [first, last) whose rows lie near one another."""
    first = 0
    while first < len(ids):
        last = int(np.searchsorted(ids, ids[first] + _SPAN))
        yield first, last
        first = last


def _renumbered(config: Mapping[str, Any], numbers: Mapping[int, int], size: int) -> dict[str, Any]:
    """A config with new ids and vocabulary size, nested ones too; lost ids become None."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        if key.endswith("_token_id") and isinstance(value, int):
            value = numbers.get(value)
        elif key.endswith("_token_id") and isinstance(value, list):
            value = [numbers[i] for i in value if i in numbers]
        elif isinstance(value, Mapping):
            value = _renumbered(value, numbers, size)
        out[key] = size if key == "vocab_size" else value
    return out
