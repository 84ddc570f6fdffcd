"""ONNX Runtime's execution providers: which to ask for, and why one is not used.

CUDA is used if it is there. TensorRT has to be asked for: it compiles a graph for minutes at its
first start, and again for shapes that it has not seen, and the fused attention, which it does not
know, goes to CUDA anyway.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from ...base.operating_system import library_file
from ..load_options import AUTO_PROVIDER, check_provider

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
TENSORRT: Final = "TensorrtExecutionProvider"
CHAINS: Final = {
    AUTO_PROVIDER: (CUDA, CPU),
    "cpu": (CPU,),
    "cuda": (CUDA, CPU),
    "tensorrt": (TENSORRT, CUDA, CPU),
}
PROVIDER_NAMES: Final = {CPU: "the processor", CUDA: "CUDA", TENSORRT: "TensorRT"}
OPTION_OF_PROVIDER: Final[dict[str, str]] = {CPU: "cpu", CUDA: "cuda", TENSORRT: "tensorrt"}
CARD_PROVIDERS: Final = (CUDA, TENSORRT)
PROVIDER_OPTIONS: Final[dict[str, dict[str, str]]] = {
    CPU: {},
    # Full precision if the graph has it, so that the card gives what the processor gives, and
    # memory in the steps that are asked for.
    CUDA: {"use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"},
    TENSORRT: {"trt_engine_cache_enable": "1", "trt_timing_cache_enable": "1"},
}
INSTALL_GPU: Final = 'in the clone of kinetoken, pip install ".[gpu]" in an environment of its own'


def decoder_provider(asked: str | None) -> str:
    """The provider of the decoder: the processor, unless a graphics card is asked for by name.

    A frame takes the processor a millisecond, and so does the way to a card and back.
    """
    return "cpu" if asked in (None, AUTO_PROVIDER) else asked


def provider_chain(asked: str | None, available: Collection[str]) -> list[str]:
    """Providers to ask for, the best first, of those that this ONNX Runtime was built with."""
    return [name for name in CHAINS[check_provider(asked)] if name in available or name == CPU]


def with_provider_options(
    names: Sequence[str], cache: Path | None
) -> list[tuple[str, dict[str, str]]]:
    """The providers as the library takes them; `cache`: where TensorRT keeps what it compiled."""
    kept = (
        {}
        if cache is None
        else {"trt_engine_cache_path": str(cache), "trt_timing_cache_path": str(cache)}
    )
    return [(name, PROVIDER_OPTIONS[name] | (kept if name == TENSORRT else {})) for name in names]


def fallback_warning(
    asked: str | None, available: Collection[str], got: Sequence[str], library: Path, failed: str
) -> str | None:
    """One line if a lesser provider is used than was asked or built for; None if all is well.

    `got`: providers of the session; `library`: the folder of ONNX Runtime's libraries; `failed`:
    its error, if there was one.
    """
    wanted = CHAINS[check_provider(asked)][0]
    if wanted in got or (wanted not in available and check_provider(asked) == AUTO_PROVIDER):
        return None
    if wanted not in available:
        why = f"this ONNX Runtime was built without it; {INSTALL_GPU}"
    else:
        why = (
            missing_library(wanted, library)
            or failed
            or "it cannot be started here; is there a graphics card, and its driver?"
        )
    return f"{PROVIDER_NAMES[wanted]} is not used, {PROVIDER_NAMES[got[0]]} is: {why}"


def missing_library(provider: str, folder: Path) -> str | None:
    """The loader's error for a provider's library, mostly one that it needs; None: no error."""
    kind = {CUDA: "cuda", TENSORRT: "tensorrt"}.get(provider)
    path = folder / library_file(f"onnxruntime_providers_{kind}")
    if kind is None or not path.exists():
        return None
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        advice = (
            'CUDA and cuDNN come with pip install "onnxruntime-gpu[cuda,cudnn]"'
            if kind == "cuda"
            else "install TensorRT"
        )
        return f"{str(error).removeprefix(str(folder) + '/')}; {advice}"
    return None


class DeviceBuffer:
    """An array that the engine reads and writes in place, in memory or on a graphics card."""

    def __init__(self, values: Any, shape: Sequence[int], kind: Any, device: str) -> None:
        """`values`: ONNX Runtime's class of values; `device`: "cpu" or "cuda"."""
        import numpy as np

        self.array = np.zeros(shape, kind) if device == "cpu" else None
        if self.array is not None:
            self.value = values.ortvalue_from_numpy(self.array)  # shares the memory
        else:
            self.value = values.ortvalue_from_shape_and_type(list(shape), kind, device, 0)

    def read(self) -> Any:
        """The numbers; in this process's memory, the array itself."""
        return self.value.numpy() if self.array is None else self.array

    def write(self, numbers: Any) -> None:
        """Replace all numbers."""
        if self.array is None:
            self.value.update_inplace(numbers)
        elif numbers is not self.array:
            self.array[...] = numbers
