"""A robot as data: its joints, their limits, its soles, and the capsules that draw it.

Axes: x forward, y left, z up, metres and radians, as in URDF and MuJoCo.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np

from ..base.errors import InputError
from ..base.json_text import parse_json
from ..motion.skeleton import Array, Array64

ROBOTS: Final = ("g1", "h1")
LEFT_RIGHT: Final = ("left", "right")
CAUTION: Final = "references for a tracking policy, not commands; nothing was run on a robot"
"""Stands beside every export."""


@dataclass(frozen=True)
class RobotLimb:
    """Joints, by number, that follow one part of a human body."""

    chain: tuple[int, ...]
    """Those of shoulder or hip, from the trunk outward."""
    start: int
    """The joint in whose origin the limb begins."""
    middle: int
    """Elbow or knee."""
    end: int
    """The joint whose link is foot or hand."""
    end_point: Array64
    """(3,) ankle or hand in the frame of that link."""
    upper: float
    """Metres from shoulder or hip to elbow or knee."""
    lower: float
    """Metres from there to hand or ankle."""


@dataclass(frozen=True)
class RobotModel:
    """A humanoid robot; the root link is its pelvis."""

    key: str
    """Its name on the command line."""
    name: str
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    """-1: the root link."""
    local: Array64
    """(J, 3, 4, 4): each link from its parent is [0] + sin(q) [1] + (1 - cos(q)) [2]."""
    axes: Array64
    """(J, 3) unit, in the frame of the joint's link."""
    rests: Array64
    """(J, 3, 3) rotation of each link to its parent at angle 0."""
    limits: Array64
    """(J, 2) radians: the range of the motors."""
    used: Array64
    """(J, 2) radians: the part of it that motion uses; knees and elbows bend one way only."""
    speeds: Array64
    """(J,) radians a second."""
    waist: tuple[int, ...]
    legs: tuple[RobotLimb, RobotLimb]
    arms: tuple[RobotLimb, RobotLimb]
    ankles: tuple[tuple[int, ...], tuple[int, ...]]
    sole: Array64
    """(S, 3) corners of a sole in the frame of the foot's link."""
    stance: float
    """Metres by which each foot stands further outside than a human's."""
    elbow_straight: float
    """Angle of a straight elbow."""
    hips: Array64
    """(3,) midpoint between the hips, from the root."""
    leg: float
    """Metres from hip to sole, the leg straight."""
    shape: tuple[tuple[int, Array64, float], ...]
    """Capsules: link (-1: the root), ends (2, 3) in its frame, radius in metres."""

    @property
    def n_joints(self) -> int:
        """The number of joints J."""
        return len(self.joint_names)

    @property
    def breadth_first(self) -> tuple[int, ...]:
        """The joints level by level from the root, as Isaac Lab counts them."""
        order = [joint for joint, parent in enumerate(self.parents) if parent < 0]
        for above in order:  # grows while it is walked
            order += [joint for joint, parent in enumerate(self.parents) if parent == above]
        return tuple(order)

    @property
    def ankle_height(self) -> float:
        """Metres from the foot's origin down to the sole."""
        return -float(self.sole[:, 2].min())

    def place(self, root: Array, turn: Array, angles: Array) -> Array64:
        """Frames (..., J + 1, 4, 4) of all links; the last is the root's.

        From positions (..., 3), rotations (..., 3, 3) and angles (..., J).
        """
        sine, versine = np.sin(angles)[..., None, None], 1.0 - np.cos(angles)[..., None, None]
        moved = self.local[:, 0] + sine * self.local[:, 1] + versine * self.local[:, 2]
        out = np.zeros((*angles.shape[:-1], self.n_joints + 1, 4, 4))
        out[..., -1, :3, :3], out[..., -1, :3, 3], out[..., -1, 3, 3] = turn, root, 1.0
        for joint, parent in enumerate(self.parents):
            np.matmul(out[..., parent, :, :], moved[..., joint, :, :], out=out[..., joint, :, :])
        return out

    def capsules(self, links: Array64) -> Array64:
        """Ends (..., C, 2, 3) of the capsules for link frames (..., J + 1, 4, 4)."""
        which = [link for link, _, _ in self.shape]
        ends = np.stack([ends for _, ends, _ in self.shape])
        turn, root = links[..., which, :3, :3], links[..., which, None, :3, 3]
        return np.asarray(np.einsum("...cij,cej->...cei", turn, ends) + root)


