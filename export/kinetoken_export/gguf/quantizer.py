"""llama.cpp's quantizer, a function of its ggml library: float32 rows in, packed rows out.

The library ends the process on what it does not expect (a value that is not finite, a row of the
wrong width), so everything is checked before it is called.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import EngineError, FormatError, InputError, MissingPackageError
from kinetoken.base.operating_system import library_file
from kinetoken.engines.llamacpp.bindings.packages import prebuilt_library, require_llama_package
from kinetoken.engines.llamacpp.bindings.processor import check_kernels
from kinetoken.engines.threads import available_cores

from ..checkpoint.tensors import Float32Array

try:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
except ImportError as error:
    raise MissingPackageError("gguf", "export") from error
if TYPE_CHECKING:
    from typing_extensions import Self

Packed = NDArray[np.uint8]
_PIECE: Final = (
    1 << 18
)  # numbers that a thread quantizes at a time: small enough to stop soon, large enough to pay
_LIBRARY: Final = library_file("ggml-base")


def row_bytes(kind: GGMLQuantizationType, columns: int) -> int:
    """Bytes of a packed row; InputError where the blocks of this type do not divide it."""
    block, size = GGML_QUANT_SIZES[kind]
    if columns % block:
        raise InputError(
            f"expected rows of a multiple of {block} numbers for {kind.name}, got {columns}"
        )
    return columns // block * size


def block_size(kind: GGMLQuantizationType) -> int:
    """Numbers that share a scale."""
    return int(GGML_QUANT_SIZES[kind][0])


class GgmlQuantizer:
    """Threads around the library's function, which runs without Python's lock; a context."""

    def __init__(self, threads: int | None = None) -> None:
        """MissingPackageError where no package with llama.cpp is installed."""
        self._library = _open_library()
        self._pool = ThreadPoolExecutor(threads or available_cores(), "quantize")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def rows(
        self,
        values: Float32Array,
        kind: GGMLQuantizationType,
        importance: Float32Array | None = None,
        *,
        name: str = "weights",
    ) -> Packed:
        """Pack rows (n, columns) to bytes (n, bytes).

        `importance` (columns,) says which columns matter more. FormatError names the weights where
        a value is not finite or too large for the type.
        """
        rows, columns = values.shape
        packed = np.empty((rows, row_bytes(kind, columns)), np.uint8)
        self._check(values, kind, importance, name)
        values = np.ascontiguousarray(values, np.float32)
        weights = None if importance is None else np.ascontiguousarray(importance, np.float32)
        for valid in self._pool.map(
            lambda cut: self._piece(values, packed, kind, weights, *cut), _cuts(rows, columns)
        ):
            if not valid:
                raise FormatError(
                    f"{name}: expected numbers that {kind.name} can hold, got larger ones: choose "
                    "bf16 or f32"
                )
        return packed

    def _check(
        self,
        values: Float32Array,
        kind: GGMLQuantizationType,
        importance: Float32Array | None,
        name: str,
    ) -> None:
        if not np.isfinite(values).all():
            raise FormatError(
                f"{name}: expected finite numbers, got NaN or infinity: the checkpoint is damaged"
            )
        if importance is None:
            if self._library.ggml_quantize_requires_imatrix(int(kind)):
                raise InputError(
                    f"{name}: {kind.name} needs an importance matrix: give one, or choose another "
                    "quantization"
                )
        elif (
            importance.shape != values.shape[1:]
            or not np.isfinite(importance).all()
            or (importance < 0).any()
        ):
            raise InputError(
                f"{name}: expected an importance of {values.shape[1]} finite numbers of 0 or "
                "more, got one of shape "
                f"{importance.shape}: measure it on this checkpoint"
            )

    def _piece(
        self,
        values: Float32Array,
        packed: Packed,
        kind: GGMLQuantizationType,
        weights: Float32Array | None,
        start: int,
        stop: int,
    ) -> bool:
        source, target = values[start:stop], packed[start:stop]
        pointer = None if weights is None else weights.ctypes.data
        count, columns = source.shape
        done = self._library.ggml_quantize_chunk(
            int(kind), source.ctypes.data, target.ctypes.data, 0, count, columns, pointer
        )
        if done != target.nbytes:
            raise EngineError(
                f"ggml wrote {done:,} bytes of {kind.name}, expected {target.nbytes:,}; update gguf"
            )
        return bool(
            self._library.ggml_validate_row_data(int(kind), target.ctypes.data, target.nbytes)
        )


def _cuts(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    step = max(1, _PIECE // columns)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def _open_library() -> Any:
    package = require_llama_package()
    if package.prebuilt:
        check_kernels(str(package))
        path = prebuilt_library(package)
    else:
        path = package.folder / "lib" / _LIBRARY
    try:
        library = ctypes.CDLL(str(path))
        library.ggml_quantize_chunk.restype = ctypes.c_size_t
        library.ggml_quantize_chunk.argtypes = [
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int64,
            ctypes.c_int64,
            ctypes.c_int64,
            ctypes.c_void_p,
        ]
        library.ggml_quantize_requires_imatrix.restype = ctypes.c_bool
        library.ggml_quantize_requires_imatrix.argtypes = [ctypes.c_int]
        library.ggml_validate_row_data.restype = ctypes.c_bool
        library.ggml_validate_row_data.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    except (OSError, AttributeError) as error:
        raise EngineError(f"cannot use {path} ({error}): install {package.name} again") from error
    return library
