"""Language models on ONNX Runtime.

The key-value cache of a run is allocated once, `context` tokens long, and bound both as past and as
present: GroupQueryAttention then writes new rows in place, so a token costs no copy and memory
stays the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...base.errors import EngineError
from ...manifest.schema import HeadInfo, LanguageModelInfo
from ...tokens.allowed_ids import Allowed, take_allowed
from ..load_options import AUTO_PROVIDER, check_provider
from ..run_checks import check_push, check_rewind
from ..saved_state import pack_state, state_array, unpack_state
from .graph_base import GraphLanguageModel, GraphRun, cache_names
from .heads import HeadSlice, head_slices
from .providers import DeviceBuffer
from .session import (
    OrtSession,
    array_type,
    make_buffer,
    model_run,
    open_ort_session,
    ort_value,
    session_device,
    session_provider,
)

WIDE_HEAD = 8192  # ids from which on a head is worth threads of its own
MOST_SLICES = 256
PROCESSOR = "cpu"
SINGLE_PRECISION = (
    "its attention has half precision only and this bundle is in single; "
    "export it with --quant int4_fp16 or another _fp16"
)
SMALL_INPUTS = ("seqlens_k", "total_sequence_length", "input_ids")


class OnnxLanguageModel(GraphLanguageModel):
    """A loaded language model: one graph to logits, or a body to hidden states and then heads."""

    graph_kind = "fused"

    def __init__(
        self,
        path: Path,
        info: LanguageModelInfo,
        thread_count: int | None = None,
        provider: str | None = "cpu",
    ) -> None:
        self.session, self.info = _open_body(path, thread_count, provider), info
        self.cache_type = _checked_cache_type(path, self.session, info)
        self.output = self.session.get_outputs()[0]
        _check_output(path, self.output, info)
        self.heads = _open_heads(path, info, thread_count, session_provider(self.session))
        if any(session_device(head) != session_device(self.session) for head in self.heads):
            # A head fell back to the processor, with a warning: then all is computed there.
            self.session = open_ort_session(path, thread_count, PROCESSOR)
            self.heads = _open_heads(path, info, thread_count, PROCESSOR)
        self.device = session_device(self.session)
        self._slices: dict[Allowed, tuple[HeadSlice, ...]] = {}

    def start(self) -> OnnxRun:
        """A new run with its own cache."""
        return OnnxRun(self)

    def head_slices(self, allowed: Allowed) -> tuple[HeadSlice, ...]:
        """Slices of heads that give the allowed logits; remembered, as a grammar has few states."""
        found = self._slices.get(allowed)
        if found is None:
            if len(self._slices) >= MOST_SLICES:
                self._slices.clear()
            found = self._slices[allowed] = head_slices(
                [head.ids for head in self.info.heads], allowed
            )
        return found


def _checked_cache_type(
    path: Path, session: OrtSession, info: LanguageModelInfo
) -> type[np.floating[Any]]:
    """The numpy type of keys and values. EngineError if the inputs are not the manifest's."""
    expected = {
        "input_ids",
        "seqlens_k",
        "total_sequence_length",
        *cache_names("past_key_values", info.layers),
    }
    got = {value.name: value for value in session.get_inputs()}
    if got.keys() != expected:
        odd = sorted(got.keys() ^ expected)[0]
        raise EngineError(
            f"{path}: input {odd!r} does not match the manifest's {info.layers} layers; "
            "export the bundle again"
        )
    return array_type(got["past_key_values.0.key"])


def _check_output(path: Path, output: Any, info: LanguageModelInfo) -> None:
    """Raise EngineError unless the graph gives what the manifest says."""
    width = output.shape[-1]
    if not info.heads and output.name == "logits" and width != info.vocab_size:
        raise EngineError(
            f"{path}: expected logits of {info.vocab_size} ids, got {width}; "
            "export the bundle again"
        )
    if output.name != ("hidden" if info.heads else "logits"):
        raise EngineError(
            f"{path}: output {output.name!r} does not match the manifest's "
            f"{len(info.heads)} heads; export the bundle again"
        )


def _open_body(path: Path, thread_count: int | None, provider: str | None) -> OrtSession:
    """The graph that has the cache; "auto" takes CUDA only if it can do all of it."""
    session = open_ort_session(path, thread_count, provider)
    if session_device(session) == PROCESSOR or not _is_single(session):
        return session
    if check_provider(provider) == AUTO_PROVIDER:
        warnings.warn(
            f"CUDA is not used, the processor is: {SINGLE_PRECISION}", RuntimeWarning, stacklevel=1
        )
        return open_ort_session(path, thread_count, PROCESSOR)
    warnings.warn(
        f"CUDA may leave much to the processor: {SINGLE_PRECISION}", RuntimeWarning, stacklevel=1
    )
    return session


def _open_heads(
    path: Path, info: LanguageModelInfo, thread_count: int | None, provider: str
) -> list[OrtSession]:
    return [
        _open_head(path.parent / head.file, head, thread_count, provider) for head in info.heads
    ]


def _is_single(session: OrtSession) -> bool:
    """Tell whether keys and values are kept in single precision."""
    return any(
        array_type(v) is np.float32
        for v in session.get_inputs()
        if v.name.startswith("past_key_values.")
    )


