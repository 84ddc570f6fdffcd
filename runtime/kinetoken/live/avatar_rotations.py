"""Joint positions to rotations of an avatar: relative to the T-pose, as steady quaternions."""

from __future__ import annotations

import numpy as np

from ..motion.quaternions import QuaternionRun
from ..motion.rotations import RestPose, global_rotations, local_rotations
from ..motion.skeleton import N_JOINTS, PARENTS, Array, Array64


class RigRun:
    """The rotations of one motion, in pieces of any size.

    The rest pose is that of a mean body: a stream has no whole to fit to.
    """

    def __init__(self) -> None:
        self._rest, self._quaternions = RestPose.standard(), QuaternionRun()

    def push(self, joints: Array) -> Array64:
        """Positions (n, 22, 3) to unit quaternions xyzw (n, 22, 4), each relative to its parent.

        The root's are relative to the world. Right-handed, Y up; in T-pose facing +Z all are
        (0, 0, 0, 1).
        """
        return self._quaternions.push(local_rotations(global_rotations(joints, self._rest)))


def rest_offsets() -> Array64:
    """Offsets (22, 3) of each joint from its parent in T-pose, metres.

    The root's is its height above the lowest joint.
    """
    offsets = RestPose.standard().offsets.copy()
    height = np.zeros(N_JOINTS)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        height[joint] = height[parent] + offsets[joint, 1]
    offsets[0, 1] = -height.min()
    return offsets
