"""Where arms, head and torso are, in the body's own frame, frame by frame."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.skeleton import BONE_LENGTHS, FPS, JOINT, Array64

from .evidence import LEFT, RIGHT, Evidence

_SIGN: Final = {LEFT: 1.0, RIGHT: -1.0}


def longest_run(flags: NDArray[np.bool_] | Array64) -> int:
    """Length of the longest run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags, int), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def turns(values: Array64, amplitude: float) -> int:
    """Count the turning points of a signal, each at least `amplitude` from the one before."""
    count, direction, low, high = 0, 0, float(values[0]), float(values[0])
    for v in map(float, values[1:]):
        low, high = min(low, v), max(high, v)
        if direction <= 0 and v > low + amplitude:
            count, direction, high = count + (direction != 0), 1, v
        elif direction >= 0 and v < high - amplitude:
            count, direction, low = count + (direction != 0), -1, v
    return count


class Posture:
    """Measurements in the frame (left, up, forward) of the pelvis' facing."""

    def __init__(self, evidence: Evidence) -> None:
        self.e = evidence
        self._wrists: dict[str, Array64] = {}

    @cached_property
    def forward(self) -> Array64:
        """Unit vector (T, 2) ahead of the hips in X, Z, its course smoothed."""
        across = self.e.joint("left_hip") - self.e.joint("right_hip")
        ahead = np.stack([-across[:, 2], across[:, 0]], axis=1)
        padded = np.pad(ahead, ((2, 2), (0, 0)), mode="edge")
        calm = sum(padded[i : i + len(ahead)] for i in range(5))
        return np.asarray(calm / np.linalg.norm(calm, axis=1, keepdims=True))

    def local(self, vectors: Array64) -> Array64:
        """Vectors (T, 3) of the world as (left, up, forward)."""
        fx, fz = self.forward.T
        x, y, z = vectors.T
        return np.stack([x * fz - z * fx, y, x * fx + z * fz], axis=1)

    def between(self, joint: str, origin: str) -> Array64:
        """(T, 3): where `joint` is from `origin`."""
        return self.local(self.e.joint(joint) - self.e.joint(origin))

    def wrist(self, side: str) -> Array64:
        """(T, 3): the wrist from its shoulder."""
        if side not in self._wrists:
            self._wrists[side] = self.between(f"{side}_wrist", f"{side}_shoulder")
        return self._wrists[side]

    def elbow(self, side: str) -> Array64:
        """(T, 3): the elbow from its shoulder."""
        return self.between(f"{side}_elbow", f"{side}_shoulder")

    def elbow_out(self, side: str) -> Array64:
        """(T,): how far the elbow is out from its shoulder."""
        return self.elbow(side)[:, 0] * _SIGN[side]

    def reach(self, side: str) -> Array64:
        """(T,): distance of wrist and shoulder by the length of the arm."""
        whole = BONE_LENGTHS[JOINT[f"{side}_elbow"]] + BONE_LENGTHS[JOINT[f"{side}_wrist"]]
        return np.asarray(np.linalg.norm(self.wrist(side), axis=1) / whole)

    def outward(self, side: str) -> Array64:
        """(T,): how far out from its shoulder the wrist is."""
        return self.wrist(side)[:, 0] * _SIGN[side]

    def wrist_from_chest(self, side: str) -> Array64:
        """(T, 3): the wrist from between the shoulders."""
        middle = (self.e.joint("left_shoulder") + self.e.joint("right_shoulder")) / 2
        return self.local(self.e.joint(f"{side}_wrist") - middle)

    def across(self, side: str) -> Array64:
        """(T,): how far a wrist is past the middle of the chest, on the other side."""
        left, right = (self.e.joint(f"{s}_shoulder") for s in (LEFT, RIGHT))
        axis = (left - right) / np.linalg.norm(left - right, axis=1, keepdims=True)
        wrist = self.e.joint(f"{side}_wrist") - (left + right) / 2
        return np.asarray(-np.sum(wrist * axis, axis=1) * _SIGN[side])

    def from_head(self, side: str) -> Array64:
        """(T, 3): the wrist from the head."""
        return self.between(f"{side}_wrist", "head")

    def outward_from_head(self, side: str) -> Array64:
        """(T,): how far to its own side of the head the wrist is."""
        return self.from_head(side)[:, 0] * _SIGN[side]

    def hand_height(self, side: str) -> Array64:
        """(T,): height of the wrist above the floor."""
        return self.e.height(f"{side}_wrist")

    def hand_speed(self, side: str) -> Array64:
        """(T - 1,): speed of the wrist relative to the pelvis, m/s."""
        return self.e.speed(f"{side}_wrist")

    @cached_property
    def speed_of_hands(self) -> Array64:
        """(T,): speed of the faster wrist, m/s."""
        fast = np.maximum(self.hand_speed(LEFT), self.hand_speed(RIGHT))
        return np.concatenate([fast[:1], fast])

    @cached_property
    def fastest_hand(self) -> float:
        """The highest speed of a wrist, m/s."""
        return float(self.speed_of_hands.max())

    @cached_property
    def hands_apart(self) -> Array64:
        """(T,): distance of the wrists."""
        return np.asarray(
            np.linalg.norm(self.e.joint("left_wrist") - self.e.joint("right_wrist"), axis=1)
        )

    def hands_apart_when_fast(self, side: str) -> float:
        """Distance of the wrists where `side` is fastest."""
        return float(self.hands_apart[int(self.hand_speed(side).argmax())])

    @cached_property
    def hands_calm(self) -> bool:
        """Both hands hang and hardly move of themselves."""
        return all(self.wrist(s)[:, 1].max() < -0.25 for s in (LEFT, RIGHT))

    @cached_property
    def trembling(self) -> NDArray[np.bool_]:
        """(T - 6,): frames in which both wrists shake on the spot."""
        points = self.e.joints[:, [JOINT[j] for j in ("left_wrist", "right_wrist")]]
        if len(points) < 8:
            return np.zeros(1, bool)
        seven = np.lib.stride_tricks.sliding_window_view(points, 7, axis=0)
        shake = np.linalg.norm(np.diff(seven, 2, axis=-1), axis=2).mean(axis=2).min(axis=1) * FPS**2
        spread = np.linalg.norm(np.ptp(seven, axis=-1), axis=-1).max(axis=1)
        return np.asarray((shake > 4.0) & (spread < 0.3))

    @cached_property
    def head_above_shoulder(self) -> float:
        """Height of the head joint over the shoulders when standing at first."""
        shoulders = (self.e.joint("left_shoulder") + self.e.joint("right_shoulder")) / 2
        return float((self.e.joint("head") - shoulders)[:3, 1].mean())

    @cached_property
    def _chest(self) -> tuple[Array64, Array64, Array64]:
        """Unit axes (T, 3) of the chest: left, up, forward."""
        left = self.e.joint("left_collar") - self.e.joint("right_collar")
        left = left / np.linalg.norm(left, axis=1, keepdims=True)
        spine = self.e.joint("neck") - self.e.joint("spine3")
        ahead = np.cross(left, spine)
        ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
        return left, np.cross(ahead, left), ahead

    @cached_property
    def _head(self) -> Array64:
        """(T, 3): the head from the neck along the chest's axes (left, up, forward)."""
        bone = self.e.joint("head") - self.e.joint("neck")
        return np.stack([np.sum(bone * axis, axis=1) for axis in self._chest], axis=1)

    @cached_property
    def head_pitch(self) -> Array64:
        """(T,): the head's bend forward against the chest, radians."""
        return np.asarray(np.arctan2(self._head[:, 2], self._head[:, 1]))

    @cached_property
    def head_yaw(self) -> Array64:
        """(T,): the head's turn to the left against the hips, radians."""
        bone = self.between("head", "neck")
        chest = self.local(self._chest[2])
        ahead = np.maximum(np.hypot(bone[:, 0], bone[:, 2]), 0.03)
        turn = np.arcsin(
            np.clip((bone[:, 0] * chest[:, 2] - bone[:, 2] * chest[:, 0]) / ahead, -1, 1)
        )
        return np.asarray(turn + np.arctan2(chest[:, 0], chest[:, 2]))

    @cached_property
    def chest_yaw(self) -> Array64:
        """(T,): the chest's turn to the left in the world, degrees."""
        ahead = self._chest[2]
        return np.asarray(np.degrees(np.unwrap(np.arctan2(ahead[:, 0], ahead[:, 2]))))

    def shoulder_rise(self, side: str) -> Array64:
        """(T,): how far the shoulder has risen against the spine since the start."""
        height = np.sum(
            (self.e.joint(f"{side}_shoulder") - self.e.joint("spine3")) * self._chest[1], axis=1
        )
        return np.asarray(height - height[:3].mean())

    @cached_property
    def _trunk(self) -> Array64:
        collars = (self.e.joint("left_collar") + self.e.joint("right_collar")) / 2
        return self.local(collars - self.e.joint("pelvis"))

    @cached_property
    def lean_forward(self) -> Array64:
        """(T,): the trunk's bend forward, degrees, since the start; below 0 is back."""
        angle = np.degrees(np.arctan2(self._trunk[:, 2], self._trunk[:, 1]))
        return np.asarray(angle - angle[:3].mean())

    @cached_property
    def lean_aside(self) -> Array64:
        """(T,): the trunk's lean to the left, degrees, since the start."""
        angle = np.degrees(np.arctan2(self._trunk[:, 0], self._trunk[:, 1]))
        return np.asarray(angle - angle[:3].mean())

    @cached_property
    def pelvis_height(self) -> Array64:
        """(T,): height of the pelvis above the floor."""
        return self.e.height("pelvis")

    @cached_property
    def pelvis_drop(self) -> float:
        """How far the pelvis sinks below where it was at first."""
        return float(self.pelvis_height[:3].mean() - self.pelvis_height.min())

    @cached_property
    def crouches(self) -> bool:
        """The body goes down: the pelvis sinks, or the trunk bends far."""
        return self.pelvis_drop > 0.25 or bool(self.lean_forward.max() > 55)

    @cached_property
    def pelvis_ahead(self) -> Array64:
        """(T,): how far ahead of its first place the pelvis is."""
        ground = self.e.joint("pelvis") - self.e.joint("pelvis")[:3].mean(axis=0)
        return np.asarray(ground[:, [0, 2]] @ self.forward[:3].mean(axis=0))

    @cached_property
    def lies(self) -> bool:
        """The body goes down to the floor: the pelvis is lower than in any crouch."""
        return bool(self.pelvis_height.min() < 0.38)

    @cached_property
    def leaves_floor(self) -> bool:
        """A foot is lifted high, or both leave the floor."""
        ankles = [self.e.height(f"{s}_ankle") for s in (LEFT, RIGHT)]
        highest = max(float(a.max() - a[:3].mean()) for a in ankles)
        return highest > 0.3 or self.e.rise > 0.1

    @cached_property
    def upright_at_ends(self) -> bool:
        """It begins and ends upright."""
        head = self.e.height("head")
        return bool(min(head[0], head[-1]) > 1.25 and self.lean_forward[-1] < 30)
