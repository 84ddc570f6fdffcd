"""llama.cpp's library: the door to the package that brings it, and its errors.

The rest of the engine finds functions, structs and constants under the names of llama_cpp in
`llama` and in `multimodal()`, whichever package is installed.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import warnings
from collections import deque
from typing import Any, Final

from ...base.errors import InputError
from .bindings.packages import require_llama_package

# Where it ends the process it would start a debugger and print pages.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")
package: Final = require_llama_package()
"""The package that is used."""
if package.prebuilt:
    from .bindings.prebuilt import PrebuiltLlama, PrebuiltMtmd, load_prebuilt

    library = load_prebuilt(package)
    llama: Any = PrebuiltLlama(library)
else:
    from .bindings.compiled import compiled_mtmd, load_compiled

    llama, library = load_compiled()

__all__ = [
    "clear_log",
    "decode_holding_lock",
    "error_log",
    "first_error",
    "library",
    "llama",
    "log_callback",
    "logits_at",
    "multimodal",
    "package",
    "processor_digest",
    "system_info",
    "uses_gpu",
]

ERROR_LEVEL: Final = 4  # level of llama.cpp's log
error_log: deque[str] = deque(maxlen=16)
"""The latest errors, the oldest first."""
# The same function, called without releasing Python's lock: it calls back at every node.
decode_holding_lock: Final = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, llama.llama_batch)(
    ctypes.cast(library.llama_decode, ctypes.c_void_p).value or 0
)
logits_at: Final = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32)(
    ("llama_get_logits_ith", library)
)


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def log_callback(level: int, text: bytes | None, _: Any) -> None:
    """Keep errors for the one line that users see; print nothing."""
    if level == ERROR_LEVEL and text and text.strip():
        error_log.append(text.decode("utf-8", "replace").strip())


def clear_log() -> None:
    """Forget earlier errors and keep those that come.

    The module keeps the callback alive, since the library calls it until the process ends.
    """
    error_log.clear()
    llama.llama_log_set(log_callback, ctypes.c_void_p(0))


def first_error() -> str:
    """The first error since the last `clear_log`, short."""
    return error_log[0].splitlines()[0][:300] if error_log else "it gives no reason"


def multimodal() -> Any:
    """libmtmd's functions. EngineError if the package has none."""
    mtmd = PrebuiltMtmd(library) if package.prebuilt else compiled_mtmd()
    mtmd.mtmd_log_set(log_callback, ctypes.c_void_p(0))
    return mtmd


def system_info() -> str:
    """The kernels that llama.cpp was built with: "CPU : AVX = 1 | AVX2 = 1 | ..."."""
    return str(llama.llama_print_system_info().decode("utf-8", "replace"))


def processor_digest() -> str:
    """Digest of what llama.cpp chooses its kernels by: the processor and its own build."""
    return hashlib.sha256(system_info().encode("utf-8")).hexdigest()[:12]


def uses_gpu(layers: int | None) -> bool:
    """Tell whether layers go to a GPU; warns if they were asked for and there is none."""
    if layers is not None and layers < 0:
        raise InputError(f"gpu_layers: expected 0 or more, got {layers}")
    there = bool(llama.llama_supports_gpu_offload())
    if layers and not there:
        advice = "install llama-cpp-python built for it, or leave gpu_layers out"
        warnings.warn(
            f"this llama.cpp knows no GPU, all layers run on the processor; {advice}",
            RuntimeWarning,
            3,
        )
    return there and layers != 0


clear_log()
