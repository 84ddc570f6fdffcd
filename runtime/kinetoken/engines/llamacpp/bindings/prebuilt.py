"""xllamacpp's library of llama.cpp: the functions and structs that are needed here, under their names.

xllamacpp is a Python extension that also offers llama.cpp's C functions. Its own Python module is
not imported: it knows a server and its settings, not single tokens.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Final

from ....base.errors import EngineError
from ....base.operating_system import WINDOWS
from .packages import LlamaPackage, prebuilt_library
from .processor import check_kernels
from .struct_layouts import (
    BOOL,
    CONTEXT_PARAMS,
    INT,
    MODEL_PARAMS,
    MTMD_PARAMS,
    NODE_CALLBACK,
    POINTER,
    PROGRESS_CALLBACK,
    fitting_struct,
)

INSTEAD: Final = "in the clone of kinetoken, pip install " + (
    '".[llama]"'
    if WINDOWS  # the wheel for Windows keeps its functions to itself
    else '".[llama-wheel]" brings a release that was tried, ".[llama]" another package'
)
_SIZE: Final = ctypes.c_size_t
_TEXT: Final = ctypes.c_char_p
_U8: Final = ctypes.c_uint8
_LOG_CALLBACK: Final = ctypes.CFUNCTYPE(None, ctypes.c_int, _TEXT, POINTER)


class Batch(ctypes.Structure):
    """llama_batch: 56 bytes, passed by value."""

    _fields_ = (
        ("n_tokens", INT),
        ("token", ctypes.POINTER(INT)),
        ("embd", ctypes.POINTER(ctypes.c_float)),
        ("pos", ctypes.POINTER(INT)),
        ("n_seq_id", ctypes.POINTER(INT)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(INT))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    )


class InputText(ctypes.Structure):
    """mtmd_input_text."""

    _fields_ = (
        ("text", _TEXT),
        ("text_len", _SIZE),
        ("add_special", BOOL),
        ("parse_special", BOOL),
    )


Functions = Mapping[str, tuple[Any, tuple[Any, ...]]]
"""Name to the types of the result and of the arguments."""

LLAMA_FUNCTIONS: Final[Functions] = {
    "llama_batch_get_one": (Batch, (POINTER, INT)),
    "llama_decode": (INT, (POINTER, Batch)),
    "llama_free": (None, (POINTER,)),
    "llama_get_memory": (POINTER, (POINTER,)),
    "llama_log_set": (None, (_LOG_CALLBACK, POINTER)),
    "llama_memory_seq_cp": (None, (POINTER, INT, INT, INT, INT)),
    "llama_memory_seq_pos_max": (INT, (POINTER, INT)),
    "llama_memory_seq_rm": (BOOL, (POINTER, INT, INT, INT)),
    "llama_model_free": (None, (POINTER,)),
    "llama_model_get_vocab": (POINTER, (POINTER,)),
    "llama_model_n_embd": (INT, (POINTER,)),
    "llama_n_seq_max": (ctypes.c_uint32, (POINTER,)),
    "llama_n_threads": (INT, (POINTER,)),
    "llama_print_system_info": (_TEXT, ()),
    "llama_set_n_threads": (None, (POINTER, INT, INT)),
    "llama_state_seq_get_data": (_SIZE, (POINTER, POINTER, _SIZE, INT)),
    "llama_state_seq_get_size": (_SIZE, (POINTER, INT)),
    "llama_state_seq_set_data": (_SIZE, (POINTER, POINTER, _SIZE, INT)),
    "llama_supports_gpu_offload": (BOOL, ()),
    "llama_vocab_n_tokens": (INT, (POINTER,)),
}
MTMD_FUNCTIONS: Final[Functions] = {
    "mtmd_bitmap_free": (None, (POINTER,)),
    "mtmd_bitmap_init": (POINTER, (ctypes.c_uint32, ctypes.c_uint32, POINTER)),
    "mtmd_decode_use_mrope": (BOOL, (POINTER,)),
    "mtmd_decode_use_non_causal": (BOOL, (POINTER, POINTER)),
    "mtmd_default_marker": (_TEXT, ()),
    "mtmd_encode_chunk": (INT, (POINTER, POINTER)),
    "mtmd_free": (None, (POINTER,)),
    "mtmd_get_output_embd": (ctypes.POINTER(ctypes.c_float), (POINTER,)),
    "mtmd_input_chunk_get_n_pos": (INT, (POINTER,)),
    "mtmd_input_chunk_get_n_tokens": (_SIZE, (POINTER,)),
    "mtmd_input_chunk_get_type": (INT, (POINTER,)),
    "mtmd_input_chunks_free": (None, (POINTER,)),
    "mtmd_input_chunks_get": (POINTER, (POINTER, _SIZE)),
    "mtmd_input_chunks_init": (POINTER, ()),
    "mtmd_input_chunks_size": (_SIZE, (POINTER,)),
    "mtmd_log_set": (None, (_LOG_CALLBACK, POINTER)),
    "mtmd_tokenize": (INT, (POINTER, POINTER, ctypes.POINTER(InputText), POINTER, _SIZE)),
}


class PrebuiltLlama:
    """llama.cpp under the names that llama_cpp gives it: functions, structs, callbacks, numbers."""

    llama_batch = Batch
    llama_log_callback = _LOG_CALLBACK
    llama_progress_callback = PROGRESS_CALLBACK
    ggml_backend_sched_eval_callback = NODE_CALLBACK
    GGML_TYPE_F32 = 0
    LLAMA_LOAD_MODE_NONE = 0
    LLAMA_FLASH_ATTN_TYPE_DISABLED = 0

    def __init__(self, library: Any) -> None:
        """EngineError if the library lacks a function, or has structs of unknown layout."""
        _bind(self, library, LLAMA_FUNCTIONS)
        for name, layouts, user, result, first in (
            ("model", MODEL_PARAMS, "llama_model_load_from_file", POINTER, _TEXT),
            ("context", CONTEXT_PARAMS, "llama_init_from_model", POINTER, POINTER),
        ):
            defaults = f"llama_{name}_default_params"
            struct, function = fitting_struct(library, defaults, layouts, INSTEAD)
            setattr(self, f"llama_{name}_params", struct)
            setattr(self, defaults, function)
            setattr(self, user, ctypes.CFUNCTYPE(result, first, struct)((user, library)))
        self._check_batch()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no {name} is bound")

    def _check_batch(self) -> None:
        """llama_batch has no defaults: it is made with a number and a pointer to be found again."""
        tokens = (INT * 3)(5, 6, 7)
        batch = self.llama_batch_get_one(tokens, 3)
        rest = (batch.embd, batch.pos, batch.n_seq_id, batch.seq_id, batch.logits)
        found = batch.n_tokens == 3 and batch.token and batch.token[2] == 7
        if not found or any(rest):
            raise EngineError(f"this llama.cpp has llama_batch of an unknown layout: {INSTEAD}")


class PrebuiltMtmd:
    """libmtmd under the names that llama_cpp.mtmd_cpp gives it."""

    mtmd_bitmap_p_ctypes = POINTER
    mtmd_input_text = InputText
    MTMD_INPUT_CHUNK_TYPE_IMAGE = 1

    def __init__(self, library: Any) -> None:
        """EngineError if the library lacks a function, or has structs of unknown layout."""
        _bind(self, library, MTMD_FUNCTIONS)
        defaults = "mtmd_context_params_default"
        struct, function = fitting_struct(library, defaults, MTMD_PARAMS, INSTEAD)
        self.mtmd_context_params_default = function
        self.mtmd_init_from_file = ctypes.CFUNCTYPE(POINTER, _TEXT, POINTER, struct)(
            ("mtmd_init_from_file", library)
        )

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no {name} is bound")


def load_prebuilt(package: LlamaPackage) -> Any:
    """The shared library of xllamacpp. EngineError if this processor or system cannot run it."""
    path = prebuilt_library(package)
    check_kernels(str(package))
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        more = "; install libgomp (Debian: libgomp1)" if "libgomp" in str(error) else ""
        raise EngineError(f"cannot load llama.cpp of {package} ({error}){more}") from error


def _bind(target: Any, library: Any, functions: Functions) -> None:
    for name, (result, arguments) in functions.items():
        try:
            setattr(target, name, ctypes.CFUNCTYPE(result, *arguments)((name, library)))
        except AttributeError as error:
            raise EngineError(f"this llama.cpp has no {name}: {INSTEAD}") from error
