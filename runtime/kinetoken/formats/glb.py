"""Binary glTF files for Blender, Unity, Unreal, Godot and browsers: a skinned mannequin that moves.

Metres, Y up, facing +Z, T-pose rest, as the motion itself: nothing is converted.
"""

from __future__ import annotations

import os

import numpy as np

from ..base.atomic_file import atomic_path
from ..motion.clip import Clip
from ..motion.skeleton import N_JOINTS
from .gltf import INDICES, VERTICES, GltfFile, Json
from .mannequin import MATERIALS, build_mannequin
from .rig import Rig, add_animation, add_skeleton, clip_name, clip_notes


def write_glb(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write the clip as one animation of one mannequin. OutputError."""
    rig = Rig.of(clip)
    file = GltfFile(clip_notes(clip))
    add_skeleton(file, rig)
    _add_mannequin(file, rig)
    add_animation(file, rig, clip_name(clip))
    with atomic_path(path) as part, part.open("wb") as stream:
        stream.write(file.encoded())


def _add_mannequin(file: GltfFile, rig: Rig) -> None:
    """Add mesh, colours and the skin that binds it to nodes 0 to 21, beside the skeleton."""
    rest = rig.rest_joints()
    mesh = build_mannequin(rest)
    attributes = {
        "POSITION": file.add(mesh.positions, VERTICES, bounds=True),
        "NORMAL": file.add(mesh.normals, VERTICES),
        "JOINTS_0": file.add(mesh.joints, VERTICES),
        "WEIGHTS_0": file.add(mesh.weights, VERTICES),
    }
    primitives: list[Json] = [
        {
            "attributes": attributes,
            "indices": file.add(mesh.triangles[name], INDICES),
            "material": number,
        }
        for number, name in enumerate(MATERIALS)
    ]
    to_joint = np.tile(np.eye(4, dtype="f4"), (N_JOINTS, 1, 1))
    to_joint[:, 3, :3] = -rest  # matrices are stored column by column
    file.json["meshes"] = [{"name": "mannequin", "primitives": primitives}]
    file.json["materials"] = [_material(name) for name in MATERIALS]
    file.json["skins"] = [
        {"skeleton": 0, "joints": list(range(N_JOINTS)), "inverseBindMatrices": file.add(to_joint)}
    ]
    file.json["nodes"].append({"name": "mannequin", "mesh": 0, "skin": 0})
    file.json["scenes"][0]["nodes"].append(len(file.json["nodes"]) - 1)


def _material(name: str) -> Json:
    colour = [*MATERIALS[name], 1.0]
    surface: Json = {"baseColorFactor": colour, "metallicFactor": 0.0, "roughnessFactor": 0.6}
    return {"name": name, "pbrMetallicRoughness": surface}
