"""A gesture performed: paths through its keys, and what a living body adds to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from kinetoken.motion.idle import standing_pose
from kinetoken.motion.skeleton import FPS, Array64

from .body import BOTH_SIDES, WIDTHS, Channels, middle, pose_body
from .directions import from_plane
from .keys import LONG, Key, Resolver, Triple, resting
from .standing import StandingClip

_STRIDE: Final = 4  # feature frames per latent frame
_SETTLE: Final = 0.2  # seconds in which an overshot pose settles
_DRIFT: Final = np.radians(1.3)  # slow wandering of a held pose
_ARM_MASS: Final = 0.035  # metres that the pelvis gives way to both arms held out
_ARMS: Final = tuple(f"{s}_{b}" for s in BOTH_SIDES for b in ("upper", "fore"))


@dataclass(frozen=True)
class Manner:
    """How a gesture is done."""

    tempo: float = 1.0
    """Times longer than usual."""
    size: float = 1.0
    """Times the usual angles of torso, head and shoulders."""
    spine: Triple = (0.0, 0.0, 0.0)
    """Added while it lasts, degrees."""
    head: Triple = (0.0, 0.0, 0.0)
    shrug: float = 0.0
    tremble: float = 0.0
    """Degrees."""
    overshoot: float = 0.05
    lag: float = 0.03
    """Seconds by which the forearm trails the upper arm."""


@dataclass(frozen=True)
class _Knot:
    time: float
    row: Channels
    through: bool


def perform(
    clip: StandingClip,
    keys: Sequence[Key],
    main: str,
    manner: Manner,
    draw: np.random.Generator,
    hold: float = 1.0,
    leave: float = 0.65,
) -> Array64:
    """Joints (T, 22, 3) of a gesture on a standing clip; T - 1 is a multiple of 4.

    It begins and ends standing. `hold` is the length of its LONG holds in seconds, `leave` that of
    the way back to rest.
    """
    first = int(draw.integers(0, 80))
    shake = {
        "upper": draw.normal(0.0, 0.07, 2),
        "fore": draw.normal(0.0, 0.07, 2),
        "hand": draw.normal(0.0, 0.012, 3),
    }
    resolver = Resolver(standing_pose(), main, manner.size * float(draw.uniform(0.92, 1.1)), shake)
    knots = _knots(resolver, keys, manner, draw, hold, leave)
    end = knots[-1].time + float(draw.uniform(0.15, 0.35))
    frames = int(np.ceil((end * FPS - 1) / _STRIDE)) * _STRIDE + 1
    times = np.arange(frames) / FPS
    lag = {n: manner.lag for n in _ARMS if n.endswith("fore")}
    channels = {
        n: _path(times - lag.get(n, 0.0), knots, [k.row[n][0] for k in knots]) for n in WIDTHS
    }
    busy = _path(times, knots, [np.zeros(1), *[np.ones(1)] * (len(knots) - 2), np.zeros(1)])
    _live(channels, busy, manner, draw)
    base = clip.frames(frames, first)
    sway = resting(base)
    for name in _ARMS:
        channels[name] = channels[name] + sway[name] - resolver.rest[name]
    _give_way(channels, resolver.rest)
    return pose_body(base, channels)


def _knots(
    resolver: Resolver,
    keys: Sequence[Key],
    manner: Manner,
    draw: np.random.Generator,
    hold: float,
    leave: float,
) -> list[_Knot]:
    knots = [_Knot(0.0, resolver.rest, False)]
    now = float(draw.uniform(0.15, 0.3))
    knots.append(_Knot(now, resolver.rest, False))
    row = resolver.rest
    sign = 1.0 if resolver.sides["main"] == "left" else -1.0
    for key in keys:
        before, row = row, resolver.row(row, key)
        now += key.seconds * manner.tempo * float(draw.uniform(0.92, 1.08))
        shown = _in_manner(row, manner, sign)
        stay = (hold if key.hold == LONG else key.hold * manner.tempo) * float(
            draw.uniform(0.9, 1.1)
        )
        if stay > 1.4 * _SETTLE and not key.through and manner.overshoot:
            over = float(draw.uniform(0.4, 1.6)) * manner.overshoot
            knots.append(_Knot(now, _beyond(before, shown, over), False))
            knots.append(_Knot(now + _SETTLE, shown, False))
        else:
            knots.append(_Knot(now, shown, key.through))
        if stay > 0:
            now += stay
            knots.append(_Knot(now, shown, False))
    now += leave * manner.tempo * float(draw.uniform(0.9, 1.15))
    return [*knots, _Knot(now, resolver.rest, False)]


def _in_manner(row: Channels, manner: Manner, sign: float) -> Channels:
    mirror = np.array([1.0, sign, sign])
    out = dict(row)
    out["spine"] = row["spine"] + np.radians(manner.spine) * mirror
    out["head"] = row["head"] + np.radians(manner.head) * mirror
    for side in BOTH_SIDES:
        out[f"{side}_shrug"] = row[f"{side}_shrug"] + np.radians(manner.shrug)
    return out


def _beyond(before: Channels, row: Channels, share: float) -> Channels:
    """The pose overshot by `share` of the way; feet and pelvis never are."""
    swung = {n: row[n] + share * (row[n] - before[n]) for n in (*_ARMS, "head", "spine")}
    return row | swung


def _path(times: Array64, knots: Sequence[_Knot], values: Sequence[Array64]) -> Array64:
    """Values (T, n) along minimum-jerk ways between knots, without a stop where one is passed."""
    at = np.array([k.time for k in knots])
    rows = np.stack(values)
    speed = np.zeros_like(rows)
    for i in range(1, len(knots) - 1):
        if knots[i].through:
            speed[i] = (rows[i + 1] - rows[i - 1]) / (at[i + 1] - at[i - 1])
    index = np.clip(np.searchsorted(at, times, side="right") - 1, 0, len(at) - 2)
    span = at[index + 1] - at[index]
    u = np.clip((times - at[index]) / span, 0.0, 1.0)[:, None]
    span = span[:, None]
    from_start = 1 - 10 * u**3 + 15 * u**4 - 6 * u**5
    start_speed = u - 6 * u**3 + 8 * u**4 - 3 * u**5
    end_speed = -4 * u**3 + 7 * u**4 - 3 * u**5
    path: Array64 = (
        rows[index] * from_start
        + rows[index + 1] * (1 - from_start)
        + span * (speed[index] * start_speed + speed[index + 1] * end_speed)
    )
    return path


def _live(c: Channels, busy: Array64, manner: Manner, draw: np.random.Generator) -> None:
    """Add slow wandering and, where the manner has it, a tremble."""
    times = np.arange(len(busy))[:, None] / FPS
    shaking = 2 * np.pi * times * draw.uniform(2.9, 3.6)
    for name in (*_ARMS, "spine", "head"):
        width = c[name].shape[1]
        for rate, amount in ((0.35, 1.0), (0.8, 0.5)):
            phase = draw.uniform(0, 2 * np.pi, width)
            turns = 2 * np.pi * rate * draw.uniform(0.8, 1.2, width)
            c[name] = c[name] + busy * _DRIFT * amount * np.sin(times * turns + phase)
        if manner.tremble:
            phase = draw.uniform(0, np.pi / 2, width)  # the whole body shakes as one
            c[name] = c[name] + busy * np.radians(manner.tremble) * np.sin(shaking + phase)
    for side in BOTH_SIDES:  # a foot that moves is lifted on its way
        foot = c[f"{side}_foot"]
        pace = np.linalg.norm(np.gradient(foot[:, [0, 2]], axis=0), axis=1) * FPS
        foot[:, 1] += np.minimum(0.08, 0.07 * pace)


def _give_way(c: Channels, rest: Channels) -> None:
    """The pelvis gives way to the arms that are held out, the chest leans a little against them."""
    reach = np.zeros((len(c["pelvis"]), 3))
    for side in BOTH_SIDES:
        upper, fore = (
            from_plane(c[f"{side}_{b}"], middle(side, b))
            - from_plane(rest[f"{side}_{b}"], middle(side, b))
            for b in ("upper", "fore")
        )
        reach += (upper + 0.6 * fore) / 3.2
    ones = np.ones(5) / 5
    for axis in (0, 2):
        padded = np.pad(reach[:, axis], 2, mode="edge")
        c["pelvis"][:, axis] -= _ARM_MASS * np.convolve(padded, ones, mode="valid")
