"""A language model of plain ONNX operators, for providers that lack the fused ones.

Its cache grows as it is fed, and is copied at every token. So it is slower than the fused graph,
the more the longer the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError
from ...manifest.schema import LanguageModelInfo
from ...tokens.allowed_ids import Allowed, take_allowed
from ..run_checks import check_push, check_rewind
from ..saved_state import pack_state, state_array, unpack_state
from .graph_base import GraphLanguageModel, GraphRun, cache_names
from .session import (
    array_type,
    model_run,
    open_ort_session,
    ort_value,
    session_device,
)


class PortableLanguageModel(GraphLanguageModel):
    """A loaded graph with `past_key_values.*` in and `present.*` out."""

    graph_kind = "portable"

    def __init__(
        self,
        path: Path,
        info: LanguageModelInfo,
        thread_count: int | None = None,
        provider: str | None = "cpu",
    ) -> None:
        self.session, self.info = open_ort_session(path, thread_count, provider), info
        self.device = session_device(self.session)
        inputs = {value.name: value for value in self.session.get_inputs()}
        expected = {
            "input_ids",
            "attention_mask",
            "position_ids",
            *cache_names("past_key_values", info.layers),
        }
        if inputs.keys() != expected:
            odd = sorted(inputs.keys() ^ expected)[0]
            raise EngineError(
                f"{path}: input {odd!r} does not match a portable graph of {info.layers} layers"
            )
        if self.session.get_outputs()[0].shape[-1] != info.vocab_size:
            raise EngineError(
                f"{path}: expected logits of {info.vocab_size} ids; export the bundle again"
            )
        self.cache_type = array_type(inputs["past_key_values.0.key"])

    def start(self) -> PortableRun:
        """A new, empty run."""
        return PortableRun(self)


class PortableRun(GraphRun):
    """One answer: its cache goes from one pass to the next without leaving the engine."""

    def __init__(self, model: PortableLanguageModel) -> None:
        self._model, info = model, model.info
        self._pasts = cache_names("past_key_values", info.layers)
        self._presents = cache_names("present", info.layers)
        nothing = np.zeros((1, info.kv_heads, 0, info.head_dim), model.cache_type)
        self._cache: list[Any] = [ort_value(nothing) for _ in self._pasts]

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; returns the logits of the allowed next ids."""
        check_push(len(ids), self._length, self._model.context)
        total = self._length + len(ids)
        feeds = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, total), np.int64),
            "position_ids": np.arange(self._length, total, dtype=np.int64)[None],
        }
        binding = self._model.session.io_binding()
        values = {name: ort_value(array) for name, array in feeds.items()}
        for name, value in (*values.items(), *zip(self._pasts, self._cache, strict=True)):
            binding.bind_ortvalue_input(name, value)
        binding.bind_output("logits")
        for name in self._presents:
            binding.bind_output(name, self._model.device)  # the cache stays where it was computed
        with model_run(len(ids), self._model.device) as options:
            binding.synchronize_inputs()
            self._model.session.run_with_iobinding(binding, options)
            binding.synchronize_outputs()
            logits, *self._cache = binding.get_outputs()
        self._length = total
        row: NDArray[np.float32] = logits.numpy()[0, -1].astype(np.float32, copy=False)
        return take_allowed(row, allowed)

    def rewind(self, length: int) -> None:
        """Forget all but the first tokens."""
        check_rewind(length, self._length)
        self._take_up(length, [value.numpy()[:, :, :length] for value in self._cache])

    def state(self) -> bytes:
        """The cache of the tokens so far."""
        rows = b"".join(value.numpy().tobytes() for value in self._cache)
        return pack_state(self._model.fingerprint, self._length, rows)

    def restore(self, state: bytes) -> None:
        """Take the cache of a state."""
        info, kind = self._model.info, self._model.cache_type
        self._take_up(
            0, [np.zeros((1, info.kv_heads, 0, info.head_dim), kind) for _ in self._pasts]
        )
        length, rest = unpack_state(self._model.fingerprint, state, info.context)
        shape = (len(self._pasts), 1, info.kv_heads, length, info.head_dim)
        self._take_up(length, list(state_array(rest, kind, shape)))

    def _take_up(self, length: int, rows: Sequence[NDArray[Any]]) -> None:
        self._cache = [ort_value(np.ascontiguousarray(row)) for row in rows]
        self._length = length
