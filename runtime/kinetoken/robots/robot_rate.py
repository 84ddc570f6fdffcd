"""A robot's motion at another frame rate: angles linear, the root's turn by slerp.

A cubic would leave the joints' limits between frames; a line between two allowed poses does not,
and is no faster than the frames are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..motion.quaternions import slerp
from .robot_run import RobotMotion, RobotPose


def robot_at_rate(motion: RobotMotion, fps: float) -> RobotMotion:
    """The same motion with `fps` frames a second, from the first frame to the last."""
    count = int((len(motion) - 1) / motion.fps * fps + 1e-9) + 1 if len(motion) else 0
    at = np.minimum(np.arange(count) * (motion.fps / fps), max(len(motion) - 1, 0))
    low = np.minimum(at.astype(int), max(len(motion) - 2, 0))
    high, part = np.minimum(low + 1, max(len(motion) - 1, 0)), (at - low)[:, None]
    return replace(
        motion,
        root=motion.root[low] * (1 - part) + motion.root[high] * part,
        quaternions=slerp(motion.quaternions[low], motion.quaternions[high], part),
        angles=motion.angles[low] * (1 - part) + motion.angles[high] * part,
        fps=fps,
    )


def robot_between(before: RobotPose, after: RobotPose, share: float) -> RobotPose:
    """The pose a share of the way from one to the next."""
    return RobotPose(
        before.root * (1.0 - share) + after.root * share,
        slerp(before.quaternion, after.quaternion, share),
        before.angles * (1.0 - share) + after.angles * share,
    )
