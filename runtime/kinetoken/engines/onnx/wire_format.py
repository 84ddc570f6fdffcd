"""The wire format of protobuf, in which ONNX graphs are stored: fields with a number and bytes."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from typing import Final, NamedTuple

LENGTH, VARINT = 2, 0  # wire types
_FIXED: Final = {1: 8, 5: 4}
"""Wire types of fixed size to their bytes."""
_MOST_TAG: Final = 1 << 32
MOST_FIELDS: Final = 4_000_000
"""A graph of 3B, portable, has some 60,000; one that holds unpacked numbers would have millions."""


class WireField(NamedTuple):
    """One field of a message; its bytes are [start, stop)."""

    number: int
    kind: int
    start: int
    stop: int


class WireReader:
    """Reads the fields of messages, MOST_FIELDS at most in all."""

    def __init__(self, data: bytes | mmap) -> None:
        self._data, self._left = data, MOST_FIELDS

    def fields(self, at: int, stop: int) -> Iterator[WireField]:
        """Yield the fields of a message. ValueError for what is none."""
        while at < stop:
            self._left -= 1
            if self._left < 0:
                raise ValueError(f"expected at most {MOST_FIELDS:,} fields in a graph, got more")
            tag, at = self.varint(at, stop)
            kind, start = tag & 7, at
            if tag >= _MOST_TAG:  # protobuf drops the bits above
                raise ValueError("expected an ONNX graph, got another kind of file")
            if kind == VARINT:
                _, at = self.varint(at, stop)
            elif kind == LENGTH:
                length, start = self.varint(at, stop)
                at = start + length
            elif kind in _FIXED:
                at += _FIXED[kind]
            else:
                raise ValueError("expected an ONNX graph, got another kind of file")
            if at > stop:
                raise ValueError("expected a whole ONNX graph, got a damaged one")
            yield WireField(tag >> 3, kind, start, at)

    def varint(self, at: int, stop: int) -> tuple[int, int]:
        """A number of up to ten bytes, and the place behind it."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= stop:
                raise ValueError("expected a whole ONNX graph, got a damaged one")
            byte = self._data[at]
            value, at = value | (byte & 127) << shift, at + 1
            if byte < 128:
                return value, at
        raise ValueError("expected an ONNX graph, got another kind of file")
