"""Motion made of steps: a path of the root, a heading, and where each foot is set when.

What no capture shows (turns and steps to the side between two stands, marching, skipping,
staggering) is made here. Distances are metres, times frames at 20 fps, angles degrees, positive to
the left. The body faces +Z at first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import FPS, JOINT, Array, Array64

from ..joining import neutral
from .puppet import (
    armed,
    ease_bones,
    facing_bones,
    leaned,
    nodded,
    on_feet,
    twisted,
)

_SIDES: Final = ("left", "right")
_OTHER: Final = {"left": "right", "right": "left"}
_UP: Final = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Footfall:
    """One foot lifted at one frame and set down at another."""

    side: str
    start: float
    end: float
    place: tuple[float, float]
    """X and Z of the ankle."""
    yaw: float
    """Degrees by which the foot is turned to the left of +Z."""
    lift: float = 0.06
    """Metres by which it rises on the way."""
    pitch: float = 18.0
    """Degrees by which the toe hangs on the way."""


@dataclass(frozen=True)
class Plan:
    """A motion of steps."""

    root: Array64
    """(T, 3); its height is that above the standing root's."""
    heading: Array64
    """(T,) degrees."""
    steps: tuple[Footfall, ...]
    sinking: bool = True
    """False where the feet may leave the floor with the body."""


def smooth(values: Array) -> Array64:
    """Minimum-jerk share of each value, which is cut to 0..1."""
    t = np.clip(np.asarray(values, np.float64), 0.0, 1.0)
    return np.asarray(t**3 * (10.0 - 15.0 * t + 6.0 * t * t))


def danced(plan: Plan, bones: Array) -> Array64:
    """Joints (T, 22, 3) of a plan, with the body's bones (T, 21, 3) in its own frame."""
    stand = neutral()
    heading = np.radians(plan.heading)
    root = plan.root + stand[0]
    feet, poles = {}, {}
    for side in _SIDES:
        ankle, toe, yaw = _track(plan, side, len(root))
        feet[side] = (ankle, toe)
        knee = 0.5 * (heading + yaw)
        poles[side] = np.stack([np.sin(knee), np.zeros(len(knee)), np.cos(knee)], axis=1)
    return on_feet(root, facing_bones(bones, heading), feet, poles, plan.sinking)


def _track(plan: Plan, side: str, count: int) -> tuple[Array64, Array64, Array64]:
    """Ankle and toe (T, 3) of one foot, and its yaw (T,) in radians."""
    stand, frames = neutral(), np.arange(count)
    place = stand[JOINT[f"{side}_ankle"]].copy()
    rest = stand[JOINT[f"{side}_foot"]] - place
    ankle = np.repeat(place[None], count, axis=0)
    yaw, pitch = np.zeros(count), np.zeros(count)
    for step in (step for step in plan.steps if step.side == side):
        t = np.clip((frames - step.start) / max(1.0, step.end - step.start), 0.0, 1.0)
        way = np.array([step.place[0], place[1], step.place[1]]) - place
        ankle += smooth(t)[:, None] * way + step.lift * np.sin(np.pi * t)[:, None] ** 2 * _UP
        yaw += smooth(t) * (step.yaw - yaw[-1])
        pitch += step.pitch * np.sin(np.pi * t) ** 2
        place = ankle[-1].copy()
    down = np.radians(pitch)
    ahead = np.hypot(rest[0], rest[2])
    own = np.arctan2(rest[0], rest[2])
    length = ahead * np.cos(down) + rest[1] * np.sin(down)
    spin = np.radians(yaw) + own
    toe = ankle + np.stack(
        [
            np.sin(spin) * length,
            rest[1] * np.cos(down) - ahead * np.sin(down),
            np.cos(spin) * length,
        ],
        axis=1,
    )
    least = np.minimum(toe[:, 1], stand[JOINT[f"{side}_foot"], 1])
    ankle[:, 1] += np.maximum(0.0, 0.0 - least)
    return ankle, toe + np.maximum(0.0, 0.0 - least)[:, None] * _UP, np.radians(yaw)


def feet_at(root: tuple[float, float], heading: float, side: str) -> tuple[float, float]:
    """Where a foot stands beside a root (X, Z) that faces `heading` degrees to the left."""
    stand = neutral()
    away = stand[JOINT[f"{side}_ankle"]] - stand[0]
    cos, sin = np.cos(np.radians(heading)), np.sin(np.radians(heading))
    return (root[0] + cos * away[0] + sin * away[2], root[1] + cos * away[2] - sin * away[0])


