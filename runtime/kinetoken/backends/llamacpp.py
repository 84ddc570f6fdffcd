"""llama.cpp through llama-cpp-python's low-level functions; the only file that knows it.

The wrapper's own classes copy all logits for every token and cannot run twice at once. Here a run is one llama context: tokens in,
and a view of the allowed logits out.
"""

from __future__ import annotations

import ctypes
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..engines import Allowed, take
from ..errors import EngineError, MissingPackageError
from ..manifest import LanguageModelInfo
from .gguf_header import read_metadata
from .threads import available_cores, threads

try:
    import llama_cpp as llama
except ImportError as error:
    raise MissingPackageError("llama-cpp-python", "llama") from error
except (OSError, RuntimeError) as error:  # installed, but its shared library cannot be loaded
    raise EngineError(f"cannot load llama.cpp ({error}): install llama-cpp-python again") from error

ARCHITECTURES: Final = ("qwen2", "qwen2vl")
MOST_THREADS: Final = 8  # a token waits for memory: more threads only wait too
CPU_PIECE: Final = 64  # tokens of a prompt fed at once: between two pieces Ctrl-C is heard
GPU_PIECE: Final = 512
FULL: Final = "f32"  # weights that are not rounded get attention that is not; all others half precision
ERROR: Final = 4  # level of llama.cpp's log

_said: deque[str] = deque(maxlen=16)


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _listen(level: int, text: bytes | None, _: Any) -> None:
    """Keep what went wrong for the error's one line; nothing is printed."""
    if level == ERROR and text and text.strip():
        _said.append(text.decode("utf-8", "replace").strip())


def _hear() -> None:
    """Forget what was said and listen from now on; the module keeps the callback alive, which the library calls for good."""
    _said.clear()
    llama.llama_log_set(_listen, ctypes.c_void_p(0))


_hear()


class LlamaCppLanguageModel:
    """A loaded GGUF; its weights are mapped from the file and shared by all runs."""

    def __init__(
        self, path: Path, info: LanguageModelInfo, thread_count: int | None = None, gpu_layers: int | None = None
    ) -> None:
        """`gpu_layers`: layers on a GPU that llama.cpp was built for; None: all that fit nothing else.

        EngineError where the file is no GGUF of this family, is cut, or differs from the manifest.
        """
        _check_header(path, info)
        self.info = info
        self._threads = threads(thread_count) or min(available_cores(), MOST_THREADS)
        self._model = _Model(path, gpu_layers)
        on_gpu = llama.llama_supports_gpu_offload() and gpu_layers != 0
        self._piece = min(GPU_PIECE if on_gpu else CPU_PIECE, info.context)

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        return self.info.context

    def start(self) -> LlamaCppRun:
        """A new run with its own cache; EngineError where there is no memory for it."""
        return LlamaCppRun(self._model, self.info, self._threads, self._piece)


class _Model:
    """Owns the weights; freed when the last run and the language model are gone."""

    def __init__(self, path: Path, gpu_layers: int | None) -> None:
        params = llama.llama_model_default_params()
        params.load_mode = llama.LLAMA_LOAD_MODE_MMAP
        if gpu_layers is not None:
            params.n_gpu_layers = gpu_layers
        _hear()
        self.pointer = llama.llama_model_load_from_file(str(path).encode(), params)
        if not self.pointer:
            raise EngineError(f"llama.cpp cannot load {path}: {_reason()}; copy or export the bundle again")
        self.vocab_size = int(llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.pointer)))
        weakref.finalize(self, llama.llama_model_free, self.pointer)


class _Context:
    """Owns a cache and the memory that logits are read from; freed when the run and every view of its logits are gone."""

    def __init__(self, model: _Model, info: LanguageModelInfo, thread_count: int, piece: int) -> None:
        params = llama.llama_context_default_params()
        params.n_ctx = info.context
        params.n_batch = params.n_ubatch = piece
        params.n_seq_max = params.n_outputs_max = 1  # logits of one token at a time: no room for a whole prompt's
        params.n_threads = params.n_threads_batch = thread_count
        params.no_perf = True
        if info.quantization == FULL:
            params.type_k = params.type_v = llama.GGML_TYPE_F32
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED  # it rounds to half precision within
        _hear()
        self.pointer = llama.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise EngineError(
                f"llama.cpp cannot make a context of {info.context:,} tokens: {_reason()}; export a smaller --context"
            )
        # The model stands among the arguments so that it outlives the context.
        weakref.finalize(self, _free_context, self.pointer, model)