def _open_head(
    path: Path, head: HeadInfo, thread_count: int | None, provider: str | None
) -> OrtSession:
    # A level's head takes microseconds: threads of its own would cost more than they bring.
    session = open_ort_session(
        path, 1 if head.ids[1] - head.ids[0] < WIDE_HEAD else thread_count, provider
    )
    count = head.ids[1] - head.ids[0]
    if session.get_inputs()[0].name != "hidden" or session.get_outputs()[0].shape != [1, 1, count]:
        raise EngineError(
            f"{path}: expected a head from the hidden state to {count} logits; "
            "export the bundle again"
        )
    return session


class OnnxRun(GraphRun):
    """One answer: its cache, and arrays that the engine reads and writes in place."""

    def __init__(self, model: OnnxLanguageModel) -> None:
        self._model, info = model, model.info
        self._session, self._context = model.session, info.context
        self._last = np.zeros(1, np.int32)  # seqlens_k: index of the last token
        self._total = np.zeros((), np.int32)
        self._token = np.zeros((1, 1), np.int64)
        # (1, 1, vocab) logits, or the (1, 1, H) hidden state that heads are run on
        self._row = self._buffer(
            model.output.shape, array_type(model.output), card=bool(model.heads)
        )
        shape = (1, info.kv_heads, info.context, info.head_dim)
        self._cache = [
            self._buffer(shape, model.cache_type, card=True) for _ in range(2 * info.layers)
        ]
        self._heads: dict[int, _HeadRun] = {}
        self._binding = self._bind(info.layers)

    def _bind(self, layers: int) -> Any:
        """Bind once what is large. The values share the arrays' memory and keep no copy."""
        binding = self._session.io_binding()
        self._values = [buffer.value for buffer in self._cache]
        pasts, presents = cache_names("past_key_values", layers), cache_names("present", layers)
        for past, present, value in zip(pasts, presents, self._values, strict=True):
            binding.bind_ortvalue_input(past, value)
            binding.bind_ortvalue_output(present, value)
        self._scalars = [ort_value(a) for a in (self._last, self._total, self._token)]
        binding.bind_ortvalue_output(self._model.output.name, self._row.value)
        return binding

    def _buffer(
        self, shape: Sequence[int], kind: type[np.floating[Any]], card: bool
    ) -> DeviceBuffer:
        """Numbers that stay on the graphics card, if there is one, or are read here every time."""
        return make_buffer(shape, kind, self._model.device if card else "cpu")

    @property
    def cache(self) -> list[NDArray[Any]]:
        """Keys and values of all layers, (1, kv_heads, context, head_dim) each.

        A copy if they are on a graphics card.
        """
        return [buffer.read() for buffer in self._cache]

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; returns the logits of the allowed next ids.

        The next push overwrites the array.
        """
        check_push(len(ids), self._length, self._context)
        if len(ids) == 1:
            self._token[0, 0] = ids[0]
            self._feed(self._scalars[2], 1)
        else:
            self._feed(ort_value(np.array([ids], np.int64)), len(ids))
        return (
            self._from_heads(allowed)
            if self._model.heads
            else take_allowed(self._row.read()[0, 0], allowed)
        )

    def rewind(self, length: int) -> None:
        """Forget all but the first tokens; those that come next overwrite their rows."""
        check_rewind(length, self._length)
        self._length = length

    def state(self) -> bytes:
        """The rows of the cache that have been written."""
        rows = b"".join(array[:, :, : self._length].tobytes() for array in self.cache)
        return pack_state(self._model.fingerprint, self._length, rows)

    def restore(self, state: bytes) -> None:
        """Take the rows of a state."""
        self._length, info = 0, self._model.info
        length, rest = unpack_state(self._model.fingerprint, state, self._context)
        shape = (len(self._cache), 1, info.kv_heads, length, info.head_dim)
        for buffer, row in zip(
            self._cache, state_array(rest, self._model.cache_type, shape), strict=True
        ):
            array = buffer.read()
            array[:, :, :length] = row
            buffer.write(array)
        self._length = length

    def _feed(self, tokens: Any, count: int) -> None:
        self._last[0] = self._length + count - 1
        self._total[...] = self._length + count
        # Bound anew at every token: on a graphics card binding is what copies them there.
        for name, value in zip(SMALL_INPUTS, (*self._scalars[:2], tokens), strict=True):
            self._binding.bind_ortvalue_input(name, value)
        with model_run(count, self._model.device) as options:
            self._binding.synchronize_inputs()
            self._session.run_with_iobinding(self._binding, options)
            self._binding.synchronize_outputs()
        self._length += count

    def _from_heads(self, allowed: Allowed) -> NDArray[np.float32]:
        """Run the heads that the allowed ids need, each once."""
        wanted = self._model.head_slices(allowed)
        rows = {index: self._head(index).run() for index in {index for index, _ in wanted}}
        parts = [rows[index][part] for index, part in wanted]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _head(self, index: int) -> _HeadRun:
        if index not in self._heads:
            first, stop = self._model.info.heads[index].ids
            self._heads[index] = _HeadRun(self._model.heads[index], self._row.value, stop - first)
        return self._heads[index]


class _HeadRun:
    """A head, bound to one run's hidden state and to a row of logits of its own."""

    def __init__(self, session: OrtSession, hidden: Any, count: int) -> None:
        self._session, self._logits = session, np.zeros((1, 1, count), np.float32)
        self._device = session_device(session)
        self._value = ort_value(self._logits)
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input("hidden", hidden)
        self._binding.bind_ortvalue_output("logits", self._value)

    def run(self) -> NDArray[np.float32]:
        """The logits of the head's ids, which the next run overwrites."""
        with model_run(1, self._device) as options:
            self._session.run_with_iobinding(self._binding, options)
        row: NDArray[np.float32] = self._logits[0, 0]
        return row
