"""Motion made by formula, for tests that must not need data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import FPS, JOINT
from kinetoken_viewer.stage.standing_pose import upright_pose

STRIDE = 0.32  # metres that a foot swings to each side
STEPS_PER_SECOND = 1.8


def walking(frames: int, speed: float = 1.2) -> NDArray[np.float32]:
    """A stiff walk along +Z, (frames, 22, 3) metres: limbs swing, bone lengths are only roughly kept."""
    pose = upright_pose()
    time = np.arange(frames) / FPS
    swing = STRIDE * np.sin(np.pi * STEPS_PER_SECOND * time)
    joints = np.repeat(pose[None], frames, axis=0)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for name, share in (
            ("knee", 0.5),
            ("ankle", 1.0),
            ("foot", 1.0),
            ("elbow", -0.5),
            ("wrist", -1.0),
        ):
            joints[:, JOINT[f"{side}_{name}"], 2] += sign * share * swing
    joints[:, :, 2] += (speed * time)[:, None]
    return joints.astype(np.float32)


def raised_arms() -> NDArray[np.float32]:
    """One pose (22, 3) with both arms straight up."""
    pose = upright_pose()
    for side in ("left", "right"):
        shoulder = pose[JOINT[f"{side}_shoulder"]]
        pose[JOINT[f"{side}_elbow"]] = shoulder + np.array([0.0, 0.263, 0.0])
        pose[JOINT[f"{side}_wrist"]] = shoulder + np.array([0.0, 0.53, 0.0])
    return pose.astype(np.float32)
