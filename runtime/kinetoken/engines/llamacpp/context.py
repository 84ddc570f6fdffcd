"""Memory that llama.cpp holds for us, freed with its last user: weights, caches, logits."""

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
from .library import clear_log, first_error, llama, package
from .narrow_head import Stopper
from .weights import read_weights

FULL_PRECISION: Final = "f32"
"""Quantization of weights that are not rounded.

They get attention that is not rounded either; all others get half precision.
"""


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
    """The most; prompts always get all."""
    piece: int
    """Tokens fed at once."""
    on_gpu: bool
    choice: ThreadChoice | None = None
    """Chooses the threads for each token of an answer; None: always all."""


class LlamaContext:
    """Owns a cache and the memory of its logits; freed when the run and all views are gone."""

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
        # Logits of one token for each sequence, not of a whole prompt.
        params.n_seq_max = params.n_outputs_max = size
        params.n_threads = params.n_threads_batch = settings.threads
        params.no_perf = True
        if stopper is not None:
            params.cb_eval = ctypes.cast(stopper.callback, llama.ggml_backend_sched_eval_callback)
        if info.quantization == FULL_PRECISION:
            params.type_k = params.type_v = llama.GGML_TYPE_F32
        if info.quantization == FULL_PRECISION or not settings.on_gpu:
            # On the processor it rounds to half precision inside, so that the result depends on
            # the number of threads, and it is no faster: at 3B the same after 300 tokens, a fifth
            # slower after 3,000.
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        clear_log()
        self.pointer = llama.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise EngineError(
                f"llama.cpp cannot make a context of {cells:,} tokens: {first_error()}; {advice}"
            )
        _check_taken(self.pointer, params)
        self.vocab_size, self.embedding, self.cells = model.vocab_size, model.embedding, cells
        self._choice = settings.choice
        self._threads = self._all_threads = settings.threads
        # The model and the callback stand among the arguments so that they outlive the context.
        weakref.finalize(self, _free_context, self.pointer, model, stopper)

    def run(self, decode: Callable[[Any, Any], Any], batch: Any, *, prompt: bool) -> int:
        """Run one pass; returns its status.

        A prompt gets all threads, what follows in an answer as many as are of use now.
        """
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


def _check_taken(context: Any, params: Any) -> None:
    """Read back what can be: bindings of another library would have put it elsewhere."""
    got = (llama.llama_n_seq_max(context), llama.llama_n_threads(context))
    if got != (params.n_seq_max, params.n_threads):
        llama.llama_free(context)
        raise EngineError(f"{package} did not take its settings: install it again")


def move_cells(old: LlamaContext, new: LlamaContext) -> None:
    """Move the first sequence's cells to an empty context. EngineError if they are refused."""
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
