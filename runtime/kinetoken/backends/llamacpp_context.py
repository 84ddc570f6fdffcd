"""What llama.cpp holds for us: weights, and caches with the memory that logits are read from. Freed with their last user."""

from __future__ import annotations

import ctypes
import os
import weakref
from pathlib import Path
from typing import Any, Final

from ..errors import EngineError
from ..manifest import LanguageModelInfo
from .llamacpp_head import Stopper
from .llamacpp_library import hear, llama, reason

FULL: Final = "f32"  # weights that are not rounded get attention that is not; all others half precision


class Model:
    """Owns the weights; freed when the last run and the language model are gone."""

    def __init__(self, path: Path, gpu_layers: int | None, advice: str) -> None:
        params = llama.llama_model_default_params()
        # Read and not mapped: on the processor llama.cpp keeps many weights in another order, and would hold those twice.
        params.load_mode = llama.LLAMA_LOAD_MODE_NONE
        if gpu_layers is not None:
            params.n_gpu_layers = gpu_layers
        hear()
        self.pointer = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not self.pointer:
            raise EngineError(f"llama.cpp cannot load {path}: {reason()}; {advice}")
        self.vocab_size = int(llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.pointer)))
        self.embedding = int(llama.llama_model_n_embd(self.pointer))
        weakref.finalize(self, llama.llama_model_free, self.pointer)


class Context:
    """Owns a cache and the memory that logits are read from; freed when the run and every view of its logits are gone."""

    def __init__(
        self,
        model: Model,
        info: LanguageModelInfo,
        thread_count: int,
        piece: int,
        stopper: Stopper | None,
        advice: str,
        size: int = 1,
    ) -> None:
        params = llama.llama_context_default_params()
        params.n_ctx = info.context * size
        params.n_batch = params.n_ubatch = max(piece, size)
        params.n_seq_max = params.n_outputs_max = size  # logits of one token each: no room for a whole prompt's
        params.n_threads = params.n_threads_batch = thread_count
        params.no_perf = True
        if stopper is not None:
            params.cb_eval = ctypes.cast(stopper.callback, llama.ggml_backend_sched_eval_callback)
        if info.quantization == FULL:
            params.type_k = params.type_v = llama.GGML_TYPE_F32
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED  # it rounds to half precision within
        hear()
        self.pointer = llama.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise EngineError(f"llama.cpp cannot make a context of {info.context:,} tokens: {reason()}; {advice}")
        self.vocab_size, self.embedding = model.vocab_size, model.embedding
        # The model and the callback stand among the arguments so that they outlive the context.
        weakref.finalize(self, _free_context, self.pointer, model, stopper)


def _free_context(context: Any, *_: object) -> None:
    llama.llama_free(context)