def turning(degrees: float, frames_a_step: float, still: int, draw: np.random.Generator) -> Array64:
    """A turn on the spot from standing to standing, by two to six steps, positive to the left.

    The head leads, the chest follows, the feet step round one after the other.
    """
    first = "left" if degrees > 0 else "right"
    pairs = max(1, round(abs(degrees) / 80.0))
    steps, begin = [], float(still)
    for pair in range(pairs):
        goal = degrees * (pair + 1) / pairs
        for side in (first, _OTHER[first]):
            place = feet_at((0.0, 0.0), goal, side)
            end = begin + frames_a_step
            steps.append(
                Footfall(side, begin, end, place, goal, lift=float(draw.uniform(0.05, 0.08)))
            )
            begin = end - 0.12 * frames_a_step
    over = int(np.ceil(begin + 0.12 * frames_a_step + 3)) + still
    frames = np.arange(float(over))
    span = begin - still
    heading = degrees * smooth((frames - still - 0.04 * span) / (0.98 * span))
    lead = degrees * smooth((frames - still + 2.0) / (0.80 * span)) - heading
    root = _over_standing_foot(steps, over, 0.35)
    bones = ease_bones(over)
    bones = twisted(leaned(bones, 2.0 * _busy(frames, still, over)), 0.22 * lead, 0.35 * lead)
    bones = nodded(bones, 4.0 * _busy(frames, still, over))
    swing = 10.0 * np.sin(np.pi * np.clip((frames - still) / frames_a_step, 0.0, 2.0 * pairs))
    for side in _SIDES:
        sign = 1.0 if side == first else -1.0
        bones = armed(
            bones, side, sign * swing * draw.uniform(0.7, 1.2), 5.0 * _busy(frames, still, over)
        )
    return danced(Plan(root, heading, tuple(steps)), alive(bones, draw))


def _over_standing_foot(steps: list[Footfall], count: int, share: float) -> Array64:
    """A root (T, 3) that shifts towards the foot that stands while the other is in the air."""
    root, frames = np.zeros((count, 3)), np.arange(count)
    places = {side: np.array(feet_at((0.0, 0.0), 0.0, side)) for side in _SIDES}
    for step in steps:
        t = np.clip((frames - step.start + 2.0) / (step.end - step.start + 3.0), 0.0, 1.0)
        middle = (places[step.side] + places[_OTHER[step.side]]) / 2.0
        places[step.side] = np.array(step.place)
        after = (places[step.side] + places[_OTHER[step.side]]) / 2.0
        root[:, [0, 2]] += smooth(t)[:, None] * (after - middle)
        over = places[_OTHER[step.side]] - middle
        root[:, [0, 2]] += share * np.sin(np.pi * t)[:, None] ** 2 * over
        root[:, 1] -= 0.012 * np.sin(np.pi * t) ** 2
    return root


def _busy(frames: Array, still: int, count: int) -> Array64:
    """1 while the body moves, 0 while it stands still before and after."""
    return smooth((frames - still) / 6.0) * smooth((count - 1 - still - frames) / 6.0)


def alive(bones: Array, draw: np.random.Generator, size: float = 1.0) -> Array64:
    """Bones with the small movements of a living body, none at the first and the last frame."""
    count = len(bones)
    time = np.arange(count) / FPS
    fade = smooth(np.arange(count) / 8.0) * smooth(np.arange(count)[::-1] / 8.0) * size

    def wave(amplitude: float) -> Array64:
        seconds, phase = draw.uniform(1.7, 4.2), draw.uniform(0.0, 2.0 * np.pi)
        return np.asarray(amplitude * fade * np.sin(2.0 * np.pi * time / seconds + phase))

    out = nodded(twisted(leaned(bones, wave(1.2), wave(1.2)), wave(1.5), wave(2.5)), wave(2.0))
    for side in _SIDES:
        out = armed(out, side, wave(2.5), wave(1.2), wave(3.0))
    return out


