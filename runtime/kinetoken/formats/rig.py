"""A clip as rotations of a skeleton: the common part of BVH, glTF and VRM animation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..motion.clip import Clip
from ..motion.quaternions import QuaternionRun
from ..motion.rotations import (
    CHILDREN,
    RestPose,
    forward_kinematics,
    global_rotations,
    local_rotations,
)
from ..motion.skeleton import JOINT, JOINT_NAMES, N_JOINTS, PARENTS, Array64
from .gltf import GltfFile, Json

_SOLE: Final = 0.022  # metres: foot joints lie inside the foot, the floor is a little lower
_LONGEST_NAME: Final = 60  # letters


@dataclass(frozen=True)
class Rig:
    """Bones of constant length, and the rotation of each in every frame."""

    rest: RestPose
    root: Array64
    """(T, 3) pelvis, metres."""
    rotations: Array64
    """(T, 22, 3, 3) relative to the parent."""
    fps: float

    @classmethod
    def of(cls, clip: Clip) -> Rig:
        """The clip's body in T-pose, and its motion."""
        rest = RestPose.fit(clip.joints)
        rotations = local_rotations(global_rotations(clip.joints, rest))
        return cls(rest, clip.joints[:, 0].astype(np.float64), rotations, clip.fps)

    def turned(self, turn: Array64) -> Rig:
        """The same body and motion in other axes: `turn` (3, 3) carries ours into them."""
        rest = RestPose(self.rest.offsets @ turn.T)
        return Rig(rest, self.root @ turn.T, turn @ self.rotations @ turn.T, self.fps)

    def joints(self) -> Array64:
        """Joint positions (T, 22, 3) of the rotated bones, metres."""
        return forward_kinematics(self.root, self.rotations, self.rest)

    def rest_joints(self) -> Array64:
        """The T-pose (22, 3), metres, that stands on the floor at X = Z = 0."""
        upright = np.broadcast_to(np.eye(3), (1, N_JOINTS, 3, 3))
        points: Array64 = forward_kinematics(np.zeros((1, 3)), upright, self.rest)[0]
        feet = points[[JOINT["left_foot"], JOINT["right_foot"]], 1]
        points[:, 1] += _SOLE - feet.min()
        return points


def add_skeleton(file: GltfFile, rig: Rig, names: Sequence[str] = JOINT_NAMES) -> None:
    """Add nodes 0 to 21, in the order of the joints, in T-pose, under these names."""
    places = rig.rest.offsets.copy()
    places[0] = rig.rest_joints()[0]
    nodes: list[Json] = []
    for joint, name in enumerate(names):
        node: Json = {"name": name, "translation": [float(v) for v in places[joint]]}
        if CHILDREN[joint]:
            node["children"] = list(CHILDREN[joint])
        nodes.append(node)
    assert PARENTS[0] == -1
    file.json["nodes"] = nodes
    file.json["scene"] = 0
    file.json["scenes"] = [{"nodes": [0]}]


def add_animation(file: GltfFile, rig: Rig, name: str) -> None:
    """Add one animation.

    The position of the pelvis, and the rotation of every joint with a bone.
    """
    times = file.add(
        np.arange(len(rig.root), dtype=np.float64).astype("f4") / np.float32(rig.fps), bounds=True
    )
    turned = QuaternionRun().push(rig.rotations).astype("f4")
    outputs = [(0, "translation", file.add(rig.root.astype("f4")))]
    outputs += [(j, "rotation", file.add(turned[:, j])) for j in range(N_JOINTS) if CHILDREN[j]]
    samplers = [
        {"input": times, "interpolation": "LINEAR", "output": output} for _, _, output in outputs
    ]
    channels = [
        {"sampler": index, "target": {"node": node, "path": path}}
        for index, (node, path, _) in enumerate(outputs)
    ]
    file.json["animations"] = [{"name": name, "samplers": samplers, "channels": channels}]


def clip_name(clip: Clip) -> str:
    """The name of the clip's animation."""
    return whole_characters(clip.prompt)[:_LONGEST_NAME].strip() or "motion"


def clip_notes(clip: Clip) -> Json:
    """Prompt, text, seed and other notes on the clip."""
    known: Json = {
        "prompt": whole_characters(clip.prompt),
        "text": whole_characters(clip.text),
        "seed": clip.seed,
        **clip.meta,
    }
    return {key: value for key, value in known.items() if value not in ("", None)}


def whole_characters(text: str) -> str:
    """The text without half characters, which not every JSON reader accepts."""
    return text.encode("utf-8", "replace").decode("utf-8")
