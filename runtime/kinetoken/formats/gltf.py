"""glTF 2.0 in one binary file: arrays and the JSON that names them.

Source: the Khronos specification of glTF 2.0.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]

GENERATOR: Final = "kinetoken"
_MAGIC: Final = b"glTF"
_VERSION: Final = 2
_ALIGNMENT: Final = 4  # bytes
_COMPONENTS: Final = {"f4": 5126, "u1": 5121, "u2": 5123, "u4": 5125}
_SHAPES: Final[dict[tuple[int, ...], str]] = {
    (): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4",
}  # fmt: skip
VERTICES: Final = 34962
INDICES: Final = 34963


class GltfFile:
    """A scene in the making: arrays become accessor numbers, the rest is plain JSON."""

    def __init__(self, extras: Json | None = None) -> None:
        """`extras` are notes on the asset."""
        self.json: Json = {"asset": {"version": "2.0", "generator": GENERATOR}}
        if extras:
            self.json["asset"]["extras"] = extras
        self._views: list[Json] = []
        self._accessors: list[Json] = []
        self._bytes = bytearray()

    def add(self, values: NDArray[Any], target: int | None = None, bounds: bool = False) -> int:
        """Add an array (n, ...) of float32, uint8, uint16 or uint32; the number of its accessor.

        `target` says how a mesh uses it; `bounds` adds the least and largest values, which
        positions and times need.
        """
        values = np.ascontiguousarray(values)
        self._bytes += bytes(-len(self._bytes) % _ALIGNMENT)
        view: Json = {"buffer": 0, "byteOffset": len(self._bytes), "byteLength": values.nbytes}
        if target is not None:
            view["target"] = target
        accessor: Json = {
            "bufferView": len(self._views),
            "componentType": _COMPONENTS[values.dtype.str[1:]],
            "count": len(values),
            "type": _SHAPES[values.shape[1:]],
        }
        if bounds:
            accessor |= {"min": _listed(values.min(axis=0)), "max": _listed(values.max(axis=0))}
        self._bytes += values.astype(values.dtype.newbyteorder("<")).tobytes()
        self._views.append(view)
        self._accessors.append(accessor)
        return len(self._accessors) - 1

    def encoded(self) -> bytes:
        """The whole file."""
        self._bytes += bytes(-len(self._bytes) % _ALIGNMENT)
        tables = {"buffers": [{"byteLength": len(self._bytes)}], "bufferViews": self._views}
        document = {**self.json, **tables, "accessors": self._accessors}
        text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
        text += b" " * (-len(text) % _ALIGNMENT)
        chunks = (
            struct.pack("<I4s", len(text), b"JSON")
            + text
            + struct.pack("<I4s", len(self._bytes), b"BIN\0")
        )
        chunks += bytes(self._bytes)
        return struct.pack("<4sII", _MAGIC, _VERSION, 12 + len(chunks)) + chunks


def _listed(value: NDArray[Any]) -> list[float]:
    return [float(v) for v in np.atleast_1d(value)]
