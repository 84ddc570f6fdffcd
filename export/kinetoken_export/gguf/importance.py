"""The importance of each column of a matrix: the mean square of its inputs, as llama.cpp's imatrix.

It is measured on token sequences with the checkpoint itself, or read from a file of llama-imatrix,
old or new. The head is left out, as in llama.cpp: it keeps more bits anyway.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from gguf import GGUFReader, GGUFWriter
from numpy.typing import NDArray

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import open_input, read_input
from kinetoken.generation.bundle import open_bundle
from kinetoken.generation.options import GenerateOptions
from kinetoken.manifest.architectures import Architecture

from ..checkpoint.reference_model import ReferenceModel
from ..checkpoint.tensors import Float32Array, TensorSource
from ..own_answers import SAMPLE_PROMPTS, collect_answers, read_prompts

OWN_ANSWERS: Final = "own"
"""Stands for the checkpoint's own answers."""
_MAGIC: Final = b"GGUF"
_LEGACY: Final = (".dat", ".imatrix")
_CHUNK: Final = 512  # tokens; llama-imatrix counts in such pieces
# of the mean: a column that was never used still counts a little, or blocks of such have no best
# scale
_LEAST: Final = 1e-6
_SUMS, _COUNTS = ".in_sum2", ".counts"


class ImportanceCollector:
    """Sums of squares; its `observe` is given to the reference model."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.sums: dict[str, NDArray[np.float64]] = {}
        self.tokens: dict[str, int] = {}

    def observe(self, name: str, inputs: Float32Array) -> None:
        """Add inputs (n, in) of a matrix, named as in the checkpoint."""
        llama = self.architecture.gguf_tensor(name)
        if llama.startswith("blk."):
            squares = np.einsum("ij,ij->j", inputs, inputs, dtype=np.float64)
            self.sums[llama] = self.sums.get(llama, 0.0) + squares
            self.tokens[llama] = self.tokens.get(llama, 0) + len(inputs)

    def rows(self) -> dict[str, Float32Array]:
        """Mean squares (n_in,) by llama.cpp's name of the matrix."""
        return {name: without_zeros(total / self.tokens[name]) for name, total in self.sums.items()}


def measure_importance(
    reference: ReferenceModel, sequences: Sequence[Sequence[int]]
) -> dict[str, Float32Array]:
    """Measure every matrix but the head on sequences of token ids, by llama.cpp's names.

    InputError without sequences.
    """
    if not any(len(ids) for ids in sequences):
        raise InputError(
            "expected token sequences to measure the importance on, got none: give some prompts"
        )
    collector = ImportanceCollector(reference.architecture)
    reference.hidden([ids for ids in sequences if len(ids)], observe=collector.observe)
    return collector.rows()


def without_zeros(values: NDArray[Any]) -> Float32Array:
    """Lift zeros a little; columns that all were zero count alike."""
    mean = float(values.mean())
    out: Float32Array = (
        np.maximum(values, mean * _LEAST).astype(np.float32)
        if mean > 0
        else np.ones(values.shape, np.float32)
    )
    return out


def is_importance_file(path: Path) -> bool:
    """Tell whether a file is one of llama-imatrix rather than text."""
    if path.suffix in _LEGACY:
        return True
    try:
        with open_input(path) as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise InputError(
            f"{path}: expected a file of importance or of prompts, cannot read it "
            f"({error.strerror})"
        ) from error


def write_importance(
    path: Path, rows: Mapping[str, Float32Array], tokens: int, dataset: str
) -> None:
    """Write the file that llama.cpp's own tools read.

    `dataset` names what it was measured on.
    """
    writer = GGUFWriter(None, "")
    writer.kv_data[0].clear()  # it has no architecture
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", [dataset])
    writer.add_uint32("imatrix.chunk_count", -(-tokens // _CHUNK))
    writer.add_uint32("imatrix.chunk_size", _CHUNK)
    for name, row in sorted(rows.items()):
        writer.add_tensor(name + _SUMS, (row * np.float32(tokens)).reshape(1, -1))
        writer.add_tensor(name + _COUNTS, np.full((1, 1), tokens, np.float32))
    with atomic_path(path) as part:
        writer.write_header_to_file(part)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def read_importance(path: Path) -> dict[str, Float32Array]:
    """Read a file of llama-imatrix or `write_importance` as mean squares.

    FormatError where it is something else.
    """
    try:
        raw = read_input(path)
        rows = _read_gguf(path) if raw.startswith(_MAGIC) else _read_legacy(raw)
    except OSError as error:
        raise InputError(
            f"{path}: expected an importance matrix, cannot read it ({error.strerror})"
        ) from error
    except (ValueError, KeyError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise FormatError(
            f"{path}: expected an importance matrix of llama-imatrix, got something else: make it "
            "again"
        ) from error
    for name, row in rows.items():
        if not np.isfinite(row).all() or (row < 0).any():
            raise FormatError(
                f"{path}: expected finite numbers of 0 or more for {name}: measure it again"
            )
    return {name: without_zeros(row) for name, row in rows.items()}


def _read_gguf(path: Path) -> dict[str, Float32Array]:
    tensors = {
        tensor.name: np.array(tensor.data, np.float32).ravel()
        for tensor in GGUFReader(path).tensors
    }
    names = [name.removesuffix(_SUMS) for name in tensors if name.endswith(_SUMS)]
    if not names:
        raise ValueError("no sums")
    return {name: _mean(tensors[name + _SUMS], tensors[name + _COUNTS]) for name in names}


def _mean(sums: Float32Array, counts: Float32Array) -> Float32Array:
    """Divide sums by their count; a matrix that was never used counts alike in every column."""
    (count,) = counts.tolist()
    return sums / np.float32(count) if count > 0 else np.ones_like(sums)


def _read_legacy(data: bytes) -> dict[str, Float32Array]:
    """Read entries of: name, number of calls, number of values, the values summed over calls."""
    (entries,), at = struct.unpack_from("<i", data), 4
    rows: dict[str, Float32Array] = {}
    for _ in range(entries):
        (length,) = struct.unpack_from("<i", data, at)
        name = data[at + 4 : at + 4 + length].decode()
        calls, values = struct.unpack_from("<ii", data, at + 4 + length)
        at += 12 + length
        if min(length, values) < 1:
            raise ValueError("an empty entry")
        rows[name] = np.frombuffer(data, np.float32, values, at) / np.float32(max(calls, 1))
        at += 4 * values
    if not rows:
        raise ValueError("no entries")
    return rows


def find_importance(
    given: str, source: TensorSource, folder: Path, build_draft: Callable[[], object]
) -> Mapping[str, Float32Array]:
    """Return the importance of columns by llama.cpp's tensor names.

    `given` is an imatrix file, a file of prompts or OWN_ANSWERS. For prompts, `build_draft` makes a
    draft of the bundle in `folder`; it answers them, and prompts and answers go through the source.
    """
    path = Path(given)
    if given != OWN_ANSWERS and path.is_file() and is_importance_file(path):
        return read_importance(path)
    prompts = SAMPLE_PROMPTS if given == OWN_ANSWERS else read_prompts(path)
    build_draft()
    made = collect_answers(open_bundle(folder), GenerateOptions(), prompts, "own answers")
    return measure_importance(ReferenceModel(source), [answer.ids for answer in made])
