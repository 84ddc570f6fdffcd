"""NumPy's .npy arrays that others wrote: the one place that reads them.

Headers are parsed here, not by NumPy, which evaluates them as Python: only plain numbers and
strings pass, and nothing is allocated before the size is known to be right.
"""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from .input_file import open_input

NPY_MAGIC: Final = b"\x93NUMPY"
NO_ARRAY: Final = "no .npy array"
RECORDS: Final = "an array of records"
LARGEST_ARRAY: Final = 1 << 31
"""Bytes of an array that is no motion: codebooks, statistics."""
_MOST_HEADER: Final = 10_000  # bytes, as in NumPy
_MOST_AXES: Final = 32
_PIECE: Final = 1 << 20  # bytes
_ITEM: Final = re.compile(
    r"""\s*['"](?P<key>descr|fortran_order|shape)['"]\s*:\s*
    (?:['"](?P<descr>[<>|=]?[biufcSUOVMm?][0-9]{0,9})['"]
    |(?P<order>True|False)
    |\((?P<shape>(?:\s*[0-9]{1,15}L?\s*,)*(?:\s*[0-9]{1,15}L?\s*)?)\))\s*(?:,|(?=\}))""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class NpyHeader:
    """What an array's header announces."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    """The first axis varies fastest."""

    @property
    def bytes(self) -> int:
        """Size of the values behind the header."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy_header(stream: IO[bytes]) -> NpyHeader:
    """The header at the stream's place, which is left behind it.

    ValueError, and nothing else of its own, where there is none, or one of records.
    """
    head = stream.read(len(NPY_MAGIC) + 2)
    if not head.startswith(NPY_MAGIC) or len(head) < len(NPY_MAGIC) + 2:
        raise ValueError(NO_ARRAY)
    if head[-2] not in (1, 2, 3):
        raise ValueError(f"a .npy array of version {head[-2]}, known are 1 to 3")
    length = int.from_bytes(_exactly(stream, 2 if head[-2] == 1 else 4), "little")
    if length > _MOST_HEADER:
        raise ValueError(f"a header of {length} bytes, expected at most {_MOST_HEADER}")
    return _parsed(_exactly(stream, length).decode("latin-1").strip())


def read_npy_values(stream: IO[bytes], header: NpyHeader, most: int) -> NDArray[Any]:
    """The values behind a header. ValueError if they are cut, over `most` bytes, or objects."""
    if header.dtype.hasobject:
        raise ValueError("Python objects, which may run code when opened")
    if header.bytes > most:
        raise ValueError(f"an array of {header.bytes} bytes, expected at most {most}")
    raw = np.empty(header.bytes, np.uint8)
    filled = 0
    while filled < len(raw):
        piece = stream.read(min(_PIECE, len(raw) - filled))
        if not piece:
            raise ValueError(f"cut short: {len(raw)} bytes announced, {filled} there")
        raw[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
        filled += len(piece)
    if not header.dtype.itemsize:
        return np.zeros(header.shape, header.dtype)
    if header.dtype.kind == "U" and (raw.view(f"{header.dtype.str[0]}u4") > sys.maxunicode).any():
        raise ValueError("text with numbers that are no characters")  # which crash what reads them
    values = raw.view(header.dtype)
    if header.fortran:
        return values.reshape(header.shape[::-1]).transpose()
    return values.reshape(header.shape)


def read_npy_file(path: Path) -> NDArray[Any]:
    """The array of a file. ValueError, OSError."""
    with open_input(path) as stream:
        header = read_npy_header(stream)
        return read_npy_values(stream, header, min(LARGEST_ARRAY, path.stat().st_size))


def _parsed(text: str) -> NpyHeader:
    """A header {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } in any order."""
    if re.search(r"""['"]descr['"]\s*:\s*[\[({]""", text):
        raise ValueError(RECORDS)
    found: dict[str, str] = {}
    place = 1
    while item := _ITEM.match(text, place):
        value = next(item[key] for key in ("descr", "order", "shape") if item[key] is not None)
        found[item["key"]] = value
        place = item.end()
    whole = text.startswith("{") and text[place:].strip() == "}"
    if not whole or found.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError("a damaged header")
    try:
        shape = tuple(int(n.strip(" \tL")) for n in found["shape"].split(",") if n.strip())
        dtype = np.dtype(found["descr"])
    except (ValueError, TypeError, SyntaxError) as error:
        raise ValueError(f"a damaged header ({error})") from None
    if len(shape) > _MOST_AXES or found["fortran_order"] not in ("True", "False"):
        raise ValueError("a damaged header")
    return NpyHeader(shape, dtype, found["fortran_order"] == "True")


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError("a header that is cut short")
    return data
