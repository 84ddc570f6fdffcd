"""The header of a GGUF, read without llama.cpp, which ends the process on some damaged files."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ...base.input_file import open_input
from ...manifest.architectures import ARCHITECTURES

GGUF_MAGIC: Final = b"GGUF"
GGUF_VERSIONS: Final = (2, 3)
STRING, ARRAY = 8, 9
MOST_DIMENSIONS: Final = 4
ALIGNMENT_KEY: Final = "general.alignment"
USUAL_ALIGNMENT: Final = 32  # bytes, where the file does not say it
# GGUF's number of a type to how struct spells it.
NUMBER_FORMATS: Final = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}


@dataclass(frozen=True)
class TensorPlace:
    """The place of a tensor in the file."""

    dims: tuple[int, ...]
    """Fastest first: (columns, rows) of a matrix."""
    kind: int
    """ggml's number of its type."""
    offset: int
    """Bytes from the start of the file."""


@dataclass(frozen=True)
class Header:
    """Everything in the file but the weights."""

    said: dict[str, Any]
    """Keys and values: strings as bytes, arrays as lists."""
    tensors: dict[str, TensorPlace]
    kinds: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Key to GGUF's number of its value's type, and of its items' if it is a list."""

    @property
    def logit_softcap(self) -> float:
        """Logits are bent to stay within it; 0: they are not."""
        architecture = bytes(self.said.get("general.architecture", b"")).decode(errors="replace")
        usual = (
            entry.gguf_softcaps[1]
            for entry in ARCHITECTURES.values()
            if entry.gguf == architecture and entry.gguf_softcaps
        )
        key = f"{architecture}.final_logit_softcapping"
        return float(self.said.get(key, next(usual, 0.0)))


def read_header(path: Path) -> Header:
    """Keys, values and places of tensors. ValueError for a damaged file; OSError."""
    with open_input(path) as stream:
        if stream.read(4) != GGUF_MAGIC:
            raise ValueError("expected a GGUF, got another kind of file")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).header()
            except (struct.error, KeyError, UnicodeDecodeError) as error:
                raise ValueError("expected a whole GGUF, got a damaged one") from error


class _Reader:
    """A position in the file."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._at = data, len(GGUF_MAGIC)

    def header(self) -> Header:
        version = self._number("I")
        if version not in GGUF_VERSIONS:
            raise ValueError(f"expected GGUF version {GGUF_VERSIONS[-1]}, got {version}")
        tensors, keys = self._number("Q"), self._number("Q")
        said, kinds = self._keys(self._fits(keys))
        places = {self._string().decode(): self._place() for _ in range(self._fits(tensors))}
        if len(places) != tensors:
            raise struct.error("a tensor twice")
        step = said.get(ALIGNMENT_KEY, USUAL_ALIGNMENT)
        if not isinstance(step, int) or step < 1:
            raise struct.error("no alignment")
        start = -(-self._at // step) * step
        moved = {n: TensorPlace(p.dims, p.kind, start + p.offset) for n, p in places.items()}
        return Header(said, moved, kinds)

    def _keys(self, count: int) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
        """Values and their types by key, each key once."""
        said: dict[str, Any] = {}
        kinds: dict[str, tuple[int, ...]] = {}
        for _ in range(count):
            name, kind = self._string().decode(), self._number("I")
            if name in said:
                raise struct.error("a key twice")
            inner = struct.unpack_from("<I", self._data, self._at) if kind == ARRAY else ()
            kinds[name] = (kind, *inner)
            said[name] = self._value(kind)
        return said, kinds

    def _place(self) -> TensorPlace:
        """A tensor's entry, its offset still counted from the first weight."""
        count = self._number("I")
        if count > MOST_DIMENSIONS:
            raise struct.error("too many dimensions")
        return TensorPlace(
            tuple(self._number("Q") for _ in range(count)), self._number("I"), self._number("Q")
        )

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind != ARRAY:
            return self._number(NUMBER_FORMATS[kind])
        inner, count = self._number("I"), self._number("Q")
        if inner == STRING:
            return [self._string() for _ in range(self._fits(count))]
        form = f"<{self._fits(count)}{NUMBER_FORMATS[inner]}"
        values = list(struct.unpack_from(form, self._data, self._at))
        self._at += struct.calcsize(form)
        return values

    def _string(self) -> bytes:
        start = self._at + 8
        self._at = start + self._fits(self._number("Q"))
        return self._data[start : self._at]

    def _number(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(form)
        return value

    def _fits(self, count: int) -> int:
        """The same number, if the file has room for so many things."""
        if count > len(self._data) - self._at:
            raise struct.error("beyond the end")
        return count
