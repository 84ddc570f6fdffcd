"""Avatars as other programs write them, built from nothing: VRM 1.0, VRM 0.x and plain glTF, each with a skinned mesh.

Bones rest in axes of their own, as if drawn by chance: who turns them has to look at the rest pose. The specification
that these follow: github.com/vrm-c/vrm-specification, VRMC_vrm-1.0 and 0.0.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# VRM's humanoid bones: parent, and place in metres of a body of 1.2 m in T-pose that faces +Z; left is +X.
BONES: dict[str, tuple[str, tuple[float, float, float]]] = {
    "hips": ("", (0, 0.62, 0)),
    "spine": ("hips", (0, 0.70, 0)),
    "chest": ("spine", (0, 0.80, 0)),
    "neck": ("chest", (0, 0.95, 0)),
    "head": ("neck", (0, 1.0, 0)),
    "leftShoulder": ("chest", (0.03, 0.92, 0)),
    "leftUpperArm": ("leftShoulder", (0.11, 0.92, 0)),
    "leftLowerArm": ("leftUpperArm", (0.28, 0.92, 0)),
    "leftHand": ("leftLowerArm", (0.44, 0.92, 0)),
    "rightShoulder": ("chest", (-0.03, 0.92, 0)),
    "rightUpperArm": ("rightShoulder", (-0.11, 0.92, 0)),
    "rightLowerArm": ("rightUpperArm", (-0.28, 0.92, 0)),
    "rightHand": ("rightLowerArm", (-0.44, 0.92, 0)),
    "leftUpperLeg": ("hips", (0.07, 0.58, 0)),
    "leftLowerLeg": ("leftUpperLeg", (0.07, 0.32, 0)),
    "leftFoot": ("leftLowerLeg", (0.07, 0.06, 0)),
    "leftToes": ("leftFoot", (0.07, 0.02, 0.08)),
    "rightUpperLeg": ("hips", (-0.07, 0.58, 0)),
    "rightLowerLeg": ("rightUpperLeg", (-0.07, 0.32, 0)),
    "rightFoot": ("rightLowerLeg", (-0.07, 0.06, 0)),
    "rightToes": ("rightFoot", (-0.07, 0.02, 0.08)),
}
MIXAMO = {
    "hips": "Hips", "spine": "Spine", "chest": "Spine1", "neck": "Neck", "head": "Head",
    **{f"{side}{bone}": f"{side.title()}{word}" for side in ("left", "right") for bone, word in (
        ("Shoulder", "Shoulder"), ("UpperArm", "Arm"), ("LowerArm", "ForeArm"), ("Hand", "Hand"),
        ("UpperLeg", "UpLeg"), ("LowerLeg", "Leg"), ("Foot", "Foot"), ("Toes", "ToeBase"))},
}  # fmt: skip
_THICK = 0.045  # metres, half the side of each bone's box


@dataclass
class _Parts:
    """The binary chunk and what points into it."""

    data: bytearray
    views: list[dict[str, int]]
    accessors: list[dict[str, Any]]

    def add(self, array: NDArray[Any], kind: str, component: int) -> int:
        raw = array.tobytes()
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)})
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1, "componentType": component, "type": kind,
            "count": array.size // {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[kind],
        }  # fmt: skip
        if kind == "VEC3":
            accessor |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        self.accessors.append(accessor)
        self.data += raw + bytes(-len(raw) % 4)
        return len(self.accessors) - 1


def vrm_1(colour: tuple[float, float, float] = (0.1, 0.8, 0.2)) -> bytes:
    """A VRM 1.0 whose bones have names that say nothing."""
    places = {bone: np.array(place, float) for bone, (_, place) in BONES.items()}
    names = {bone: f"node_{i:02}" for i, bone in enumerate(BONES)}
    document, data = _model(places, names, colour)
    numbers = _numbers(document, names)
    document["extensionsUsed"] = ["VRMC_vrm"]
    document["extensions"] = {"VRMC_vrm": {
        "specVersion": "1.0",
        "meta": {"name": "Green Box", "version": "1", "authors": ["a test"], "licenseUrl": "https://vrm.dev/licenses/1.0/"},
        "humanoid": {"humanBones": {bone: {"node": node} for bone, node in numbers.items()}},
    }}  # fmt: skip
    return _packed(document, data)


def vrm_0(colour: tuple[float, float, float] = (0.1, 0.8, 0.2)) -> bytes:
    """A VRM 0.x, which faces -Z."""
    turn = np.array([-1.0, 1.0, -1.0])
    places = {bone: turn * np.array(place, float) for bone, (_, place) in BONES.items()}
    names = {bone: f"node_{i:02}" for i, bone in enumerate(BONES)}
    document, data = _model(places, names, colour, chance=False)
    rows = [
        {"bone": bone, "node": node, "useDefaultValues": True}
        for bone, node in _numbers(document, names).items()
    ]
    document["extensionsUsed"] = ["VRM"]
    document["extensions"] = {"VRM": {
        "exporterVersion": "test", "specVersion": "0.0",
        "meta": {"title": "Old Box", "author": "a test", "version": "1", "licenseName": "CC0"},
        "humanoid": {"humanBones": rows},
        "firstPerson": {"firstPersonBone": -1, "meshAnnotations": [], "lookAtTypeName": "Bone"},
        "blendShapeMaster": {"blendShapeGroups": []},
        "secondaryAnimation": {"boneGroups": [], "colliderGroups": []},
        "materialProperties": [],
    }}  # fmt: skip
    return _packed(document, data)


def mixamo(
    colour: tuple[float, float, float] = (0.1, 0.8, 0.2), *, centimetres: bool = False
) -> bytes:
    """A plain .glb with Mixamo's names: arms hang at 45 degrees, it faces +X."""
    places = {bone: np.array(place, float) for bone, (_, place) in BONES.items()}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder = places[f"{side}UpperArm"].copy()
        for bone in ("LowerArm", "Hand"):
            reach = abs(places[f"{side}{bone}"][0] - shoulder[0]) / np.sqrt(2)
            places[f"{side}{bone}"] = shoulder + np.array([sign * reach, -reach, 0])
    unit = 100.0 if centimetres else 1.0
    places = {
        bone: unit * np.array([place[2], place[1], -place[0]]) for bone, place in places.items()
    }
    names = {bone: f"mixamorig:{name}" for bone, name in MIXAMO.items()}
    return _packed(*_model(places, names, colour, unit=unit))