def sidestepping(
    side: str, count: int, length: float, frames_a_step: float, still: int,
    draw: np.random.Generator,
) -> Array64:  # fmt: skip
    """`count` steps to one side, each closed by the other foot, from standing to standing."""
    sign = 1.0 if side == "left" else -1.0
    steps, begin, along = [], float(still), 0.0
    for _ in range(count):
        along += sign * length * float(draw.uniform(0.92, 1.08))
        for foot in (side, _OTHER[side]):
            place = feet_at((along, 0.0), 0.0, foot)
            end = begin + frames_a_step
            steps.append(
                Footfall(foot, begin, end, place, 0.0, lift=float(draw.uniform(0.05, 0.08)))
            )
            begin = end
    over = int(np.ceil(begin)) + 4 + still
    frames = np.arange(float(over))
    root = _over_standing_foot(steps, over, 0.18)
    root[:, 1] -= 0.02 * _busy(frames, still, over)
    sway = np.gradient(root[:, 0]) * FPS
    bones = leaned(ease_bones(over), 3.0 * _busy(frames, still, over), 4.0 * sway)
    bones = twisted(bones, 0.0, sign * draw.uniform(0.0, 28.0) * _busy(frames, still, over))
    for arm in _SIDES:
        out = draw.uniform(5.0, 16.0) * _busy(frames, still, over) + 6.0 * np.abs(sway)
        bones = armed(bones, arm, 4.0 * sway, out, 14.0 * _busy(frames, still, over))
    return danced(Plan(root, np.zeros(over), tuple(steps)), alive(bones, draw))


def marching(
    count: int, frames_a_step: float, lift: float, still: int, draw: np.random.Generator
) -> Array64:
    """`count` steps on the spot with knees lifted, arms swung against the legs."""
    first = _SIDES[int(draw.integers(0, 2))]
    order = [first, _OTHER[first]]
    steps = []
    for k in range(count):
        foot, begin = order[k % 2], still + k * frames_a_step
        height = lift * float(draw.uniform(0.93, 1.07))
        steps.append(
            Footfall(
                foot,
                begin,
                begin + 1.05 * frames_a_step,
                feet_at((0.0, 0.03), 0.0, foot),
                0.0,
                height,
                30.0,
            )
        )
    over = int(np.ceil(still + count * frames_a_step)) + 4 + still
    frames = np.arange(float(over))
    root = _over_standing_foot(steps, over, 0.22)
    bones = leaned(ease_bones(over), -2.0 * _busy(frames, still, over))
    swing, bend = draw.uniform(24.0, 38.0), draw.uniform(30.0, 80.0)
    for arm in _SIDES:
        ahead = np.zeros(over)
        for step in steps:
            t = np.clip((frames - step.start) / (step.end - step.start), 0.0, 1.0)
            ahead += (1.0 if step.side != arm else -0.6) * swing * np.sin(np.pi * t) ** 2
        bones = armed(bones, arm, ahead, 3.0, bend * _busy(frames, still, over))
    return danced(Plan(root, np.zeros(over), tuple(steps)), alive(bones, draw, 0.7))


def skipping(
    count: int, length: float, frames_a_skip: float, still: int, draw: np.random.Generator
) -> Array64:
    """`count` skips ahead (a step and a hop on the same foot), from standing to standing."""
    first = _SIDES[int(draw.integers(0, 2))]
    order = [first, _OTHER[first]]
    steps, hops = [], []
    for k in range(count):
        foot = order[k % 2]
        down = still + 5.0 + k * frames_a_skip  # the foot is set
        hop, land = down + 0.42 * frames_a_skip, down + 0.78 * frames_a_skip
        share = min(1.0, 0.5 + 0.5 * k)
        z = length * (k + share) - 0.5 * length
        start = still if k < 2 else down - 1.15 * frames_a_skip
        high = 0.34 if k else 0.12
        steps.append(Footfall(foot, start, down, feet_at((0.0, z), 0.0, foot), 0.0, high, 35.0))
        ahead = feet_at((0.0, z + 0.34 * length), 0.0, foot)
        steps.append(Footfall(foot, hop, land, ahead, 0.0, float(draw.uniform(0.09, 0.13)), 25.0))
        hops.append((hop, land))
    return _skipped(steps, hops, order[count % 2], length, frames_a_skip, still, draw)


