"""Tensors of ONNX graphs in one file beside them, written piece by piece."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from kinetoken.base.errors import OutputError

_SMALL: Final = (
    1 << 20
)  # bytes; larger tensors begin on a boundary that every system can map into memory
_BOUNDARY: Final = 1 << 16
_CACHE_LINE: Final = 64


@dataclass(frozen=True)
class Region:
    """The place of one tensor."""

    file: str
    """Name of the file beside the graphs."""
    dtype: np.dtype[Any]
    dims: tuple[int, ...]
    offset: int
    """Bytes before it."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one step along the first axis."""
        return self.dtype.itemsize * math.prod(self.dims[1:])

    def proto(self, name: str, first: int = 0, stop: int | None = None) -> TensorProto:
        """Rows [first, stop) as an initializer that refers to the file."""
        stop = self.dims[0] if stop is None else stop
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(self.dtype))
        tensor.dims.extend((stop - first, *self.dims[1:]))
        tensor.data_location = TensorProto.EXTERNAL
        place = {
            "offset": self.offset + first * self.row_bytes,
            "length": (stop - first) * self.row_bytes,
        }
        for key, value in {"location": self.file, **place}.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor


class TensorFile:
    """The file being written.

    Regions are reserved one after the other and filled in any order, by any thread.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._end, self._lock = path, 0, Lock()
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise self._failed(error) from error

    def reserve(self, dtype: Any, dims: tuple[int, ...]) -> Region:
        """Room for a tensor."""
        kind = np.dtype(dtype)
        size = kind.itemsize * math.prod(dims)
        with self._lock:
            boundary = _BOUNDARY if size >= _SMALL else _CACHE_LINE
            offset = -(-self._end // boundary) * boundary
            self._end = offset + size
        return Region(self._path.name, kind, dims, offset)

    def write(self, region: Region, first: int, rows: NDArray[Any]) -> None:
        """Fill rows [first, first + len(rows)); OutputError where the disk does not take them."""
        assert rows.dtype == region.dtype
        assert rows.shape[1:] == region.dims[1:]
        assert first + len(rows) <= region.dims[0]
        try:
            with self._lock:
                self._file.seek(region.offset + first * region.row_bytes)
                self._file.write(np.ascontiguousarray(rows).data)
        except OSError as error:
            raise self._failed(error) from error

    def add(self, values: NDArray[Any]) -> Region:
        """A whole tensor."""
        region = self.reserve(values.dtype, values.shape)
        self.write(region, 0, values)
        return region

    def __enter__(self) -> TensorFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except OSError as late:
            raise self._failed(late) from late

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {self._path}: {error.strerror}; make room or give another folder with -o"
        )
