"""The files that an ONNX graph has read beside itself, found before ONNX Runtime opens it.

ONNX Runtime reads what a graph names: weights in another file ("external data"), even an absolute
path, one with "../", or an address in memory ("*/_ORT_MEM_ADDR_/*"), and caches of compiled graphs
(the operator EPContext). So the graph is walked here first. WireField numbers are those of onnx.proto3.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from ...base.errors import BundleError
from ...base.input_file import open_input
from .wire_format import LENGTH, WireField, WireReader

MOST_NESTED: Final = 64
"""Messages within messages: a graph in an attribute of a node is three deeper."""
_NO_FILES: Final = ("EPContext",)
"""Operators that read files of their own."""

# Message to its fields that are messages; of the others only those named below are looked at.
_FIELDS: Final = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {},
}
_KEY, _VALUE, _OPERATOR = 1, 2, 4


def check_graph_files(folder: Path, name: str, listed: Collection[str]) -> tuple[str, ...]:
    """The bundle's files that a graph reads beside itself. BundleError if it reads any other.

    `name`: the graph's path in the bundle, `listed`: the paths of the bundle's files.
    """
    if name not in listed:
        raise BundleError(f"{name!r} is used but not listed under files; export the bundle again")
    path = folder / name
    try:
        locations = external_locations(path)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    except ValueError as error:
        raise BundleError(f"{path}: {error}; do not trust this bundle") from error
    beside = []
    for location in sorted(locations):
        if _leaves(location):
            raise BundleError(
                f"{path}: expected weights in the bundle's folder, got {location!r}; "
                "do not trust this bundle"
            )
        beside.append((PurePosixPath(name).parent / location).as_posix())
        if beside[-1] not in listed:
            raise BundleError(
                f"{path}: {location!r} is used but not listed under files; export the bundle again"
            )
    return tuple(beside)


def _leaves(location: str) -> bool:
    """Tell if a location is anything but a plain path further down."""
    path = PurePosixPath(location)
    return (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or bool(set("\\:*\0") & set(location))
    )


def external_locations(path: Path) -> frozenset[str]:
    """The locations of external data that a graph names anywhere, as they stand there.

    ValueError for a file that is no graph, is too large to be looked through, or has an operator
    that reads files; OSError.
    """
    with open_input(path) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return frozenset(_Walk(data).locations())


class _Walk:
    """The messages of a graph, each read once."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._reader = data, WireReader(data)

    def locations(self) -> Iterator[str]:
        """Yield the location of every piece of external data."""
        waiting, graphs = [("model", 0, len(self._data), 0)], 0
        while waiting:
            message, start, stop, depth = waiting.pop()
            graphs += message == "graph"
            if message == "entry":
                yield from self._location(start, stop)
                continue
            if depth > MOST_NESTED:
                raise ValueError(f"expected a graph, got one nested more than {MOST_NESTED} deep")
            inner = _FIELDS[message]
            for field in self._reader.fields(start, stop):
                if field.kind == LENGTH and field.number in inner:
                    waiting.append((inner[field.number], field.start, field.stop, depth + 1))
                elif message == "node" and field.number == _OPERATOR:
                    self._check_operator(field)
        if not graphs:
            raise ValueError("expected an ONNX graph, got another kind of file")

    def _location(self, start: int, stop: int) -> Iterator[str]:
        """Yield the value of an entry whose key is "location"."""
        entry = [(f.number, self._data[f.start : f.stop]) for f in self._reader.fields(start, stop)]
        if any(number == _KEY and text == b"location" for number, text in entry):
            values = [text for number, text in entry if number == _VALUE] or [b""]
            for text in values:
                yield text.decode("utf-8", "backslashreplace")

    def _check_operator(self, field: WireField) -> None:
        name = self._data[field.start : field.stop].decode("utf-8", "replace")
        if name in _NO_FILES:
            raise ValueError(f"expected a graph that reads no files, got the operator {name}")
