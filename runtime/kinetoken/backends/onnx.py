"""ONNX Runtime; the only file that knows it.

The key-value cache of a run is allocated once, `context` tokens long, and bound both as past and as present:
GroupQueryAttention then writes the new rows in place, so a token costs no copy and memory stays flat.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines import Allowed, take
from ..errors import EngineError, InputError, MissingPackageError
from ..manifest import LanguageModelInfo

try:
    import onnxruntime as ort
except ImportError as error:
    raise MissingPackageError("onnxruntime") from error

THREADS_VARIABLE = "KINETOKEN_THREADS"


def threads(given: int | None = None) -> int:
    """Threads of one graph: as given, else from the environment, else 0 for the engine's choice."""
    text = os.environ.get(THREADS_VARIABLE, "") if given is None else str(given)
    if not text:
        return 0
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        where = THREADS_VARIABLE if given is None else "threads"
        raise InputError(f"{where}: expected a number of threads from 1 to 1024, got {text!r}")
    return int(text)


def warn_if_doubled() -> None:
    """onnxruntime and onnxruntime-gpu own the same files: which one runs then is an accident."""
    if all(map(_is_installed, ("onnxruntime", "onnxruntime-gpu"))):
        advice = "pip uninstall -y onnxruntime onnxruntime-gpu, then install the one you want"
        warnings.warn(f"onnxruntime and onnxruntime-gpu are both installed: {advice}", RuntimeWarning, stacklevel=2)


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def open_session(path: Path, thread_count: int | None = None) -> ort.InferenceSession:
    """A session on the CPU; EngineError where the graph cannot be loaded."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads(thread_count)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads would burn the cores that the viewer and the codec need between two tokens.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's exceptions share no public base
        raise EngineError(f"ONNX Runtime cannot load {path}: {_first_line(error)}; export the bundle again") from error


class OnnxSession:
    """A graph with one input and one output: the codec's decoder."""

    def __init__(self, path: Path, thread_count: int | None = None) -> None:
        self._session = open_session(path, thread_count)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise EngineError(f"{path}: expected one input and one output, got {len(inputs)} and {len(outputs)}")
        self._input, self._outputs = inputs[0].name, [outputs[0].name]

    def run(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """One forward pass; EngineError where it fails."""
        try:
            result: NDArray[np.float32] = self._session.run(self._outputs, {self._input: value})[0]
        except Exception as error:
            raise EngineError(f"ONNX Runtime failed in the decoder: {_first_line(error)}") from error
        return result


class OnnxLanguageModel:
    """A loaded language model."""

    def __init__(self, path: Path, info: LanguageModelInfo, thread_count: int | None = None) -> None:
        self.session = open_session(path, thread_count)
        self.info = info
        expected = {"input_ids", "seqlens_k", "total_sequence_length", *cache_names("past_key_values", info.layers)}
        got = {value.name for value in self.session.get_inputs()}
        if got != expected:
            odd = sorted(got ^ expected)[0]
            raise EngineError(f"{path}: input {odd!r} does not match the manifest's {info.layers} layers")

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        return self.info.context

    def start(self) -> OnnxRun:
        """A new run with its own cache."""
        return OnnxRun(self.session, self.info)


class OnnxRun:
    """One answer: the cache, and arrays that the engine reads and writes in place."""

    def __init__(self, session: ort.InferenceSession, info: LanguageModelInfo) -> None:
        self._session, self._context = session, info.context
        self._length = 0
        self._last = np.zeros(1, np.int32)  # seqlens_k: index of the last token
        self._total = np.zeros((), np.int32)
        self._token = np.zeros((1, 1), np.int64)
        self._logits = np.zeros((1, 1, info.vocab_size), np.float32)
        shape = (1, info.kv_heads, info.context, info.head_dim)
        self.cache = [np.zeros(shape, np.float32) for _ in range(2 * info.layers)]
        self._binding = self._bind(info.layers)

    def _bind(self, layers: int) -> Any:
        """Everything but the token ids is bound once. The values share the arrays' memory and keep no copy."""
        binding = self._session.io_binding()
        self._values = [ort.OrtValue.ortvalue_from_numpy(array) for array in self.cache]
        pasts, presents = cache_names("past_key_values", layers), cache_names("present", layers)
        for past, present, value in zip(pasts, presents, self._values, strict=True):
            binding.bind_ortvalue_input(past, value)
            binding.bind_ortvalue_output(present, value)
        self._scalars = [ort.OrtValue.ortvalue_from_numpy(a) for a in (self._last, self._total, self._token)]
        binding.bind_ortvalue_input("seqlens_k", self._scalars[0])
        binding.bind_ortvalue_input("total_sequence_length", self._scalars[1])
        self._row = ort.OrtValue.ortvalue_from_numpy(self._logits)
        binding.bind_ortvalue_output("logits", self._row)
        return binding

    @property
    def length(self) -> int:
        """Tokens fed so far."""
        return self._length

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; logits of the allowed next ids. The array is overwritten by the next push."""
        if not ids or self._length + len(ids) > self._context:
            total = self._length + len(ids)
            raise EngineError(f"expected 1 to {self._context} tokens in the context, got {total}; ask for less")
        if len(ids) == 1:
            self._token[0, 0] = ids[0]
            self._feed(self._scalars[2], 1)
        else:
            self._feed(ort.OrtValue.ortvalue_from_numpy(np.array([ids], np.int64)), len(ids))
        return take(self._logits[0, 0], allowed)

    def _feed(self, tokens: Any, count: int) -> None:
        self._last[0] = self._length + count - 1
        self._total[...] = self._length + count
        self._binding.bind_ortvalue_input("input_ids", tokens)
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise EngineError(f"ONNX Runtime failed in the language model: {_first_line(error)}") from error
        self._length += count


def cache_names(prefix: str, layers: int) -> list[str]:
    """Names of the cache tensors of all layers, keys and values in turn."""
    return [f"{prefix}.{layer}.{part}" for layer in range(layers) for part in ("key", "value")]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
