"""The skeleton of a file of others: a tree of named joints with a pose of rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...motion.skeleton import Array64


@dataclass(frozen=True)
class Poses:
    """Some frames of all joints, in the file's unit and axes."""

    points: Array64
    """(T, J, 3) where each joint is."""
    turned: Array64
    """(T, J, 3, 3) how each joint is turned in the world."""


@dataclass(frozen=True)
class SkeletonTree:
    """Joints, each after its parent."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each joint's parent, before the joint; -1 of a root.

    The ends of the last bones are joints too.
    """
    rest: Poses
    """One frame: the pose in which the file's author built the skeleton.

    It may be no pose of a body.
    """

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Of each joint."""
        below: list[list[int]] = [[] for _ in self.names]
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                below[parent].append(joint)
        return tuple(map(tuple, below))

    def path(self, joint: int) -> list[int]:
        """The joint and all above it, up to the root."""
        way = []
        while joint >= 0:
            way.append(joint)
            joint = self.parents[joint]
        return way

    def is_below(self, joint: int, above: int) -> bool:
        """Tell whether `joint` hangs below `above`, at whatever distance."""
        return joint != above and above in self.path(joint)

    def meeting(self, joints: Sequence[int]) -> int:
        """The lowest joint that all of these hang below, or that is one of them; -1 for none."""
        common = set(self.path(joints[0]))
        for joint in joints[1:]:
            common &= set(self.path(joint))
        return max(common, default=-1)  # parents come first, so the lowest is the last
