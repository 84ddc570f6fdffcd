"""Poses of the whole body, and motion through them: what no capture of ours shows.

A pose places the pelvis, bends the spine, and puts each hand and foot either on the floor (a place
in the world) or beside the body (a place that turns with it). Motion runs through the poses'
numbers on monotone cubics, so it rests where poses repeat and never overshoots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.features import canonical
from kinetoken.motion.skeleton import BONE_LENGTHS, FPS, JOINT, N_JOINTS, Array64

from ..clips import Joints
from ..keyframes.keys import Triple
from ..retarget import impose_bone_lengths, t_pose_offsets

_REST: Final = t_pose_offsets()
ANKLE: Final = 0.058  # m: height of the ankle over the floor where the foot stands flat
_TOE_FLAT: Final = _REST[10] / np.linalg.norm(_REST[10])
_LOWEST: Final = {"leg": 0.05, "arm": 0.035}  # m: ankles and wrists over the floor
_SMOOTHING: Final = np.array([0.25, 0.5, 0.25])


@dataclass(frozen=True)
class LimbPose:
    """Where a hand (wrist) or a foot (ankle) is, and which way its elbow or knee points.

    Where `floor`, `at` is metres in the world; else out from the body's side, up and ahead of the
    shoulder or hip in the frame of the chest or pelvis, in lengths of the limb. `pole` is the way
    of the elbow or knee: out, up, ahead in that frame, which where `floor` stays upright. `toe` is, for feet, degrees that the toe
    points down (of the floor, or of the shin's right angle) and outward.
    """

    at: Triple
    pole: Triple
    floor: bool = False
    toe: tuple[float, float] = (0.0, 0.0)


HANGING: Final = LimbPose((0.145, -0.967, 0.1), (0.3, 0.0, -1.0))


def foot(x: float, z: float, y: float = ANKLE, down: float = 0.0, out: float = 8.0) -> LimbPose:
    """Place a foot on (or `y` metres over) the floor, `x` to the body's left, `z` ahead."""
    return LimbPose((x, y, z), (0.12, 0.6, 0.8), floor=True, toe=(down, out))


def knee_down(
    x: float, z: float, y: float = 0.08, down: float = 55.0, out: float = 0.0
) -> LimbPose:
    """Place a foot behind a knee that is on, or near, the floor."""
    return LimbPose((x, y, z), (0.05, -0.25, 1.0), floor=True, toe=(down, out))


def hand(x: float, y: float, z: float, pole: Triple = (0.7, -0.1, -0.7)) -> LimbPose:
    """Place a hand in the world, `x` to the left, `y` up, `z` ahead."""
    return LimbPose((x, y, z), pole, floor=True)


def arm(out: float, up: float, ahead: float, pole: Triple = (0.6, -0.6, -0.5)) -> LimbPose:
    """Place a hand beside the body, in arm's lengths from its shoulder."""
    return LimbPose((out, up, ahead), pole)


def leg(
    out: float, up: float, ahead: float, down: float = 0.0, pole: Triple = (0.1, 0, 1)
) -> LimbPose:
    """Place a foot beside the body, in leg's lengths from its hip."""
    return LimbPose((out, up, ahead), pole, toe=(down, 8.0))


@dataclass(frozen=True)
class Pose:
    """One pose; degrees and metres, in the world that the body first faces along +Z."""

    x: float = 0.0
    y: float = 0.955
    z: float = 0.0
    turn: float = 0.0
    """Of the pelvis, to the left."""
    lean: float = 0.0
    """Of the pelvis, forward: 90 is prone, -90 supine."""
    tilt: float = 0.0
    """Of the pelvis, to its left."""
    bend: float = 0.0
    """Of the spine, forward."""
    twist: float = 0.0
    sway: float = 0.0
    nod: float = 0.0
    """Of the head, down."""
    look: float = 0.0
    left_leg: LimbPose = field(default_factory=lambda: foot(0.085, 0.0))
    right_leg: LimbPose = field(default_factory=lambda: foot(-0.085, 0.0))
    left_arm: LimbPose = HANGING
    right_arm: LimbPose = HANGING

    def but(self, **changes: Any) -> Pose:
        """Return this pose with changes; `arms` and `legs` set both sides alike."""
        for both, left, right in (
            ("arms", "left_arm", "right_arm"),
            ("legs", "left_leg", "right_leg"),
        ):
            if both in changes:
                limb: LimbPose = changes.pop(both)
                changes[left] = limb
                x, y, z = limb.at
                changes[right] = replace(limb, at=(-x, y, z)) if limb.floor else limb
        return replace(self, **changes)


STAND: Final = Pose()
_NUMBERS: Final = ("x", "y", "z", "turn", "lean", "tilt", "bend", "twist", "sway", "nod", "look")
_LOWEST_MIDDLE: Final = 0.035  # m: knees and elbows over the floor
# Amplitudes of the sway: metres of x, y, z, then degrees in the order of _NUMBERS.
_LIFE: Final = np.array([0.005, 0.002, 0.006, 0.5, 0.5, 0.4, 0.8, 0.8, 0.4, 1.0, 1.5])
_LIMB_LIFE: Final = np.array([0.005, 0.004, 0.006])
_LIMBS: Final = ("left_leg", "right_leg", "left_arm", "right_arm")


def pose_motion(keys: Sequence[tuple[float, Pose]], draw: np.random.Generator) -> Joints:
    """Joints (T, 22, 3) of a motion through poses at given seconds, on the floor, facing +Z.

    A slow sway and the breath of a living body, drawn from `draw`, are added.
    """
    seconds = np.array([t for t, _ in keys])
    frames = np.arange(round(float(seconds[-1]) * FPS) + 1) / FPS
    poses = [p for _, p in keys]
    numbers = np.array([[getattr(p, n) for n in _NUMBERS] for p in poses])
    moving = monotone_cubic(seconds, numbers, frames) + _sway(len(frames), _LIFE, draw)
    at_keys, path = _trunk(numbers), _trunk(moving)
    joints = path.joints
    for name in _LIMBS:
        limbs = [getattr(p, name) for p in poses]
        _solve_limb(name, limbs, seconds, frames, at_keys, path, draw)
    return finish(joints)


def _sway(frames: int, amplitudes: Array64, draw: np.random.Generator) -> Array64:
    """Slow sums of two sines (T, C), of periods of 1.6 to 5 s."""
    at = np.arange(frames)[:, None] / FPS
    out = np.zeros((frames, len(amplitudes)))
    for _ in range(2):
        period = draw.uniform(1.6, 5.0, len(amplitudes))
        phase = draw.uniform(0, 2 * np.pi, len(amplitudes))
        out += amplitudes * 0.6 * np.sin(2 * np.pi * at / period + phase)
    return out


def finish(joints: Array64) -> Joints:
    """Smooth a little, restore the bones, lift what is under the floor, begin at the origin."""
    padded = np.concatenate([joints[:1], joints, joints[-1:]])
    smooth = sum(w * padded[i : i + len(joints)] for i, w in enumerate(_SMOOTHING))
    out = impose_bone_lengths(np.asarray(smooth))
    return canonical(out).astype(np.float32)


@dataclass(frozen=True)
class _Trunk:
    joints: Array64
    pelvis: Array64
    chest: Array64


def _trunk(numbers: Array64) -> _Trunk:
    """Pelvis, spine, head and shoulders of rows of _NUMBERS."""
    column = dict(zip(_NUMBERS, numbers.T, strict=True))
    joints = np.zeros((len(numbers), N_JOINTS, 3))
    joints[:, 0] = numbers[:, :3]
    pelvis = rotation(column["turn"], column["lean"], column["tilt"])
    third = rotation(column["twist"] / 3, column["bend"] / 3, column["sway"] / 3)
    first = pelvis @ third
    second = first @ third
    chest = second @ third
    head = chest @ rotation(column["look"], column["nod"], 0 * column["nod"])
    carried: tuple[tuple[int, int, Array64], ...] = (
        (1, 0, pelvis), (2, 0, pelvis), (3, 0, pelvis), (6, 3, first), (9, 6, second),
        (12, 9, chest), (13, 9, chest), (14, 9, chest), (15, 12, head), (16, 13, chest),
        (17, 14, chest),
    )  # fmt: skip
    for joint, parent, turned in carried:
        joints[:, joint] = joints[:, parent] + turned @ _REST[joint]
    return _Trunk(joints, pelvis, chest)


def rotation(turn: Array64, lean: Array64, tilt: Array64) -> Array64:
    """Matrices (T, 3, 3): tilt to the left first, then lean forward, then turn to the left."""
    y, x, z = np.radians(turn), np.radians(lean), -np.radians(tilt)
    one, zero = np.ones_like(y), np.zeros_like(y)
    cy, sy, cx, sx, cz, sz = np.cos(y), np.sin(y), np.cos(x), np.sin(x), np.cos(z), np.sin(z)
    ry = np.array([[cy, zero, sy], [zero, one, zero], [-sy, zero, cy]])
    rx = np.array([[one, zero, zero], [zero, cx, -sx], [zero, sx, cx]])
    rz = np.array([[cz, -sz, zero], [sz, cz, zero], [zero, zero, one]])
    return np.asarray(np.einsum("ijt,jkt,klt->til", ry, rx, rz))


def _solve_limb(
    name: str,
    limbs: Sequence[LimbPose],
    seconds: Array64,
    frames: Array64,
    keys: _Trunk,
    path: _Trunk,
    draw: np.random.Generator,
) -> None:
    """Fill in the two joints of an arm or the three of a leg, in place."""
    side, kind = name.split("_")
    out = 1.0 if side == "left" else -1.0
    is_leg = kind == "leg"
    root, middle, end = (
        JOINT[f"{side}_{j}"]
        for j in (("hip", "knee", "ankle") if is_leg else ("shoulder", "elbow", "wrist"))
    )
    upper, lower = BONE_LENGTHS[middle], BONE_LENGTHS[end]
    reach = upper + lower
    turned = (keys.pelvis if is_leg else keys.chest, path.pelvis if is_leg else path.chest)
    flip = np.array([out, 1.0, 1.0])
    world, body, pole = np.zeros((3, len(limbs), 3))
    for i, limb in enumerate(limbs):
        at, to_world = np.array(limb.at), turned[0][i]
        pole[i] = to_world @ (np.array(limb.pole) * flip)
        if limb.floor:
            yaw = np.array([_yaw(keys.pelvis[i])])
            pole[i] = rotation(yaw, 0 * yaw, 0 * yaw)[0] @ (np.array(limb.pole) * flip)
            world[i] = at
            body[i] = to_world.T @ (at - keys.joints[i, root])
        else:
            body[i] = at * flip * reach
            world[i] = to_world @ body[i] + keys.joints[i, root]
    planted = np.array([limb.floor for limb in limbs])
    offsets = monotone_cubic(seconds, body, frames) + _sway(len(frames), _LIMB_LIFE, draw)
    target = np.einsum("tij,tj->ti", turned[1], offsets) + path.joints[:, root]
    segment = np.clip(np.searchsorted(seconds, frames, side="right") - 1, 0, len(limbs) - 2)
    still = planted[segment] & planted[segment + 1]
    target[still] = monotone_cubic(seconds, world, frames)[still]
    target[:, 1] = np.maximum(target[:, 1], _LOWEST["leg" if is_leg else "arm"])
    local = np.einsum("tji,tj->ti", turned[0], pole)
    bent_to = np.einsum("tij,tj->ti", turned[1], monotone_cubic(seconds, local, frames))
    bent_to[still] = monotone_cubic(seconds, pole, frames)[still]
    for _ in range(3):
        found = two_bones(path.joints[:, root], target, bent_to, float(upper), float(lower))
        under = np.clip((_LOWEST_MIDDLE - found[0][:, 1]) / 0.15, 0.0, 0.7)[:, None]
        bent_to = bent_to * (1 - under) + np.array([0.0, 1.0, 0.0]) * under
    path.joints[:, middle], path.joints[:, end] = found
    if is_leg:
        _toes(side, limbs, seconds, frames, keys, path, still)


def _toes(
    side: str,
    limbs: Sequence[LimbPose],
    seconds: Array64,
    frames: Array64,
    keys: _Trunk,
    path: _Trunk,
    still: NDArray[np.bool_],
) -> None:
    """Place the toe joint: by the floor where the foot stays there, else by the shin."""
    out = 1.0 if side == "left" else -1.0
    ankle, toe = JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]
    angles = monotone_cubic(seconds, np.array([limb.toe for limb in limbs]), frames)
    turn = monotone_cubic(seconds, np.array([[_yaw(r)] for r in keys.pelvis]), frames)[:, 0]
    flat = rotation(turn + out * angles[:, 1], angles[:, 0], 0 * turn) @ _TOE_FLAT
    shin = path.joints[:, JOINT[f"{side}_knee"]] - path.joints[:, ankle]
    shin /= np.linalg.norm(shin, axis=1, keepdims=True)
    across = path.pelvis @ np.array([1.0, 0.0, 0.0])
    ahead = np.cross(across, shin)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    down = np.radians(angles[:, :1] + 25.0)
    hanging = ahead * np.cos(down) - shin * np.sin(down)
    weight = np.convolve(np.pad(still.astype(float), 2, mode="edge"), np.ones(5) / 5, mode="valid")[
        :, None
    ]
    direction = flat * weight + hanging * (1 - weight)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction = _above_floor(direction, path.joints[:, ankle, 1] / BONE_LENGTHS[toe])
    path.joints[:, toe] = path.joints[:, ankle] + direction * BONE_LENGTHS[toe]