def _skipped(
    steps: list[Footfall], hops: list[tuple[float, float]], closing: str, length: float,
    frames_a_skip: float, still: int, draw: np.random.Generator,
) -> Array64:  # fmt: skip
    last = steps[-1]
    end = last.end + 0.5 * frames_a_skip
    goal = last.place[1] - (feet_at((0.0, 0.0), 0.0, last.side)[1])
    begin = steps[-3].end if len(steps) > 3 else still
    steps = [
        *steps,
        Footfall(closing, begin + 2.0, end, feet_at((0.0, goal), 0.0, closing), 0.0, 0.22, 20.0),
    ]
    over = int(np.ceil(end)) + 5 + still
    frames = np.arange(float(over))
    root = np.zeros((over, 3))
    # From rest to an even pace and back: a straight line with soft ends.
    line = np.clip((frames - still) / max(1.0, end - still), 0.0, 1.0)
    soft = 0.18
    eased = np.where(
        line < soft,
        line**2 / (2 * soft),
        np.where(line > 1 - soft, (1 - soft) - (1 - line) ** 2 / (2 * soft), line - soft / 2),
    )
    root[:, 2] = goal * eased / (1.0 - soft)
    for hop, land in hops:
        t = np.clip((frames - hop + 1.0) / (land - hop + 2.0), 0.0, 1.0)
        root[:, 1] += 0.13 * np.sin(np.pi * t) ** 2
        dip = np.clip((frames - hop + 5.0) / 5.0, 0.0, 1.0)
        root[:, 1] -= 0.035 * np.sin(np.pi * dip) ** 2
    busy = _busy(frames, still, over)
    bones = nodded(leaned(ease_bones(over), 5.0 * busy), -3.0 * busy)
    swing = draw.uniform(32.0, 46.0)
    for arm in _SIDES:
        ahead = np.zeros(over)
        for hop, land in hops:
            t = np.clip((frames - hop + 3.0) / (land - hop + 6.0), 0.0, 1.0)
            side = next(s.side for s in steps if s.start == hop)
            ahead += (1.0 if side == arm else -0.7) * swing * np.sin(np.pi * t) ** 2
        bones = armed(bones, arm, ahead, 8.0 * busy, 38.0 * busy)
    return danced(Plan(root, np.zeros(over), tuple(steps), sinking=False), alive(bones, draw))


def staggering(seconds: float, still: int, draw: np.random.Generator) -> Array64:
    """A dizzy body that sways and catches itself with steps wherever it tips."""
    over = int(seconds * FPS)
    frames, time = np.arange(float(over)), np.arange(over) / FPS
    busy = _busy(frames, still, over) * smooth((frames - still) / 12.0)
    sway = np.zeros((over, 2))
    for axis in range(2):
        for share, period in ((1.0, draw.uniform(1.7, 2.5)), (0.6, draw.uniform(1.1, 1.6))):
            sway[:, axis] += share * np.sin(2.0 * np.pi * (time / period + draw.uniform(0.0, 1.0)))
    sway *= busy[:, None]
    reach = draw.uniform(0.10, 0.17)
    root = np.zeros((over, 3))
    drift = np.cumsum(busy) / FPS * draw.uniform(0.0, 0.22)
    root[:, 0], root[:, 2] = reach * sway[:, 0], reach * 0.8 * sway[:, 1] + drift
    root[:, 1] = -0.035 * busy
    heading = busy * draw.uniform(10.0, 26.0) * np.sin(2.0 * np.pi * time / draw.uniform(2.6, 4.0))
    steps = _catching(root, heading, over, still, draw)
    tilt = np.roll(sway, 3, axis=0) * busy[:, None]
    bones = leaned(ease_bones(over), 10.0 * busy + 9.0 * tilt[:, 1], 11.0 * tilt[:, 0])
    roll = 9.0 * busy * np.sin(2.0 * np.pi * time / draw.uniform(1.5, 2.1))
    bones = nodded(twisted(bones, roll, 1.4 * roll), 12.0 * busy + 6.0 * tilt[:, 0])
    for arm, sign in (("left", 1.0), ("right", -1.0)):
        out = (22.0 + 16.0 * np.roll(sway[:, 0], 2) * sign) * busy
        ahead = (16.0 + 14.0 * np.roll(sway[:, 1], 4)) * busy
        bones = armed(bones, arm, ahead, np.maximum(out, 3.0 * busy), 26.0 * busy)
    return danced(Plan(root, heading, tuple(steps)), alive(bones, draw, 1.5))


def _catching(
    root: Array64, heading: Array64, count: int, still: int, draw: np.random.Generator
) -> list[Footfall]:
    """Steps that bring the feet, one after another, to where the root will be."""
    steps: list[Footfall] = []
    begin, side = float(still + 3), _SIDES[int(draw.integers(0, 2))]
    while begin + 10 < count - still:
        length = float(draw.uniform(6.0, 9.0))
        end = begin + length
        at = min(count - 1, int(end + 4))
        wide = draw.uniform(-0.02, 0.07) * (1.0 if side == "left" else -1.0)
        place = feet_at((root[at, 0] + wide, root[at, 2]), float(heading[at]), side)
        steps.append(Footfall(side, begin, end, place, float(heading[at]), 0.07))
        begin, side = end + float(draw.uniform(0.0, 2.0)), _OTHER[side]
    for foot in (side, _OTHER[side]):
        place = feet_at((root[-1, 0], root[-1, 2]), float(heading[-1]), foot)
        steps.append(
            Footfall(foot, begin, min(begin + 7.0, count - 2.0), place, float(heading[-1]))
        )
        begin = min(begin + 6.0, count - 6.0)
    return steps
