"""What llama.cpp holds for us: weights, and caches with the memory that logits are read from. Freed with their last user."""

from __future__ import annotations

import ctypes
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...base.errors import EngineError
from ...manifest.schema import LanguageModelInfo
from .adaptive_threads import ThreadChoice
from .library import clear_log, first_error, llama
from .narrow_head import Stopper
from .weights import read_weights

FULL_PRECISION: Final = (
    "f32"  # weights that are not rounded get attention that is not; all others half precision
)


class ModelWeights:
    """Owns the weights; freed when the last run and the language model are gone."""

    def __init__(self, path: Path, gpu_layers: int | None, advice: str) -> None:
        clear_log()
        self.pointer = read_weights(path, gpu_layers)
        if not self.pointer:
            raise EngineError(f"llama.cpp cannot load {path}: {first_error()}; {advice}")
        self.vocab_size = int(llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.pointer)))
        self.embedding = int(llama.llama_model_n_embd(self.pointer))
        weakref.finalize(self, llama.llama_model_free, self.pointer)


@dataclass(frozen=True)
class ContextSettings:
    """How contexts of a model compute."""

    threads: int
    """At the most; of a prompt always."""
    piece: int
    """Tokens at once."""
    on_gpu: bool
    choice: ThreadChoice | None = None
    """Of threads for each token of an answer; None: always all."""


class LlamaContext:
    """Owns a cache and the memory that logits are read from; freed when the run and every view of its logits are gone."""

    def __init__(
        self,
        model: ModelWeights,
        info: LanguageModelInfo,
        settings: ContextSettings,
        stopper: Stopper | None,
        advice: str,
        cells: int,
        size: int = 1,
    ) -> None:
        """`cells`: room for so many tokens, of all `size` sequences together."""
        params = llama.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = max(settings.piece, size)
        params.n_seq_max = params.n_outputs_max = (
            size  # logits of one token each: no room for a whole prompt's
        )
        params.n_threads = params.n_threads_batch = settings.threads
        params.no_perf = True
        if stopper is not None:
            params.cb_eval = ctypes.cast(stopper.callback, llama.ggml_backend_sched_eval_callback)
        if info.quantization == FULL_PRECISION:
            params.type_k = params.type_v = llama.GGML_TYPE_F32
        if info.quantization == FULL_PRECISION or not settings.on_gpu:
            # On the processor it rounds to half precision within, so that what comes out depends on the number of threads, and is
            # no faster: at 3B the same behind 300 tokens, a fifth slower behind 3,000.
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        clear_log()
        self.pointer = llama.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise EngineError(
                f"llama.cpp cannot make a context of {cells:,} tokens: {first_error()}; {advice}"
            )
        self.vocab_size, self.embedding, self.cells = model.vocab_size, model.embedding, cells
        self._choice, self._threads, self._all_threads = (
            settings.choice,
            settings.threads,
            settings.threads,
        )
        # The model and the callback stand among the arguments so that they outlive the context.
        weakref.finalize(self, _free_context, self.pointer, model, stopper)

    def run(self, decode: Callable[[Any, Any], Any], batch: Any, *, prompt: bool) -> int:
        """One pass; its status. A prompt takes all threads, what follows in an answer as many as are of use now."""
        choice = self._choice
        if choice is None:
            return int(decode(self.pointer, batch))
        count = self._all_threads if prompt else choice.count
        if count != self._threads:
            self._threads = count
            llama.llama_set_n_threads(self.pointer, count, count)
        began, on_core = time.perf_counter(), time.process_time()
        status = int(decode(self.pointer, batch))
        if not prompt:
            choice.took(time.perf_counter() - began, time.process_time() - on_core, count)
        return status


def move_cells(old: LlamaContext, new: LlamaContext) -> None:
    """All of the first sequence's cells into a context that has none; EngineError where llama.cpp does not take them."""
    size = llama.llama_state_seq_get_size(old.pointer, 0)
    data = (ctypes.c_uint8 * size)()
    clear_log()
    written = llama.llama_state_seq_get_data(old.pointer, data, size, 0)
    if not written or llama.llama_state_seq_set_data(new.pointer, data, written, 0) != written:
        raise EngineError(
            f"llama.cpp cannot move to a longer context: {first_error()}; start a new answer"
        )


def _free_context(context: Any, *_: object) -> None:
    llama.llama_free(context)
