"""Binary glTF files for Blender, Unity, Unreal, Godot and browsers: a skinned mannequin that moves.

Metres, Y up, facing +Z, T-pose rest, as the motion itself: nothing is converted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ..base.atomic_file import atomic_path
from ..motion.clip import Clip
from ..motion.skeleton import JOINT_NAMES, N_JOINTS
from .gltf import INDICES, VERTICES, GltfFile, Json
from .mannequin import MATERIALS, build_mannequin
from .rig import Rig, add_animation, add_skeleton, clip_name, clip_notes
from .root_motion import add_root_bone, add_root_motion


def write_glb(
    clip: Clip,
    path: str | os.PathLike[str],
    names: Sequence[str] = JOINT_NAMES,
    root_bone: bool = False,
) -> None:
    """Write the clip as one animation of one mannequin. OutputError.

    `names` are those of its bones, in the order of the joints. With `root_bone`, a bone on the
    floor, above the pelvis, carries the path and the heading.
    """
    rig = Rig.of(clip)
    file = GltfFile(clip_notes(clip))
    add_skeleton(file, rig, names)
    root = add_root_bone(file) if root_bone else None
    _add_mannequin(file, rig, root)
    if root is None:
        add_animation(file, rig, clip_name(clip))
    else:
        add_root_motion(file, rig, root, clip_name(clip))
    with atomic_path(path) as part, part.open("wb") as stream:
        stream.write(file.encoded())


def _add_mannequin(file: GltfFile, rig: Rig, root: int | None) -> None:
    """Add mesh, colours and the skin that binds it to nodes 0 to 21, beside the skeleton.

    A bone `root` at the origin belongs to the skin, and carries nothing.
    """
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
    bones = [*range(N_JOINTS), *(() if root is None else (root,))]
    to_joint = np.tile(np.eye(4, dtype="f4"), (len(bones), 1, 1))
    to_joint[:N_JOINTS, 3, :3] = -rest  # matrices are stored column by column
    file.json["meshes"] = [{"name": "mannequin", "primitives": primitives}]
    file.json["materials"] = [_material(name) for name in MATERIALS]
    top = 0 if root is None else root
    file.json["skins"] = [
        {"skeleton": top, "joints": bones, "inverseBindMatrices": file.add(to_joint)}
    ]
    file.json["nodes"].append({"name": "mannequin", "mesh": 0, "skin": 0})
    file.json["scenes"][0]["nodes"].append(len(file.json["nodes"]) - 1)


def _material(name: str) -> Json:
    colour = [*MATERIALS[name], 1.0]
    surface: Json = {"baseColorFactor": colour, "metallicFactor": 0.0, "roughnessFactor": 0.6}
    return {"name": name, "pbrMetallicRoughness": surface}
