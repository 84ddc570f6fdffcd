"""Layouts of llama.cpp's structs, each checked against the library's own default values.

llama.cpp has no stable binary interface: fields are added in the middle of structs, and a library
does not tell which header it was built with. A wrong layout would be silent, or write over memory.
So a layout here is a list of fields with their defaults, and it is used only if the library's
function of defaults gives just these, byte for byte: numbers such as 512 and 2048, sentinels such
as -1, null pointers, booleans. Where the calling convention allows it, the size must agree too.

The structs that are declared are longer than the true ones. That is safe both ways for a struct of
more than 16 bytes, on x86-64 and aarch64, on Linux, macOS and Windows:

- returned, it goes where a hidden pointer of the caller points, and the callee writes its own size;
- passed as the last argument, it is either a pointer to the caller's copy (aarch64, Windows), or a
  copy on the stack behind which nothing else is passed (System V), of which the callee reads its
  own size.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ....base.errors import EngineError

POINTER: Final = ctypes.c_void_p
INT: Final = ctypes.c_int32
FLOAT: Final = ctypes.c_float
BOOL: Final = ctypes.c_bool
PROGRESS_CALLBACK: Final = ctypes.CFUNCTYPE(BOOL, FLOAT, POINTER)
NODE_CALLBACK: Final = ctypes.CFUNCTYPE(BOOL, POINTER, BOOL, POINTER)
RESERVE: Final = 1024
"""Bytes of every struct that is declared."""
_HIDDEN_POINTER_FIRST: Final = ("x86_64", "amd64")
"""Processors where the hidden pointer is passed like a first argument. aarch64 has a register of
its own for it, which ctypes cannot set."""

Field = tuple[str, Any, Any]
"""Name, type, and the default: a number, None for a null pointer, SOME for any other pointer."""
SOME: Final = object()


@dataclass(frozen=True)
class Layout:
    """The fields of a struct, in their order."""

    fields: tuple[Field, ...]

    def struct(self) -> Any:
        """A struct type of RESERVE bytes with these fields in front."""
        fields = [(name, kind) for name, kind, _ in self.fields]
        plain = type("Plain", (ctypes.Structure,), {"_fields_": fields})
        rest = ctypes.c_uint8 * (RESERVE - ctypes.sizeof(plain))
        return type("Params", (ctypes.Structure,), {"_fields_": [*fields, ("beyond", rest)]})

    def sizes(self) -> range:
        """Sizes that such a struct may have; compilers need not write the bytes that fill it up."""
        fields = [(name, kind) for name, kind, _ in self.fields]
        plain: Any = type("Plain", (ctypes.Structure,), {"_fields_": fields})
        last: Any = getattr(plain, fields[-1][0])
        return range(last.offset + last.size, ctypes.sizeof(plain) + 1)

    def misfit(self, params: Any) -> str | None:
        """The first field that does not have its default, in words; None if all have."""
        data = bytes(params)
        for name, kind, default in self.fields:
            place: Any = getattr(type(params), name)
            got = data[place.offset : place.offset + place.size]
            if not _is_default(got, kind, default):
                number = int.from_bytes(got, "little", signed=True)
                return f"{name} is {number:#x}" if place.size > 4 else f"{name} is {number}"
        return None


def _is_default(got: bytes, kind: Any, default: Any) -> bool:
    if default is SOME:
        return any(got)
    return got == (bytes(len(got)) if default is None else bytes(kind(default)))


def fitting_struct(
    library: Any, name: str, layouts: Sequence[Layout], advice: str
) -> tuple[Any, Callable[[], Any]]:
    """The struct type that a library's function of defaults returns, and the function itself.

    EngineError if there is no such function, or no layout fits.
    """
    try:
        address = ctypes.cast(library[name], POINTER).value or 0
    except AttributeError as error:
        raise EngineError(f"this llama.cpp has no {name}: {advice}") from error
    size = returned_size(address)
    reasons = []
    for layout in layouts:
        struct = layout.struct()
        defaults = ctypes.CFUNCTYPE(struct)(address)
        reason = layout.misfit(defaults())
        if reason is None and size is not None and size not in layout.sizes():
            reason = f"it has {size} bytes, not {layout.sizes()[-1]}"
        if reason is None:
            return struct, defaults
        reasons.append(reason)
    why = "; ".join(dict.fromkeys(reasons))
    raise EngineError(f"this llama.cpp has {name} of an unknown layout ({why}): {advice}")


def returned_size(address: int) -> int | None:
    """Bytes that the function there, without arguments, writes of the struct that it returns.

    None on processors where that cannot be seen.
    """
    if platform.machine().lower() not in _HIDDEN_POINTER_FIRST:
        return None
    raw = ctypes.CFUNCTYPE(POINTER, POINTER)(address)
    written = 0
    for fill in (0x55, 0xAA):
        buffer = (ctypes.c_uint8 * (4 * RESERVE))(*[fill] * (4 * RESERVE))
        raw(ctypes.addressof(buffer))
        changed = (at for at in range(len(buffer), 0, -1) if buffer[at - 1] != fill)
        written = max(written, next(changed, 0))
    return written


def _fields(kind: Any, default: Any, names: str) -> tuple[Field, ...]:
    return tuple((name, kind, default) for name in names.split())


MODEL_PARAMS: Final = (
    Layout(
        (
            *_fields(POINTER, None, "devices tensor_buft_overrides"),
            ("n_gpu_layers", INT, -1),
            ("split_mode", INT, 1),
            ("load_mode", INT, -1),
            ("lazy_mode", INT, 1),
            ("main_gpu", INT, 0),
            ("tensor_split", POINTER, None),
            ("progress_callback", PROGRESS_CALLBACK, None),
            *_fields(POINTER, None, "progress_callback_user_data kv_overrides"),
            *_fields(BOOL, False, "vocab_only check_tensors"),
            ("use_extra_bufts", BOOL, True),
            *_fields(BOOL, False, "no_host no_alloc load_mtp"),
        )
    ),
)
"""llama_model_params since September 2026 (b10809)."""

_CONTEXT_NUMBERS: Final = (
    ("n_ctx", INT, 512),
    ("n_batch", INT, 2048),
    ("n_ubatch", INT, 512),
    ("n_seq_max", INT, 1),
    *_fields(INT, 0, "n_rs_seq n_outputs_max"),
    ("n_outputs_max_per_seq", INT, 1),
    *_fields(INT, 4, "n_threads n_threads_batch"),
    ("ctx_type", INT, 0),
    *_fields(INT, -1, "rope_scaling_type pooling_type attention_type flash_attn_type"),
    *_fields(FLOAT, 0.0, "rope_freq_base rope_freq_scale"),
    *_fields(FLOAT, -1.0, "yarn_ext_factor yarn_attn_factor yarn_beta_fast yarn_beta_slow"),
    ("yarn_orig_ctx", INT, 0),
    ("defrag_thold", FLOAT, -1.0),
    ("cb_eval", NODE_CALLBACK, None),
    ("cb_eval_user_data", POINTER, None),
    *_fields(INT, 1, "type_k type_v"),
    *_fields(POINTER, None, "abort_callback abort_callback_data"),
)
_CONTEXT_END: Final = (
    ("embeddings", BOOL, False),
    *_fields(BOOL, True, "offload_kqv no_perf op_offload swa_full"),
    ("kv_unified", BOOL, False),
    ("samplers", POINTER, None),
    ("n_samplers", ctypes.c_size_t, 0),
    ("ctx_other", POINTER, None),
)
CONTEXT_PARAMS: Final = (
    Layout((*_CONTEXT_NUMBERS, ("added", POINTER, None), *_CONTEXT_END)),
    Layout((*_CONTEXT_NUMBERS, *_CONTEXT_END)),
)
"""llama_context_params of October 2026 (b11549), where a pointer was added, and of September."""

MTMD_PARAMS: Final = (
    Layout(
        (
            ("use_gpu", BOOL, True),
            ("device", POINTER, None),
            ("print_timings", BOOL, True),
            ("n_threads", INT, 4),
            ("image_marker", POINTER, None),
            ("media_marker", POINTER, SOME),
            ("flash_attn_type", INT, -1),
            ("warmup", BOOL, True),
            *_fields(INT, -1, "image_min_tokens image_max_tokens"),
            ("cb_eval", NODE_CALLBACK, None),
            ("cb_eval_user_data", POINTER, None),
            ("batch_max_tokens", INT, 1024),
            *_fields(POINTER, None, "progress_callback progress_callback_user_data"),
        )
    ),
)
"""mtmd_context_params since August 2026."""