@cache
def robot_named(key: str) -> RobotModel:
    """The robot of this name. InputError."""
    if key not in ROBOTS:
        known = " or ".join(ROBOTS)
        raise InputError(f"--robot: expected {known}, got {key!r}; see docs/robots.md")
    text = resources.files(__package__).joinpath("data").joinpath(f"{key}.json").read_bytes()
    return _model(key, parse_json(text))


def _model(key: str, data: dict[str, Any]) -> RobotModel:
    """The model of a data file, which is our own and needs no checks."""
    joints = data["joints"]
    names = [joint["name"] for joint in joints]
    number = {name: index for index, name in enumerate(names)}
    local = np.stack([_local(joint) for joint in joints])
    parents = tuple(-1 if j["parent"] is None else number[j["parent"]] for j in joints)
    chains = {part: tuple(number[name] for name in chain) for part, chain in data["limbs"].items()}
    zero = _zero_pose(local, parents)
    sole = np.array(data["sole"], np.float64)
    ends = {side: (number[name], np.array(at, float)) for side, (name, at) in data["hand"].items()}
    feet = [(chains[f"{side}_ankle"][-1], np.zeros(3)) for side in LEFT_RIGHT]
    hands = [ends[side] for side in LEFT_RIGHT]
    legs = _pair_of_limbs(zero, data["centres"]["hip"], number, chains, ("hip", "knee"), feet)
    arms = _pair_of_limbs(
        zero, data["centres"]["shoulder"], number, chains, ("shoulder", "elbow"), hands
    )
    hips = np.mean([zero[leg.start, :3, 3] for leg in legs], axis=0)
    ankle = zero[legs[0].end, :3, 3]
    return RobotModel(
        key=key,
        name=data["name"],
        joint_names=tuple(names),
        parents=parents,
        local=local,
        axes=np.array([j["axis"] for j in joints], np.float64),
        rests=local[:, 0, :3, :3],
        limits=np.array([j["range"] for j in joints], np.float64),
        used=np.array([j.get("used", j["range"]) for j in joints], np.float64),
        speeds=np.array([j["speed"] for j in joints], np.float64),
        waist=chains["waist"],
        legs=legs,
        arms=arms,
        ankles=(chains["left_ankle"], chains["right_ankle"]),
        sole=sole,
        stance=data["stance"],
        elbow_straight=data["elbow_straight"],
        hips=hips,
        leg=float(hips[2] - ankle[2] - sole[:, 2].min()),
        shape=tuple(
            (number.get(link, -1), np.array([begin, end], float), radius)
            for link, begin, end, radius in data["shape"]
        ),
    )


def _pair_of_limbs(
    zero: Array64,
    centre: str,
    number: dict[str, int],
    chains: dict[str, tuple[int, ...]],
    parts: tuple[str, str],
    tips: list[tuple[int, Array64]],
) -> tuple[RobotLimb, RobotLimb]:
    """Left and right of legs or arms."""
    left, right = (
        _limb(
            zero,
            chains[f"{side}_{parts[0]}"],
            number[f"{side}_{centre}"],
            chains[f"{side}_{parts[1]}"][0],
            tip,
        )
        for side, tip in zip(LEFT_RIGHT, tips, strict=True)
    )
    return left, right


def _limb(
    zero: Array64, chain: tuple[int, ...], start: int, middle: int, end: tuple[int, Array64]
) -> RobotLimb:
    top, bend = zero[start, :3, 3], zero[middle, :3, 3]
    tip = zero[end[0], :3, :3] @ end[1] + zero[end[0], :3, 3]
    upper, lower = float(np.linalg.norm(bend - top)), float(np.linalg.norm(tip - bend))
    return RobotLimb(chain, start, middle, end[0], end[1], upper, lower)


def _local(joint: dict[str, Any]) -> Array64:
    """(3, 4, 4): the link from its parent at angle 0, and what sine and versine add (Rodrigues)."""
    w, x, y, z = joint["rest"] / np.linalg.norm(joint["rest"])
    rest = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    a, b, c = joint["axis"]
    cross = np.array([[0, -c, b], [c, 0, -a], [-b, a, 0]], np.float64)
    out = np.zeros((3, 4, 4))
    out[0, :3, :3], out[0, :3, 3], out[0, 3, 3] = rest, joint["offset"], 1.0
    out[1, :3, :3], out[2, :3, :3] = rest @ cross, rest @ cross @ cross
    return out


def _zero_pose(local: Array64, parents: tuple[int, ...]) -> Array64:
    """Frames (J, 4, 4) of all links at angle 0, the root at the origin."""
    out = np.zeros((len(parents), 4, 4))
    for joint, parent in enumerate(parents):
        out[joint] = local[joint, 0] if parent < 0 else out[parent] @ local[joint, 0]
    return out
