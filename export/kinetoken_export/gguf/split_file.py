"""A GGUF in several files, as llama.cpp's split tool leaves it: found by one of them, and joined."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter

from kinetoken.base.errors import FormatError
from kinetoken.engines.llamacpp.gguf_header import Header, read_header

from .file import PlannedTensor, gguf_file

_PART: Final = re.compile(r"^(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
_COUNT: Final = "split.count"
_TENSORS: Final = "split.tensors.count"
_LEFT_OUT: Final = ("GGUF.", "split.", "general.alignment", "general.architecture")
"""Beginnings of keys that the whole file has otherwise, or gets from its writer."""
_PIECE: Final = 1 << 26  # bytes copied at a time


def find_parts(path: Path, header: Header) -> tuple[Path, ...]:
    """All parts of a model, given its first; the file alone where it is whole.

    FormatError for another part than the first, and for parts that are missing.
    """
    count = int(header.said.get(_COUNT, 1))
    if count <= 1:
        return (path,)
    found = _PART.match(path.name)
    if found is None or int(found["count"]) != count:
        raise FormatError(
            f"{path}: is a part of a model in {count} files, expected a name such as "
            f"model-00001-of-{count:05d}.gguf: give it the name that it was published with"
        )
    parts = tuple(
        path.with_name(f"{found['name']}-{number:05d}-of-{count:05d}.gguf")
        for number in range(1, count + 1)
    )
    missing = next((part.name for part in parts if not part.is_file()), None)
    if missing is not None:
        raise FormatError(f"{path}: expected {missing} beside it, found none: download it too")
    if path != parts[0]:
        raise FormatError(f"{path}: expected the first part of a model: give {parts[0].name}")
    _check_whole(path, header, parts)
    return parts


def _check_whole(path: Path, header: Header, parts: Sequence[Path]) -> None:
    """FormatError unless the parts together have as many tensors as the first one says."""
    try:
        held = {name for part in parts for name in read_header(part).tensors}
    except (OSError, ValueError) as error:
        raise FormatError(
            f"{path}: a part of it is damaged ({error}): download it again"
        ) from error
    said = int(header.said.get(_TENSORS, len(held)))
    if len(held) != said:
        raise FormatError(
            f"{path}: expected {said} tensors in {len(parts)} files, found {len(held)}: they are not "
            "parts of one model"
        )


def join_parts(parts: Sequence[Path], target: Path) -> None:
    """Write the parts as one file; OutputError where it cannot be written."""
    readers = [GGUFReader(part) for part in parts]
    writer = GGUFWriter(None, str(readers[0].fields["general.architecture"].contents()))
    for name, field in readers[0].fields.items():
        if not name.startswith(_LEFT_OUT):
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    tensors = [tensor for reader in readers for tensor in reader.tensors]
    plan = [
        PlannedTensor(
            tensor.name,
            tuple(int(n) for n in reversed(tensor.shape)),
            GGMLQuantizationType(tensor.tensor_type),
        )
        for tensor in tensors
    ]
    with gguf_file(target, writer, plan, "joined") as file:
        for tensor in tensors:
            for piece in _pieces(tensor.data.reshape(-1).view(np.uint8)):
                file.write(tensor.name, piece)


def _pieces(data: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Iterator[np.ndarray]:
    return (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
