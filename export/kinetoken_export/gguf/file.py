"""A GGUF file written tensor by tensor: the header from the shapes alone, then the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedWriter
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter

from kinetoken.base.atomic_file import atomic_path
from kinetoken.cli.terminal import ProgressBar

from .quantizer import Packed, row_bytes

_ALIGNMENT: Final = 32  # bytes; GGUF's own where the file names no other


@dataclass(frozen=True)
class PlannedTensor:
    """A tensor that will be written."""

    name: str
    dims: tuple[int, ...]
    """Shape as numpy has it: rows of `dims[-1]` numbers."""
    kind: GGMLQuantizationType

    @property
    def nbytes(self) -> int:
        """Packed size."""
        return prod(self.dims[:-1]) * row_bytes(self.kind, self.dims[-1])


@contextmanager
def gguf_file(
    path: Path, writer: GGUFWriter, plan: Sequence[PlannedTensor], label: str
) -> Iterator[GgufFile]:
    """Write the planned tensors in order; the file appears whole or not at all.

    `writer` has the metadata and no file yet. OutputError where the file cannot be written.
    """
    with atomic_path(path) as part:
        for tensor in plan:
            writer.add_tensor_info(
                tensor.name, tensor.dims, np.dtype(np.float32), tensor.nbytes, raw_dtype=tensor.kind
            )
        try:
            writer.write_header_to_file(part)
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            assert writer.fout is not None
            file = GgufFile(writer.fout[0], plan, label)
            yield file
            assert file.complete, "a planned tensor was not written"
        finally:
            writer.close()


class GgufFile:
    """An open file, its header written."""

    def __init__(self, stream: BufferedWriter, plan: Sequence[PlannedTensor], label: str) -> None:
        self._stream = stream
        self._left = {tensor.name: tensor.nbytes for tensor in plan}
        self._total = sum(self._left.values())
        self._done, self._bar = 0, ProgressBar(label, float(self._total))
        self._pad()

    @property
    def complete(self) -> bool:
        """Tell whether every planned tensor was written."""
        return not self._left

    def write(self, name: str, packed: Packed) -> None:
        """The next rows of a tensor; tensors come in the planned order."""
        assert name == next(iter(self._left)), f"{name} is out of order"
        self._stream.write(packed.data)
        self._left[name] -= packed.nbytes
        if not self._left[name]:
            del self._left[name]
            self._pad()
        self._done += packed.nbytes
        self._bar.show(self._done)

    def _pad(self) -> None:
        self._stream.write(bytes(-self._stream.tell() % _ALIGNMENT))
