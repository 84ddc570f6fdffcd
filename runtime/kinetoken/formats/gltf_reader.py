"""Binary glTF 2.0 of anybody: its JSON, its arrays, its animations.

Meshes and pictures are left on the disk.

Sizes are checked against the file before anything is read. Source: the specification of glTF 2.0
(Khronos).
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..base.input_file import open_input
from ..base.json_text import parse_json
from ..motion.quaternions import from_matrices
from ..motion.skeleton import Array64
from .gltf import Json

_JSON: Final = 0x4E4F534A
_BIN: Final = 0x004E4942
_LARGEST_JSON: Final = 256 << 20  # bytes
_MOST_NODES: Final = 20_000
_DEEPEST: Final = 500
"""Nodes above a node; those of a body are some thirty."""
_TIMES_READ: Final = 16
"""So often the bytes of a file may be worked through, as numbers of 8 bytes each."""
_LEAST_READ: Final = 1 << 24  # bytes that any file may have
_COMPONENTS: Final = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS: Final = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_DATA: Final = "data:"
_HUMANOIDS: Final = ("VRMC_vrm_animation", "VRMC_vrm", "VRM")
"""Extensions that say which node is which bone."""
_PATHS: Final = {"translation": 3, "rotation": 4, "scale": 3}
_TINY: Final = 1e-9
_ROUNDING: Final = 1e-4  # seconds by which the single precision of a file may put a key too late


class GltfError(ValueError):
    """The file is no glTF that can be read; the words say why, and what to do."""


@dataclass(frozen=True)
class Node:
    """A node of the scene, relative to its parent, at rest."""

    name: str
    parent: int
    """-1 of a root."""
    translation: Array64
    rotation: Array64
    """x y z w"""
    scale: Array64


@dataclass(frozen=True)
class KeyframeTrack:
    """How one property of one node changes."""

    node: int
    path: str
    """translation, rotation or scale."""
    times: Array64
    """(K,) seconds."""
    values: Array64
    """(K, 3 or 4); three times as wide for CUBICSPLINE: tangent, value, tangent."""
    interpolation: str

    def at(self, seconds: Array64) -> Array64:
        """(T, 3 or 4) The property at some times.

        Before the first key and after the last, theirs.
        """
        keys = self.values.reshape(len(self.times), -1, _PATHS[self.path])
        begun = np.searchsorted(self.times, seconds + _ROUNDING, side="right")
        low = np.clip(begun - 1, 0, len(keys) - 1)
        high = np.minimum(low + 1, len(keys) - 1)
        span = self.times[high] - self.times[low]
        share = np.clip((seconds - self.times[low]) / np.maximum(span, _TINY), 0.0, 1.0)[:, None]
        if self.interpolation == "CUBICSPLINE":
            return self._unit(_hermite(keys[low], keys[high], share, span[:, None]))
        begin, end = keys[low, 0], keys[high, 0]
        if self.interpolation == "STEP":
            return self._unit(np.where(share < 1.0, begin, end))
        if self.path == "rotation":
            return _slerp(self._unit(begin), self._unit(end), share)
        return np.asarray(begin * (1 - share) + end * share)

    def _unit(self, values: Array64) -> Array64:
        return _unit(values) if self.path == "rotation" else values


class GltfReader:
    """One file, whose arrays are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        """GltfError, OSError."""
        self.json, self._begin, self._size = _open(path)
        self._path = path
        self._left = _TIMES_READ * path.stat().st_size + _LEAST_READ
        self._arrays: dict[object, Array64] = {}
        self._buffers: dict[object, bytes] = {}
        self._tracks: dict[int, list[KeyframeTrack]] = {}

    @property
    def is_ours(self) -> bool:
        """Whether this project wrote the file."""
        return _dict(self.json.get("asset")).get("generator") == "kinetoken"

    @property
    def extras(self) -> Json:
        """Free notes of the asset."""
        return _dict(_dict(self.json.get("asset")).get("extras"))

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes, at rest."""
        listed = _list(self.json.get("nodes"))
        if len(listed) > _MOST_NODES:
            raise GltfError(
                f"{len(listed)} nodes where at most {_MOST_NODES} are read; save the body alone"
            )
        parents = [-1] * len(listed)
        for index, node in enumerate(listed):
            for child in _list(_dict(node).get("children")):
                if not _is_whole(child) or not 0 <= child < len(listed) or parents[child] >= 0:
                    raise GltfError("nodes that form no tree; export it again")
                parents[child] = index
        return [
            _node(_dict(node), index, parent)
            for index, (node, parent) in enumerate(zip(listed, parents, strict=True))
        ]

    def in_order(self, wanted: set[int]) -> list[int]:
        """These nodes and all above them, each after its parent."""
        depth: dict[int, int] = {}
        for node in wanted:
            way = []
            while node >= 0 and node not in depth:
                way.append(node)
                node = self.nodes[node].parent
                if len(way) > _DEEPEST:
                    raise GltfError("nodes that form no tree, or a very deep one; export it again")
            above = depth[node] if node >= 0 else -1
            if above + len(way) > _DEEPEST:
                raise GltfError("nodes that form a very deep tree; export it again")
            for place, one in enumerate(reversed(way), start=1):
                depth[one] = above + place
        return sorted(depth, key=lambda node: (depth[node], node))

    @cached_property
    def animations(self) -> list[str]:
        """The names of all animations."""
        found = [_dict(one).get("name") for one in _list(self.json.get("animations"))]
        return [
            name if isinstance(name, str) else f"animation {n}"
            for n, name in enumerate(found, start=1)
        ]

    @cached_property
    def skins(self) -> list[set[int]]:
        """Of each skin, the nodes that it ties a mesh to."""
        joints = [_list(_dict(skin).get("joints")) for skin in _list(self.json.get("skins"))]
        return [
            {node for node in some if _is_whole(node) and 0 <= node < len(self.nodes)}
            for some in joints
        ]

    @cached_property
    def bones(self) -> dict[str, int]:
        """Humanoid bones to nodes, as an extension of VRM says it; empty where none does."""
        extensions = _dict(self.json.get("extensions"))
        for name in _HUMANOIDS:
            bones = _dict(_dict(extensions.get(name)).get("humanoid")).get("humanBones")
            if isinstance(bones, list):  # VRM 0
                bones = {str(_dict(bone).get("bone")): bone for bone in bones}
            nodes = {str(bone): _dict(one).get("node") for bone, one in _dict(bones).items()}
            found = {bone: node for bone, node in nodes.items() if _is_whole(node)}
            if found:
                return {bone: n for bone, n in found.items() if 0 <= n < len(self.nodes)}
        return {}

    def tracks(self, animation: int) -> list[KeyframeTrack]:
        """What moves nodes in an animation; weights of meshes and the like are left out."""
        if animation not in self._tracks:
            self._tracks[animation] = self._read_tracks(animation)
        return self._tracks[animation]

    def _read_tracks(self, animation: int) -> list[KeyframeTrack]:
        found = _dict(_list(self.json.get("animations"))[animation])
        samplers, out = _list(found.get("samplers")), []
        for channel in map(_dict, _list(found.get("channels"))):
            target = _dict(channel.get("target"))
            node, path = target.get("node"), target.get("path")
            if not isinstance(path, str) or path not in _PATHS or not _is_whole(node):
                continue
            if not 0 <= node < len(self.nodes):
                raise GltfError(f"an animation of node {node}, which is not there; export it again")
            out.append(
                self._track(node, path, _dict(_at(samplers, channel.get("sampler"), "sampler")))
            )
        return out

    def _track(self, node: int, path: str, sampler: Json) -> KeyframeTrack:
        interpolation = sampler.get("interpolation", "LINEAR")
        times = self._array(sampler.get("input"))[:, 0]
        values = self._array(sampler.get("output"))
        self._spend(times.nbytes + values.nbytes)
        cubic = interpolation == "CUBICSPLINE"
        if not len(times) or values.shape != (len(times) * (3 if cubic else 1), _PATHS[path]):
            raise GltfError(
                f"{len(times)} times and {len(values)} values of {path}; export it again"
            )
        if (
            not np.isfinite(times).all()
            or (np.diff(times) < 0).any()
            or not np.isfinite(values).all()
        ):
            raise GltfError(
                "key times that do not go on, or values that are no numbers; export it again"
            )
        return KeyframeTrack(node, path, times, values.reshape(len(times), -1), str(interpolation))

    def _spend(self, count: int) -> None:
        """Count bytes that are worked through. GltfError once a file has the same read too often.

        A small file could say of a thousand arrays that they are the same large one.
        """
        self._left -= count
        if self._left < 0:
            raise GltfError("animations that use the same data over and over; export it again")

    def _array(self, accessor: object) -> Array64:
        """(count, width) of one accessor."""
        if _is_whole(accessor) and accessor in self._arrays:
            return self._arrays[accessor]
        values = self._arrays[accessor] = self._read_array(accessor)
        return values

    def _read_array(self, accessor: object) -> Array64:
        found = _dict(_at(_list(self.json.get("accessors")), accessor, "accessor"))
        kind, width = _kind(found), _WIDTHS.get(str(found.get("type")))
        count = found.get("count")
        if kind is None or width is None or not _is_whole(count) or count < 0:
            raise GltfError("an accessor of no known kind; export it again")
        dtype = np.dtype(kind)
        if "bufferView" in found:
            raw = self._view(found["bufferView"], found.get("byteOffset", 0), count, width, dtype)
        else:
            if count * width > self._size:
                raise GltfError("an accessor without data; export it again")
            self._spend(count * width * dtype.itemsize)
            raw = np.zeros((count, width), dtype)
        if "sparse" in found:
            raw = self._sparse(raw.copy(), _dict(found["sparse"]), width, dtype)
        values = raw.astype(np.float64)
        if dtype.kind != "f" and found.get("normalized"):
            values = np.maximum(values / np.iinfo(dtype).max, -1.0)
        return values

    def _sparse(
        self, raw: NDArray[Any], sparse: Json, width: int, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        count, places, values = (
            sparse.get("count"),
            _dict(sparse.get("indices")),
            _dict(sparse.get("values")),
        )
        kind = _kind(places)
        if not _is_whole(count) or kind is None or not 0 <= count <= len(raw):
            raise GltfError("a sparse accessor of no known kind; export it again")
        where = self._view(
            places.get("bufferView"), places.get("byteOffset", 0), count, 1, np.dtype(kind)
        )[:, 0]
        if count and int(where.max()) >= len(raw):
            raise GltfError("a sparse accessor that points outside; export it again")
        raw[where] = self._view(
            values.get("bufferView"), values.get("byteOffset", 0), count, width, dtype
        )
        return raw

    def _view(
        self, index: object, offset: Any, count: int, width: int, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """(count, width) numbers out of a buffer view, whose stride may leave room between them."""
        view = _dict(_at(_list(self.json.get("bufferViews")), index, "bufferView"))
        packed = [name for name in _dict(view.get("extensions")) if "meshopt" in name]
        if packed:
            raise GltfError(
                f"data packed by {packed[0]}; save it without compression (gltf-transform copy)"
            )
        item = width * dtype.itemsize
        stride, start = view.get("byteStride", item), view.get("byteOffset", 0)
        length = view.get("byteLength", -1)
        for size in (stride, start, length, offset):
            if not _is_whole(size) or size < 0:
                raise GltfError("a bufferView without sizes; export it again")
        if stride < item:
            raise GltfError("a bufferView that is too narrow; export it again")
        begin, held = start + offset, stride * (count - 1) + item if count else 0
        if offset + held > length:
            raise GltfError("an accessor that is larger than its data; export it again")
        raw = self._bytes(view.get("buffer", 0), begin, held)
        rows = np.lib.stride_tricks.as_strided(
            np.frombuffer(raw, np.uint8), (count, item), (stride, 1)
        )
        return np.ascontiguousarray(rows).view(dtype)

    def _bytes(self, index: object, begin: int, count: int) -> bytes:
        buffer = _dict(_at(_list(self.json.get("buffers")), index, "buffer"))
        uri = buffer.get("uri")
        if uri is None:
            if begin + count > self._size:
                raise GltfError(
                    f"{begin + count} bytes of data announced, {self._size} there: cut short? "
                    "copy it again"
                )
            self._spend(count)
            with open_input(self._path) as stream:
                stream.seek(self._begin + begin)
                raw = stream.read(count)
        else:
            if index not in self._buffers:
                self._buffers[index] = self._embedded(str(uri))
            raw = self._buffers[index][begin : begin + count]
            self._spend(len(raw))
        if len(raw) != count:
            raise GltfError("data that is cut short; copy or export it again")
        return raw

    def _embedded(self, uri: str) -> bytes:
        head, comma, body = uri.partition(",")
        if not uri.startswith(_DATA) or not comma or not head.endswith("base64"):
            raise GltfError("data in a file beside it; save it as one .glb with everything inside")
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error:
            raise GltfError("data that is damaged; copy or export it again") from None


def _open(path: Path) -> tuple[Json, int, int]:
    """The JSON, and where in the file the binary data begins and how long it is."""
    total = path.stat().st_size
    with open_input(path) as stream:
        head = stream.read(20)
        if len(head) < 20 or head[:4] != b"glTF":
            raise GltfError("no binary glTF; export it as .glb")
        version, length, json_size, kind = struct.unpack("<IIII", head[4:])
        if version != 2 or kind != _JSON:
            raise GltfError(f"glTF of version {version} where 2 is read; export it again")
        if length > total or 20 + json_size > total:
            raise GltfError(f"{length} bytes announced, {total} there: cut short? copy it again")
        if json_size > _LARGEST_JSON:
            raise GltfError(f"a header of {json_size >> 20} MiB; save the body alone")
        text = stream.read(json_size)
        head = stream.read(8)
        size, kind = struct.unpack("<II", head) if len(head) == 8 else (0, _BIN)
        begin = 28 + json_size
    try:
        document = parse_json(text)
    except ValueError:
        raise GltfError("a header that is no JSON; export it again") from None
    if not isinstance(document, dict):
        raise GltfError("a header that is no JSON object; export it again")
    return document, begin, max(0, min(size, total - begin)) if kind == _BIN else 0


def _node(node: Json, index: int, parent: int) -> Node:
    name = node.get("name")
    name = name if isinstance(name, str) else f"node {index}"
    if "matrix" in node:
        matrix = _vector(node["matrix"], 16).reshape(4, 4).T
        scale = np.maximum(np.linalg.norm(matrix[:3, :3], axis=0), _TINY)
        scale[0] *= -1.0 if np.linalg.det(matrix[:3, :3]) < 0 else 1.0
        return Node(name, parent, matrix[:3, 3], from_matrices(matrix[:3, :3] / scale), scale)
    rotation = _unit(_vector(node.get("rotation", (0, 0, 0, 1)), 4))
    scale = _vector(node.get("scale", (1, 1, 1)), 3)
    return Node(name, parent, _vector(node.get("translation", (0, 0, 0)), 3), rotation, scale)


def _vector(values: object, size: int) -> Array64:
    try:
        out = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        out = np.empty(0)
    if out.shape != (size,) or not np.isfinite(out).all():
        raise GltfError("a node whose place is no number; export it again")
    return out


def _kind(array: Json) -> str | None:
    """The type of numbers in an array, as NumPy calls it."""
    component = array.get("componentType")
    return _COMPONENTS.get(component) if _is_whole(component) else None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(values: Sequence[Any], index: object, what: str) -> object:
    if not _is_whole(index) or not 0 <= index < len(values):
        raise GltfError(f"{what} {index!s:.20}, which is not there; export it again")
    return values[index]


def matrices(quaternions: Array64) -> Array64:
    """Unit quaternions (..., 4), x y z w, to rotation matrices (..., 3, 3)."""
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def _unit(values: Array64) -> Array64:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), _TINY))


def _slerp(begin: Array64, end: Array64, share: Array64) -> Array64:
    """The short way between unit quaternions (T, 4)."""
    cosine = (begin * end).sum(axis=-1, keepdims=True)
    end, cosine = np.where(cosine < 0, -end, end), np.minimum(np.abs(cosine), 1.0)
    angle = np.arccos(cosine)
    sine = np.sin(angle)
    near = sine < 1e-6
    safe = np.where(near, 1.0, sine)
    one = np.where(near, 1 - share, np.sin((1 - share) * angle) / safe)
    other = np.where(near, share, np.sin(share * angle) / safe)
    return _unit(begin * one + end * other)


def _hermite(low: Array64, high: Array64, share: Array64, span: Array64) -> Array64:
    """Keys (T, 3, n) of tangent in, value, tangent out."""
    s2, s3 = share**2, share**3
    out = (2 * s3 - 3 * s2 + 1) * low[:, 1] + (s3 - 2 * s2 + share) * span * low[:, 2]
    return np.asarray(out + (3 * s2 - 2 * s3) * high[:, 1] + (s3 - s2) * span * high[:, 0])
