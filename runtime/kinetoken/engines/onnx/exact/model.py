"""A bundle's language model, computed so that every machine gets the same tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ....manifest.schema import LanguageModelInfo
from ....tokens.allowed_ids import Allowed, take_allowed
from ...one_at_a_time import SequentialBatch
from ...run_checks import check_ids, check_push, check_rewind
from ...saved_state import exactly_sized, pack_state, unpack_state
from ..graph_base import GraphRun
from ..heads import head_slices
from .arithmetic import Floats, Grid
from .attention import RowCache
from .graph_reader import read_graph
from .program import ExactProgram

_VERSION: Final = 1
"""Of the arithmetic: another one writes other tokens."""
_AT_ONCE: Final = 128  # tokens of a prompt: bounds the memory that attention takes
_WHOLE: Final = np.dtype("<f4")  # holds the integers of a cache
_EXPONENT: Final = np.dtype("<i4")


class ExactLanguageModel:
    """A fused graph in exact arithmetic, on one thread or several: the result is the same."""

    device = "cpu"

    def __init__(self, path: Path, info: LanguageModelInfo) -> None:
        self.info = info
        self.body = ExactProgram(read_graph(path))
        self.heads = [ExactProgram(read_graph(path.parent / head.file)) for head in info.heads]

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        return self.info.context

    @property
    def engine(self) -> str:
        """Name and version of the arithmetic."""
        return f"exact {_VERSION}"

    @property
    def fingerprint(self) -> str:
        """Identity of what a run's state depends on: no engine, but the arithmetic's version."""
        shape = f"{2 * self.info.layers}x{self.info.kv_heads}x{self.info.head_dim}"
        return f"{self.engine} {shape}"

    def start(self) -> ExactRun:
        """A new, empty run."""
        return ExactRun(self)

    def start_batch(self, size: int) -> SequentialBatch:
        """So many runs, one after another."""
        return SequentialBatch(self.start, size)


class ExactRun(GraphRun):
    """One answer: its keys and values."""

    def __init__(self, model: ExactLanguageModel) -> None:
        self._model, info = model, model.info
        self._caches = [(RowCache(info), RowCache(info)) for _ in range(info.layers)]

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; returns the logits of the allowed next ids."""
        check_push(len(ids), self._length, self._model.context)
        check_ids(ids, self._model.info.vocab_size)
        with np.errstate(all="ignore"):  # weights that are no numbers: the sampler takes any logits
            for first in range(0, len(ids), _AT_ONCE):
                out = self._feed(ids[first : first + _AT_ONCE])
            return self._logits(out, allowed)

    def rewind(self, length: int) -> None:
        """Forget all but the first tokens; those that come next overwrite their rows."""
        check_rewind(length, self._length)
        self._length = length

    def state(self) -> bytes:
        """The rows of the cache that have been written."""
        grids = [cache.first(self._length) for pair in self._caches for cache in pair]
        rows = [
            part
            for grid in grids
            for part in (
                grid.whole.astype(_WHOLE).tobytes(),
                grid.exponents.astype(_EXPONENT).tobytes(),
            )
        ]
        return pack_state(self._model.fingerprint, self._length, b"".join(rows))

    def restore(self, state: bytes) -> None:
        """Take the rows of a state."""
        self._length, info = 0, self._model.info
        length, rest = unpack_state(self._model.fingerprint, state, info.context)
        rows = info.kv_heads * length
        sizes = rows * info.head_dim * _WHOLE.itemsize, rows * _EXPONENT.itemsize
        rest = exactly_sized(rest, 2 * info.layers * sum(sizes))
        for number, cache in enumerate(cache for pair in self._caches for cache in pair):
            at = number * sum(sizes)
            whole = np.frombuffer(rest, _WHOLE, rows * info.head_dim, at)
            exponents = np.frombuffer(rest, _EXPONENT, rows, at + sizes[0])
            shape = info.kv_heads, length, -1
            cache.take(Grid(whole.astype(np.float64).reshape(shape), exponents.reshape(shape)))
        self._length = length

    def _feed(self, ids: Sequence[int]) -> Floats:
        """The body's output of the last of some tokens, (1, 1, H) or logits."""
        tokens = np.array([ids], np.int64)
        out = self._model.body.run({"input_ids": tokens}, self._caches, self._length)
        self._length += len(ids)
        return out

    def _logits(self, out: Floats, allowed: Allowed) -> NDArray[np.float32]:
        """The allowed logits, of the heads that they need, each run once."""
        heads: dict[int, NDArray[Any]] = {}
        if not self._model.heads:
            return take_allowed(out[0, 0].astype(np.float32), allowed)
        wanted = head_slices([head.ids for head in self._model.info.heads], allowed)
        for index in {index for index, _ in wanted}:
            heads[index] = self._model.heads[index].run({"hidden": out}, (), 0)[0, 0]
        return np.concatenate([heads[index][part] for index, part in wanted]).astype(np.float32)
