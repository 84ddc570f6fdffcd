"""Cycles of captured gaits: looped, straightened, bent into curves, feet planted, steps counted.

Joints are (T, 22, 3), metres, 20 fps; a straight gait goes along +Z.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from kinetoken.motion.features import canonical
from kinetoken.motion.recover import recover
from kinetoken.motion.resample import catmull_rom
from kinetoken.motion.skeleton import FPS, JOINT, Array, Array64

from ..augment import find_cycle, looped, to_features
from ..bridges import bend_leg
from ..retarget import impose_bone_lengths

_SIDES: Final = ("left", "right")
_FLOOR: Final = np.array([1.0, 0.0, 1.0])
_LEGS: Final = {
    side: tuple(JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle", "foot"))
    for side in _SIDES
}
_TOE_LOW: Final = 0.06  # metres above its lowest: a toe that stands
_TOE_SLOW: Final = 0.04  # metres a frame
_CLOSED: Final = 0.15  # metres and metres a frame together: a seam above it is seen
_APART: Final = 0.08  # metres between the ankles along the way, from which one foot leads
_GAIT_TURN: Final = 9  # frames over which a curve sets in and ends


@dataclass(frozen=True)
class Strike:
    """The frame at which one foot is furthest before the other, just before it comes down."""

    frame: int
    side: str


def retimed(joints: Array, at: Array) -> Array64:
    """The motion at the frames `at` (n,), which need not be whole; bones keep their lengths."""
    source = np.asarray(joints, np.float64)
    low = np.clip(np.floor(at).astype(int), 0, len(source) - 2)
    part = (np.asarray(at) - low)[:, None, None]
    p0, p1, p2, p3 = (source[np.clip(low + k, 0, len(source) - 1)] for k in (-1, 0, 1, 2))
    return impose_bone_lengths(catmull_rom(p0, p1, p2, p3, part))


def at_pace(joints: Array, ratio: float) -> Array64:
    """The motion in `ratio` times the frames, smoothly."""
    if ratio == 1.0:
        return np.asarray(joints, np.float64)
    count = round((len(joints) - 1) * ratio) + 1
    return retimed(joints, np.linspace(0.0, len(joints) - 1.0, count))


def gait_loop(joints: Array, shortest: int, longest: int, frames: int) -> Array64 | None:
    """`frames` frames of the best cycle of a gait, straight along its way; None: it closes badly."""
    rows = to_features(np.asarray(joints, np.float32))
    start, end, gap = find_cycle(rows, shortest, longest, first=2)
    if gap > _CLOSED or end <= start:
        return None
    cycle = looped(rows, start, end, end - start)
    rows = np.concatenate([cycle] * (frames // len(cycle) + 2)).astype(np.float64)
    rows[:, 0] -= cycle[:, 0].mean()
    return straightened(impose_bone_lengths(recover(rows[:frames])))


def straightened(joints: Array) -> Array64:
    """A gait turned so that its way leads along +Z, without drift to the side."""
    out = np.asarray(canonical(joints), np.float64)
    way = out[-1, 0] - out[0, 0]
    angle = -np.arctan2(way[0], way[2])
    cos, sin = np.cos(angle), np.sin(angle)
    x, z = out[..., 0].copy(), out[..., 2].copy()
    out[..., 0], out[..., 2] = cos * x + sin * z, cos * z - sin * x
    return out


def strikes(joints: Array) -> list[Strike]:
    """Frames at which a foot is furthest ahead, in order, for motion in its own direction."""
    root = np.asarray(joints)[:, 0] * _FLOOR
    steps = root[np.minimum(np.arange(len(root)) + 6, len(root) - 1)]
    steps = steps - root[np.maximum(np.arange(len(root)) - 6, 0)]
    ahead = steps / np.maximum(np.linalg.norm(steps, axis=-1, keepdims=True), 1e-9)
    apart = np.sum((joints[:, JOINT["left_ankle"]] - joints[:, JOINT["right_ankle"]]) * ahead, -1)
    out: list[Strike] = []
    for frame in range(1, len(apart) - 1):
        size = abs(apart[frame])
        if size < _APART or size < abs(apart[frame - 1]) or size <= abs(apart[frame + 1]):
            continue
        side = _SIDES[0] if apart[frame] > 0 else _SIDES[1]
        if out and out[-1].side == side:
            if size <= abs(apart[out[-1].frame]):
                continue
            out.pop()
        out.append(Strike(frame, side))
    return out


def stances(joints: Array) -> dict[str, list[tuple[int, int]]]:
    """Stretches of frames, ends excluded, in which the toe of each foot stands."""
    out = {}
    for side in _SIDES:
        toe = np.asarray(joints)[:, _LEGS[side][3]]
        step = np.linalg.norm(np.diff(toe * _FLOOR, axis=0), axis=-1)
        step = np.minimum(np.append(step, step[-1]), np.insert(step, 0, step[0]))
        still = (step < _TOE_SLOW) & (toe[:, 1] < toe[:, 1].min() + _TOE_LOW)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], still.astype(int), [0]])))
        pairs = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
        out[side] = [(a, b) for a, b in pairs if b - a >= 3]
    return out


def curved(joints: Array, turn: float | Array) -> Array64:
    """A gait bent into a curve of `turn` degrees a second, positive to the LEFT; feet stay put.

    A number sets in and ends within half a second; an array (T,) gives the rate of every frame.
    """
    source = np.asarray(joints, np.float64)
    count = len(source)
    if np.ndim(turn) == 0:
        edge = np.minimum(np.arange(count), np.arange(count)[::-1]) / _GAIT_TURN
        rate = float(turn) * np.clip(edge, 0.0, 1.0)
    else:
        rate = np.asarray(turn)
    heading = np.cumsum(np.radians(rate) / FPS)
    steps = _spun(np.diff(source[:, :1], axis=0, prepend=source[:1, :1]) * _FLOOR, heading)
    path = np.cumsum(steps, axis=0)
    placed = _spun(source - source[:, :1] * _FLOOR, heading) + path
    return planted_feet(placed, stances(source), heading)


def planted_feet(
    joints: Array, standing: dict[str, list[tuple[int, int]]], heading: Array | None = None
) -> Array64:
    """The motion with its feet held still while they stand; the legs follow.

    `heading` (T,) in radians to the left is the turn that was laid over the motion: a foot that
    stands does not take part in it.
    """
    out = np.array(joints, np.float64)
    spin = np.zeros(len(out)) if heading is None else np.asarray(heading)
    for side in _SIDES:
        ankle, toe = _LEGS[side][2:]
        moves = np.full((len(out), 2, 3), np.nan)
        for start, end in standing[side]:
            middle = (start + end) // 2
            back = spin[middle] - spin[start:end]
            foot = _spun((out[start:end, ankle] - out[start:end, toe])[:, None], back)[:, 0]
            place = out[middle, toe] * _FLOOR + out[start:end, toe] * (1.0 - _FLOOR)
            moves[start:end, 1] = place - out[start:end, toe]
            moves[start:end, 0] = place + foot - out[start:end, ankle]
        _ease_between(moves)
        move_foot(out, side, moves[:, 0], moves[:, 1])
    return out


def move_foot(out: Array64, side: str, ankle_moves: Array, toe_moves: Array) -> None:
    """Move ankle and toe of one foot by (T, 3) each, metres, in place; the knee keeps its side."""
    hip, knee, ankle, toe = _LEGS[side]
    line = out[:, ankle] - out[:, hip]
    axis = line / np.linalg.norm(line, axis=-1, keepdims=True)
    bend = out[:, knee] - out[:, hip]
    poles = bend - np.sum(bend * axis, axis=-1, keepdims=True) * axis
    foot = out[:, toe] - out[:, ankle]
    poles = poles + 0.02 * foot / np.linalg.norm(foot, axis=-1, keepdims=True)
    bend_leg(out, side, out[:, ankle] + ankle_moves, out[:, toe] + toe_moves, poles)


def _ease_between(moves: Array64) -> None:
    """Fill the gaps (NaN) between stretches of moves (T, ...) with smooth ways, in place."""
    known = np.flatnonzero(~np.isnan(moves[:, 0, 0]))
    if not len(known):
        moves[:] = 0.0
        return
    moves[: known[0]], moves[known[-1] + 1 :] = moves[known[0]], moves[known[-1]]
    for a, b in pairwise(known.tolist()):
        if b - a > 1:
            t = np.arange(1, b - a)[:, None, None] / (b - a)
            moves[a + 1 : b] = moves[a] + (3 * t**2 - 2 * t**3) * (moves[b] - moves[a])


def _spun(points: Array, angles: Array) -> Array64:
    """Points (T, n, 3) turned about Y by angles (T,) to the left: +Z towards +X."""
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, z = points[..., 0], points[..., 2]
    return np.stack([cos * x + sin * z, points[..., 1], cos * z - sin * x], axis=-1)


def travelling(joints: Array) -> Array64:
    """A cycle made on the spot, given the way that its standing foot tells."""
    out = np.array(joints, np.float64)
    toes = np.stack([out[:, _LEGS[side][3]] for side in _SIDES], axis=1)
    ankles = np.stack([out[:, _LEGS[side][2]] for side in _SIDES], axis=1)
    lowest = np.minimum(toes[..., 1], ankles[..., 1] - 0.06)
    steps = -np.diff((toes + ankles) / 2.0 * _FLOOR, axis=0)
    height = (lowest[:-1] + lowest[1:]) / 2.0
    weight = np.exp(-(height - height.min(axis=1, keepdims=True)) / 0.012)
    step = np.sum(weight[..., None] * steps, axis=1) / weight.sum(axis=1)[:, None]
    kernel = np.hanning(7)
    kernel /= kernel.sum()
    for axis in (0, 2):
        step[:, axis] = np.convolve(np.pad(step[:, axis], 3, mode="wrap"), kernel, mode="valid")
    out[1:] += np.cumsum(step, axis=0)[:, None]
    return out