def _above_floor(direction: Array64, height: Array64) -> Array64:
    """Unit directions (T, 3) that go down by `height` (T,) at most, their heading kept."""
    down = np.maximum(direction[:, 1], -np.clip(height, 0.0, 0.98))
    level = np.linalg.norm(direction[:, [0, 2]], axis=1)
    wider = np.sqrt(1 - down**2) / np.maximum(level, 1e-6)
    return np.stack([direction[:, 0] * wider, down, direction[:, 2] * wider], axis=1)


def _yaw(turned: Array64) -> float:
    """Degrees that the pelvis' left side has turned to the left."""
    left = turned @ np.array([1.0, 0.0, 0.0])
    return float(np.degrees(np.arctan2(-left[2], left[0])))


def two_bones(
    root: Array64, target: Array64, pole: Array64, upper: float, lower: float
) -> tuple[Array64, Array64]:
    """Middle and end joints (T, 3) of a limb that reaches for `target`, bent towards `pole`."""
    line = target - root
    pole = pole / np.maximum(np.linalg.norm(pole, axis=1, keepdims=True), 1e-9)
    apart = np.linalg.norm(line, axis=1, keepdims=True)
    straight = line / np.maximum(apart, 1e-9)
    apart = np.clip(apart, abs(upper - lower) + 0.02, (upper + lower) * 0.998)
    side = pole - np.sum(pole * straight, axis=1, keepdims=True) * straight
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    cosine = (upper**2 + apart**2 - lower**2) / (2 * upper * apart)
    sine = np.sqrt(np.maximum(1 - cosine**2, 0.0))
    middle = root + upper * (cosine * straight + sine * side)
    return middle, root + straight * apart


def monotone_cubic(at: Array64, values: Array64, wanted: Array64) -> Array64:
    """Values (T, C) at the times `wanted`, by Fritsch and Carlson's monotone cubic of `values`."""
    step = np.diff(at)[:, None]
    slope = np.diff(values, axis=0) / step
    inner = np.zeros_like(values)
    if len(at) > 2:
        a, b = slope[:-1], slope[1:]
        w1, w2 = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (w1 + w2) / (w1 / a + w2 / b)
        inner[1:-1] = np.where(a * b > 0, np.nan_to_num(mean), 0.0)
    i = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(at) - 2)
    u = ((wanted - at[i]) / step[i, 0])[:, None]
    h = step[i]
    out: Array64 = (
        values[i] * (1 + 2 * u) * (1 - u) ** 2
        + inner[i] * h * u * (1 - u) ** 2
        + values[i + 1] * u**2 * (3 - 2 * u)
        + inner[i + 1] * h * u**2 * (u - 1)
    )
    return out