def box() -> bytes:
    """A plain .glb that is no body."""
    places = {"hips": np.zeros(3)}
    document, data = _model(places, {"hips": "crate"}, (1, 0, 0))
    return _packed(document, data)


def point() -> bytes:
    """A .glb whose bones have Mixamo's names and all lie in one place."""
    places = {bone: np.zeros(3) for bone in BONES}
    names = {bone: f"mixamorig:{name}" for bone, name in MIXAMO.items()}
    return _packed(*_model(places, names, (1, 0, 0)))


def described(text: bytes) -> bytes:
    """A .glb of nothing but this description."""
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text


def _numbers(document: dict[str, Any], names: dict[str, str]) -> dict[str, int]:
    nodes = [node["name"] for node in document["nodes"]]
    return {bone: nodes.index(name) for bone, name in names.items()}


def _model(
    places: dict[str, Array], names: dict[str, str], colour: tuple[float, float, float],
    *, unit: float = 1.0, chance: bool = True,
) -> tuple[dict[str, Any], bytearray]:  # fmt: skip
    """Skeleton, skin and a box around each bone."""
    rng = np.random.default_rng(3)
    bones = [bone for bone in BONES if bone in places]
    rests = {bone: _turn(rng) if chance else np.array([0.0, 0, 0, 1]) for bone in bones}
    nodes: list[dict[str, Any]] = []
    for bone in bones:
        parent = BONES[bone][0]
        above, from_ = (
            (rests[parent], places[parent]) if parent else (np.array([0.0, 0, 0, 1]), np.zeros(3))
        )
        back = _matrix(above).T
        nodes.append({
            "name": names[bone], "translation": (back @ (places[bone] - from_)).tolist(),
            "rotation": _product(_inverse(above), rests[bone]).tolist(),
            "children": [bones.index(other) for other in bones if BONES[other][0] == bone],
        })  # fmt: skip
        if not nodes[-1]["children"]:
            del nodes[-1]["children"]
    parts = _Parts(bytearray(), [], [])
    primitive = _boxes(
        parts, [places[bone] for bone in bones], [_end(bone, places) for bone in bones], unit
    )
    binds = np.stack([_inverse_bind(rests[bone], places[bone]) for bone in bones]).astype("<f4")
    skin = parts.add(np.ascontiguousarray(binds.transpose(0, 2, 1)).reshape(-1, 16), "MAT4", 5126)
    nodes.append({"name": "mesh", "mesh": 0, "skin": 0})
    document = {
        "asset": {"version": "2.0", "generator": "kinetoken's tests"},
        "scene": 0, "scenes": [{"nodes": [0, len(nodes) - 1]}], "nodes": nodes,
        "meshes": [{"primitives": [{**primitive, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": [*colour, 1.0], "metallicFactor": 0.0}}],
        "skins": [{"joints": list(range(len(bones))), "skeleton": 0, "inverseBindMatrices": skin}],
        "buffers": [{"byteLength": len(parts.data)}], "bufferViews": parts.views, "accessors": parts.accessors,
    }  # fmt: skip
    return document, parts.data


def _end(bone: str, places: dict[str, Array]) -> Array:
    """Where the box of a bone ends: at its first child, or a little farther on."""
    child = next((other for other in places if BONES[other][0] == bone), None)
    if child is not None:
        return places[child]
    parent = BONES[bone][0]
    along = places[bone] - places[parent] if parent else np.array([0, 0.1, 0])
    return places[bone] + 0.6 * along + (np.array([0, 0.12, 0]) if bone == "head" else 0)


def _boxes(parts: _Parts, starts: list[Array], ends: list[Array], unit: float) -> dict[str, Any]:
    corners, joints, faces = [], [], []
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        low, high = np.minimum(start, end) - _THICK * unit, np.maximum(start, end) + _THICK * unit
        base = 8 * number
        corners += [
            [(low, high)[x][0], (low, high)[y][1], (low, high)[z][2]]
            for x in (0, 1)
            for y in (0, 1)
            for z in (0, 1)
        ]
        joints += 8 * [[number, 0, 0, 0]]
        quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
        faces += [base + quad[i] for quad in quads for i in (0, 1, 2, 0, 2, 3)]
    points = np.array(corners)
    middle = points.reshape(-1, 8, 3).mean(1).repeat(8, 0)
    normals = (points - middle) / np.linalg.norm(points - middle, axis=1, keepdims=True)
    return {
        "attributes": {
            "POSITION": parts.add(points.astype("<f4"), "VEC3", 5126),
            "NORMAL": parts.add(normals.astype("<f4"), "VEC3", 5126),
            "JOINTS_0": parts.add(np.array(joints, "<u2"), "VEC4", 5123),
            "WEIGHTS_0": parts.add(np.tile(np.array([1, 0, 0, 0], "<f4"), (len(joints), 1)), "VEC4", 5126),
        },
        "indices": parts.add(np.array(faces, "<u2"), "SCALAR", 5123),
    }  # fmt: skip


def _packed(document: dict[str, Any], data: bytearray) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(data)
    head = struct.pack("<4sII", b"glTF", 2, total)
    return (
        head
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + struct.pack("<I4s", len(data), b"BIN\0")
        + bytes(data)
    )


def _turn(rng: np.random.Generator) -> Array:
    some = rng.normal(size=4)
    return np.asarray(some / np.linalg.norm(some))


def _inverse(q: Array) -> Array:
    return q * np.array([-1.0, -1, -1, 1])


def _product(a: Array, b: Array) -> Array:
    vector = a[3] * b[:3] + b[3] * a[:3] + np.cross(a[:3], b[:3])
    return np.array([*vector, a[3] * b[3] - a[:3] @ b[:3]])


def _matrix(q: Array) -> Array:
    x, y, z, w = q
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def _inverse_bind(rest: Array, place: Array) -> Array:
    out = np.eye(4)
    out[:3, :3] = _matrix(rest).T
    out[:3, 3] = -_matrix(rest).T @ place
    return out
