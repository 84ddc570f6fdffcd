"""An ONNX graph read without ONNX: its nodes, and its weights as numpy arrays.

WireField numbers are those of onnx.proto3. The files beside the graph were checked before.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ....base.errors import EngineError
from ....base.input_file import open_input, read_input
from ..wire_format import LENGTH, WireField, WireReader

_GRAPH, _NODE, _TENSOR, _OUTPUT = 7, 1, 5, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 4, 5
_NAME, _FLOAT, _INT, _TEXT, _INTS, _KIND = 1, 2, 3, 4, 8, 20  # of an attribute
_DIMS, _TYPE, _TENSOR_NAME, _RAW, _EXTERNAL = 1, 2, 8, 9, 13
_KINDS: Final = {1: "_float", 2: "_int", 3: "_text", 7: "_ints"}
"""Kinds of attributes that fused graphs have."""
ARRAY_TYPES: Final[dict[int, type[np.generic]]] = {
    1: np.float32,
    2: np.uint8,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
}
"""ONNX's data types to numpy's."""


@dataclass(frozen=True)
class GraphNode:
    """One operation."""

    operator: str
    inputs: tuple[str, ...]
    """Names of values; "" is an input left out."""
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class ExactGraph:
    """Nodes in the order in which they run, and the constants that they take."""

    nodes: tuple[GraphNode, ...]
    constants: dict[str, NDArray[Any]]
    outputs: tuple[str, ...]


def read_graph(path: Path) -> ExactGraph:
    """Read a graph and the weights beside it. EngineError where it is none, or one is cut."""
    try:
        return _GraphReader(path).read()
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    except (ValueError, KeyError, struct.error) as error:
        raise EngineError(
            f"{path} cannot be computed exactly: {error}; export the bundle again"
        ) from error


class _GraphReader:
    def __init__(self, path: Path) -> None:
        self._folder, self._data = path.parent, read_input(path)
        self._reader = WireReader(self._data)

    def read(self) -> ExactGraph:
        graphs = self._all(0, len(self._data), _GRAPH)
        if len(graphs) != 1:
            raise ValueError("it is no ONNX graph")
        span = graphs[0].start, graphs[0].stop
        nodes = tuple(map(self._node, self._all(*span, _NODE)))
        constants = dict(map(self._tensor, self._all(*span, _TENSOR)))
        outputs = [self._one(f, _NAME) for f in self._all(*span, _OUTPUT)]
        return ExactGraph(nodes, constants, tuple(outputs))

    def _all(self, start: int, stop: int, number: int) -> list[WireField]:
        """The fields of a message with this number."""
        return [field for field in self._reader.fields(start, stop) if field.number == number]

    def _text(self, field: WireField) -> str:
        return self._data[field.start : field.stop].decode("utf-8", "replace")

    def _int(self, field: WireField) -> int:
        value, _ = self._reader.varint(field.start, field.stop)
        return value - (1 << 64) if value >= 1 << 63 else value

    def _float(self, field: WireField) -> float:
        value: float = struct.unpack("<f", self._data[field.start : field.stop])[0]
        return value

    def _ints(self, field: WireField) -> Iterator[int]:
        """Numbers of one field: packed into bytes, or a single one."""
        if field.kind != LENGTH:
            yield self._int(field)
            return
        at = field.start
        while at < field.stop:
            value, at = self._reader.varint(at, field.stop)
            yield value

    def _one(self, message: WireField, number: int) -> str:
        """A text field of a message, "" where it is missing."""
        found = self._all(message.start, message.stop, number)
        return self._text(found[-1]) if found else ""

    def _node(self, field: WireField) -> GraphNode:
        span = field.start, field.stop
        texts = {
            number: tuple(map(self._text, self._all(*span, number)))
            for number in (_NODE_INPUT, _NODE_OUTPUT)
        }
        attributes = dict(map(self._attribute, self._all(*span, _NODE_ATTRIBUTE)))
        operator = self._one(field, _NODE_OPERATOR)
        return GraphNode(operator, texts[_NODE_INPUT], texts[_NODE_OUTPUT], attributes)

    def _attribute(self, message: WireField) -> tuple[str, Any]:
        name = self._one(message, _NAME)
        kinds = [self._int(f) for f in self._all(message.start, message.stop, _KIND)]
        kind = _KINDS.get(kinds[-1] if kinds else 0)
        if kind is None:
            raise ValueError(f"the attribute {name!r} is of a kind that is not known")
        number = {"_float": _FLOAT, "_int": _INT, "_text": _TEXT, "_ints": _INTS}[kind]
        found = self._all(message.start, message.stop, number)
        if kind == "_ints":
            return name, [value for field in found for value in self._ints(field)]
        default = {"_float": 0.0, "_int": 0, "_text": ""}[kind]
        return name, getattr(self, kind)(found[-1]) if found else default

    def _tensor(self, message: WireField) -> tuple[str, NDArray[Any]]:
        span, name = (message.start, message.stop), self._one(message, _TENSOR_NAME)
        kind = ARRAY_TYPES[self._int(self._all(*span, _TYPE)[-1])]
        dims = [value for field in self._all(*span, _DIMS) for value in self._ints(field)]
        size = math.prod(dims) * np.dtype(kind).itemsize
        entries = self._all(*span, _EXTERNAL)
        raw = self._beside(entries, size) if entries else self._inside(span)
        if len(raw) != size:
            raise ValueError(f"{name!r} has {len(raw)} bytes where {size} are expected")
        return name, np.frombuffer(raw, np.dtype(kind).newbyteorder("<")).reshape(dims)

    def _inside(self, span: tuple[int, int]) -> bytes:
        found = self._all(*span, _RAW)
        return self._data[found[-1].start : found[-1].stop] if found else b""

    def _beside(self, entries: list[WireField], size: int) -> bytes:
        """Bytes of a file beside the graph; at most `size` of them."""
        values = {self._one(entry, 1): self._one(entry, 2) for entry in entries}
        with open_input(self._folder / values["location"]) as stream:
            stream.seek(int(values.get("offset", "0")))
            return stream.read(min(size, int(values.get("length", size))))
