"""Root motion in glTF: a bone on the floor that carries path and heading, as game engines use it.

What the pelvis does beside them stays its own, so the body moves as before.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..motion.skeleton import Array, Array64
from ..motion.transition import heading, yaw
from .gltf import GltfFile, Json
from .rig import Rig, add_animation

ROOT_BONE: Final = "root"
_FLOOR: Final = np.array([1.0, 0.0, 1.0])


def root_path(joints: Array) -> tuple[Array64, Array64]:
    """Positions (T, 3) on the floor and headings (T,) of joints (T, 22, 3), radians, unwrapped."""
    turns = np.unwrap([heading(np.asarray(pose, np.float64)) for pose in joints])
    return joints[:, 0].astype(np.float64) * _FLOOR, np.asarray(turns, np.float64)


def add_root_bone(file: GltfFile) -> int:
    """Add a bone above node 0, at the origin; its number."""
    node = len(file.json["nodes"])
    file.json["nodes"].append({"name": ROOT_BONE, "children": [0]})
    file.json["scenes"][0]["nodes"] = [node]
    return node


def add_root_motion(file: GltfFile, rig: Rig, node: int, name: str) -> None:
    """Add the animation, shared between the root bone `node` and the joints."""
    place, turns = root_path(rig.joints())
    back = np.array([yaw(-turn) for turn in turns])
    rotations = rig.rotations.copy()
    rotations[:, 0] = back @ rotations[:, 0]
    pelvis = np.einsum("tij,tj->ti", back, rig.root - place)
    add_animation(file, Rig(rig.rest, pelvis, rotations, rig.fps), name)
    turned = np.zeros((len(turns), 4))
    turned[:, 1], turned[:, 3] = np.sin(turns / 2.0), np.cos(turns / 2.0)
    animation = file.json["animations"][0]
    times = animation["samplers"][0]["input"]
    for path, values in (("translation", place), ("rotation", turned)):
        output = file.add(values.astype("f4"))
        target: Json = {"node": node, "path": path}
        animation["channels"].append({"sampler": len(animation["samplers"]), "target": target})
        animation["samplers"].append({"input": times, "interpolation": "LINEAR", "output": output})
