"""Loops: the cycle in a motion, and a seam that is not seen.

The cycle lies between the two most similar moments, compared in place and as if facing the same
way. Before its end, the motion fades into the frames before its beginning (or, at its beginning,
comes out of the frames behind its end), moved there, so that pose and velocity agree at the seam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...base.errors import InputError
from ..clip import Clip
from ..skeleton import N_JOINTS, Array, Array64
from ..transition import between_poses, heading, yaw
from .cuts import edited

_SEARCH_FPS: Final = 20.0
_MOST: Final = 1500  # moments that are compared with each other
_SHORTEST: Final = 0.4  # seconds of a cycle
_FADE: Final = 0.25  # seconds of the seam
_LEAST_FADE: Final = 0.1  # seconds of the seam, where the motion has no more
_VELOCITY: Final = 0.1  # seconds: a difference of 1 m/s counts as one of 10 cm
_MOVES: Final = 0.1  # of the largest distance of two poses that a cycle moves away
_THERE_AND_BACK: Final = 2.0  # times its gap that it moves away
_STILL: Final = 0.05  # metres, within which a motion is idle and need not move away
_NEARLY: Final = (1.25, 0.025)
"""A shorter cycle is taken if its gap is at most this many times the least, plus metres."""
_LARGEST_GAP: Final = 0.15  # metres, beyond which two poses are not the same moment of a cycle
_STRAIGHT: Final = np.radians(30.0)
"""A turn within a cycle that was not meant."""
_FLOOR: Final = np.array([1.0, 0.0, 1.0])


_NOTHING: Final = (
    "--loop: expected a motion that repeats, and this one never comes back to a pose; "
    "give a longer motion, such as several steps"
)


@dataclass(frozen=True)
class Cycle:
    """A part of a motion whose end looks like its beginning."""

    begin: int
    end: int
    """The frame that looks like `begin`."""
    gap: float
    """Distance of the joints of the two poses in metres, root mean square."""


def closest_cycle(clip: Clip) -> Cycle:
    """The shortest cycle among the closest ones. InputError where nothing repeats."""
    step = max(1, round(clip.fps / _SEARCH_FPS))
    poses = _local_poses(clip.joints[::step].astype(np.float64)) if len(clip) else np.zeros((0, 1))
    if len(poses) > _MOST:
        raise InputError(
            f"--loop: expected at most {_MOST * step / clip.fps:g} s, got {clip.seconds:g}; "
            "cut it with --trim"
        )
    least = max(2, round(_SHORTEST * clip.fps / step))
    fade = max(1, round(_LEAST_FADE * clip.fps / step))
    if len(poses) <= least + fade:
        raise InputError(
            f"--loop: expected at least {(least + fade + 1) * step / clip.fps:.1f} s of motion, "
            f"got {clip.seconds:.1f}"
        )
    first, last = _closest(poses, least, fade, clip.fps / step)
    begin, end = _refined(clip, first * step, last * step, step)
    gap = _distance(clip.joints[[begin]], clip.joints[[end]])
    if gap > _LARGEST_GAP:
        raise InputError(
            f"--loop: expected two poses at most {_LARGEST_GAP * 100:.0f} cm apart, got "
            f"{gap * 100:.0f} cm; give a longer motion, or one that repeats"
        )
    return Cycle(begin, end, gap)


def loop_of(clip: Clip, straight: bool = False) -> tuple[Clip, Cycle]:
    """One cycle, whose last frame is its first one, moved and turned on: players join the two.

    `straight`: no turn at all remains; else one of less than 30 degrees is taken out.
    """
    cycle = closest_cycle(clip)
    joints = clip.joints.astype(np.float64)
    turn = yaw(heading(joints[cycle.end]) - heading(joints[cycle.begin]))
    out = joints[cycle.begin : cycle.end + 1].copy()
    wanted = round(_FADE * clip.fps)
    before, behind = cycle.begin, len(joints) - 1 - cycle.end
    frames = min(wanted, max(before, behind), len(out) // 2)
    share = _smooth(np.arange(1, frames + 1) / (frames + 1))[:, None, None]
    if before >= behind:
        other = _moved(joints[cycle.begin - frames : cycle.begin], joints, cycle, turn)
        out[-1 - frames : -1] = _faded(out[-1 - frames : -1], other, share)
    else:
        back = Cycle(cycle.end, cycle.begin, cycle.gap)
        other = _moved(joints[cycle.end + 1 : cycle.end + 1 + frames], joints, back, turn.T)
        out[1 : 1 + frames] = _faded(out[1 : 1 + frames], other, share[::-1])
        first = _moved(joints[[cycle.end]], joints, back, turn.T)
        out[0] = first[0]
    out[-1] = _moved(out[:1], np.array([out[0], joints[cycle.end]]), Cycle(0, 1, 0.0), turn)[0]
    out = _untwisted(out, straight)
    note = f"{len(out) - 1} frames, gap {cycle.gap * 100:.1f} cm"
    return edited(clip, out, loop=note), cycle


def _local_poses(joints: Array64) -> Array64:
    """(T, 66) joints as if at the origin, facing +Z."""
    turns = np.array([yaw(-heading(pose)) for pose in joints])
    placed = joints - joints[:, :1] * _FLOOR
    return np.asarray(np.einsum("tij,tkj->tki", turns, placed)).reshape(len(joints), -1)


def _closest(poses: Array64, least: int, fade: int, fps: float) -> tuple[int, int]:
    """The two moments between which the shortest of the closest cycles lies."""
    velocity = np.gradient(poses, axis=0) * fps * _VELOCITY
    apart, count = _apart(poses), len(poses)
    first, last = np.indices(apart.shape)
    reach = np.maximum.accumulate(np.where(first <= last, apart, 0.0), axis=1)
    moves = reach >= np.maximum(_MOVES * apart.max(), _THERE_AND_BACK * apart)
    room = (last - first >= least) & (np.maximum(first, count - 1 - last) >= fade)
    cost = np.hypot(apart, _apart(velocity))
    if apart.max() > _STILL:
        room &= moves
    cost = np.where(room, cost, np.inf)
    if not np.isfinite(cost).any():
        raise InputError(_NOTHING)
    good = cost <= cost.min() * _NEARLY[0] + _NEARLY[1]
    length = np.where(good, last - first, count)
    shortest = int(length.min())
    best = np.where(length <= shortest + 1, cost, np.inf)
    found = np.unravel_index(int(best.argmin()), best.shape)
    return int(found[0]), int(found[1])


def _apart(rows: Array64) -> Array64:
    """(T, T) distances of rows (T, 66), root mean square over the joints."""
    square = np.sum(rows**2, axis=1)
    return np.asarray(
        np.sqrt(np.maximum(square[:, None] + square - 2.0 * rows @ rows.T, 0.0) / N_JOINTS)
    )


def _refined(clip: Clip, begin: int, end: int, step: int) -> tuple[int, int]:
    """The closest pair among the frames around one that was found at a lower rate."""
    tries = [
        (a, b)
        for a in range(max(0, begin - step + 1), begin + step)
        for b in range(end - step + 1, min(len(clip), end + step))
    ]
    return min(tries, key=lambda pair: _distance(clip.joints[[pair[0]]], clip.joints[[pair[1]]]))


def _distance(one: Array, other: Array) -> float:
    """Metres between the joints of two poses (1, 22, 3), in place: root mean square."""
    away = _local_poses(np.asarray(one, np.float64)) - _local_poses(np.asarray(other, np.float64))
    return float(np.sqrt(np.sum(away**2) / N_JOINTS))


def _moved(frames: Array64, joints: Array64, cycle: Cycle, turn: Array64) -> Array64:
    """Frames carried by what carries the pelvis from the cycle's beginning over its end."""
    here, there = (joints[at, 0] * _FLOOR for at in (cycle.begin, cycle.end))
    return np.asarray((frames - here) @ turn.T + there)


def _faded(one: Array64, other: Array64, share: Array64) -> Array64:
    """Poses (n, 22, 3) between two motions; pelvis and bones blend, bones keep their lengths."""
    poses = between_poses(one, other, share)
    floor = ((1.0 - share) * one + share * other)[:, :1] - poses[:, :1]
    return np.asarray(poses + floor)


def _untwisted(joints: Array64, straight: bool) -> Array64:
    """The cycle without the turn between its ends, which is taken out evenly."""
    turn = heading(joints[-1]) - heading(joints[0])
    turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
    if not straight and abs(turn) > _STRAIGHT:
        return joints
    out = np.empty_like(joints)
    place = joints[0, 0] * _FLOOR
    for frame, pose in enumerate(joints):
        back = yaw(-turn * frame / (len(joints) - 1))
        if frame:
            place = place + back @ ((pose[0] - joints[frame - 1, 0]) * _FLOOR)
        out[frame] = (pose - pose[0] * _FLOOR) @ back.T + place
    return out


def _smooth(share: Array64) -> Array64:
    return np.asarray(share * share * (3.0 - 2.0 * share))