class LlamaCppRun:
    """One answer: a llama context with its own cache."""

    def __init__(self, model: _Model, info: LanguageModelInfo, thread_count: int, piece: int) -> None:
        self._length, self._limit, self._vocab = 0, info.context, model.vocab_size
        self._tokens = np.zeros(piece, np.int32)
        self._address = self._tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        self._context = _Context(model, info, thread_count, piece)

    @property
    def length(self) -> int:
        """Tokens fed so far."""
        return self._length

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; logits of the allowed next ids. The array is overwritten by the next push."""
        total = self._length + len(ids)
        if not ids or total > self._limit:
            raise EngineError(f"expected 1 to {self._limit} tokens in the context, got {total}; ask for less")
        if min(ids) < 0 or max(ids) >= self._vocab:
            raise EngineError(
                f"expected token ids below {self._vocab}, got {min(ids)} to {max(ids)}; export the bundle again"
            )
        for start in range(0, len(ids), len(self._tokens)):
            self._feed(ids[start : start + len(self._tokens)])
        return take(self._logits(), allowed)

    def _feed(self, ids: Sequence[int]) -> None:
        self._tokens[: len(ids)] = ids
        _said.clear()
        status = llama.llama_decode(self._context.pointer, llama.llama_batch_get_one(self._address, len(ids)))
        if status:
            raise EngineError(f"llama.cpp failed in the language model ({status}): {_reason()}; start a new answer")
        self._length += len(ids)

    def _logits(self) -> NDArray[np.float32]:
        """The last token's logits (vocab,), where llama.cpp keeps them until the next tokens come."""
        pointer = llama.llama_get_logits_ith(self._context.pointer, -1)
        if not pointer:
            raise EngineError(f"llama.cpp gave no logits: {_reason()}; start a new answer")
        buffer: Any = (ctypes.c_float * self._vocab).from_address(ctypes.addressof(pointer.contents))
        buffer.owner = self._context  # a view may outlive the run
        row: NDArray[np.float32] = np.frombuffer(buffer, np.float32)
        return row


def _free_context(context: Any, _: _Model) -> None:
    llama.llama_free(context)


def _reason() -> str:
    return _said[0].splitlines()[0][:300] if _said else "it gives no reason"


def _check_header(path: Path, info: LanguageModelInfo) -> None:
    """EngineError unless the file is the GGUF that the manifest describes: on some others llama.cpp ends the process."""
    try:
        said = read_metadata(path)
        architecture = bytes(said.get("general.architecture", b"")).decode(errors="replace")
        facts = tuple(_facts(said, architecture, info))
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}; export the bundle again") from error
    except ValueError as error:
        raise EngineError(f"{path}: {error}; copy or export the bundle again") from error
    except TypeError as error:  # a list where a number should stand
        raise EngineError(f"{path}: expected a GGUF's own keys, got others; export the bundle again") from error
    if architecture not in ARCHITECTURES:
        known = " or ".join(ARCHITECTURES)
        raise EngineError(f"{path}: expected a model of {known}, got {architecture!r}; export the bundle again")
    for what, expected, got in facts:
        if expected != got:
            raise EngineError(f"{path}: expected {expected:,} {what} as in the manifest, got {got}; export it again")


def _facts(said: Mapping[str, Any], architecture: str, info: LanguageModelInfo) -> Iterator[tuple[str, int, Any]]:
    """What has to agree: its name, the manifest's number, the file's."""
    words = said.get("tokenizer.ggml.tokens", [])
    yield "rows of the vocabulary", info.vocab_size, len(words)
    yield "different tokens", info.vocab_size, len(set(words))
    yield "layers", info.layers, said.get(f"{architecture}.block_count")
    yield "key-value heads", info.kv_heads, said.get(f"{architecture}.attention.head_count_kv")
    width, heads = (said.get(f"{architecture}.{key}") for key in ("embedding_length", "attention.head_count"))
    yield "numbers a head", info.head_dim, width / heads if width and heads else None
    positions = said.get(f"{architecture}.context_length") or 0
    yield "positions", info.context, min(info.context, positions)
