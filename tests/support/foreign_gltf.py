"""Binary glTF as other programs write it.

Arrays of many kinds, an armature with axes of its own.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreign_rigs import ForeignRig
from kinetoken.motion.quaternions import from_matrices

Json = dict[str, Any]
Z_UP_TO_Y_UP = [-(0.5**0.5), 0.0, 0.0, 0.5**0.5]
COMPONENTS = {"f4": 5126, "i2": 5122, "u1": 5121, "i1": 5120, "u2": 5123, "u4": 5125}


@dataclass
class GltfWriter:
    """The document and its data, as they grow."""

    stride: int = 0
    """Bytes from one row to the next; 0: none between them."""
    data: bytearray = field(default_factory=bytearray)
    views: list[Json] = field(default_factory=list)
    accessors: list[Json] = field(default_factory=list)

    def add(self, values: NDArray[Any], normalized: bool = False) -> int:
        """The number of a new accessor."""
        values = np.asarray(values).reshape(len(values), -1)
        rows = [row.tobytes().ljust(self.stride, b"\0") for row in values]
        self.data += bytes(-len(self.data) % 4)
        view: Json = {"buffer": 0, "byteOffset": len(self.data), "byteLength": sum(map(len, rows))}
        if self.stride:
            view["byteStride"] = self.stride
        self.data += b"".join(rows)
        self.views.append(view)
        kind = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}[values.shape[1]]
        accessor = {"bufferView": len(self.views) - 1, "count": len(values), "type": kind}
        self.accessors.append(
            accessor | {"componentType": COMPONENTS[values.dtype.str[1:]], "normalized": normalized}
        )
        return len(self.accessors) - 1

    def file(self, document: Json, embedded: bool = False) -> bytes:
        """The whole file; `embedded`: the data as text in the JSON."""
        buffer: Json = {"byteLength": len(self.data)}
        if embedded:
            buffer["uri"] = (
                "data:application/octet-stream;base64," + base64.b64encode(self.data).decode()
            )
        whole = {"buffers": [buffer], "bufferViews": self.views, "accessors": self.accessors}
        return packed(
            {"asset": {"version": "2.0"}} | document | whole, b"" if embedded else bytes(self.data)
        )


def packed(document: Json, data: bytes = b"") -> bytes:
    """JSON and data as one file."""
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    data += bytes(-len(data) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    if data:
        chunks += struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def document_of(
    rig: ForeignRig, writer: GltfWriter, *, kind: str = "f4", interpolation: str = "LINEAR", fps: float = 30.0,
    centimetres: bool = False, z_up: bool = False, name: str = "Take 001",
) -> Json:  # fmt: skip
    """A skeleton below an armature, and one animation of it."""
    frames = len(rig.root)
    times = writer.add((np.arange(frames) / fps).astype("f4"))
    samplers, channels, nodes = [], [], []

    def animate(node: int, path: str, output: int) -> None:
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({"input": times, "interpolation": interpolation, "output": output})

    scale = 100.0 if centimetres else 1.0
    turn = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]) if z_up else np.eye(3)
    for joint, called in enumerate(rig.names):
        children = [child for child, parent in enumerate(rig.parents) if parent == joint]
        place = rig.offsets[joint] if joint else rig.root[0]
        place = (turn @ place if joint == 0 else place) * scale
        rotation = from_matrices(turn[None])[0] if joint == 0 else np.array([0.0, 0, 0, 1])
        node: Json = {"name": called, "translation": place.tolist(), "rotation": rotation.tolist()}
        nodes.append(node | ({"children": children} if children else {}))
        turns = turn @ rig.turns[:, joint] if joint == 0 else rig.turns[:, joint]
        quaternions = from_matrices(turns)
        animate(
            joint,
            "rotation",
            writer.add(_stored(_keys(quaternions, interpolation, fps), kind), kind != "f4"),
        )
    root = rig.root @ turn.T * scale
    animate(0, "translation", writer.add(_keys(root, interpolation, fps).astype("f4")))
    armature: Json = {"name": "Armature", "children": [0], "scale": [1 / scale] * 3}
    if z_up:
        armature["rotation"] = Z_UP_TO_Y_UP
    nodes.append(armature)
    animation = {"name": name, "samplers": samplers, "channels": channels}
    return {"nodes": nodes, "scenes": [{"nodes": [len(rig.names)]}], "animations": [animation]}


def _keys(values: NDArray[Any], interpolation: str, fps: float) -> NDArray[Any]:
    """Values; between tangents for a cubic spline."""
    if interpolation != "CUBICSPLINE":
        return values
    if values.shape[1] == 4:
        flips = np.sign((values[1:] * values[:-1]).sum(axis=1, keepdims=True))
        values = values * np.concatenate([[[1.0]], np.cumprod(flips, axis=0)])
    slopes = np.gradient(values, 1 / fps, axis=0)
    return np.stack([slopes, values, slopes], axis=1).reshape(len(values) * 3, -1)


def _stored(values: NDArray[Any], kind: str) -> NDArray[Any]:
    if kind == "f4":
        return values.astype("f4")
    return np.round(values * np.iinfo(kind).max).astype(kind)
