"""Windows of what is done on the spot: standing still, and dancing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import FPS, JOINT, Array, Array64

from ..clips import Joints, take_id
from ..cutting import STRIDE, Window, whole_rows
from ..joining import between_stands, neutral, repeat
from ..judges import LEFT, RIGHT, Evidence
from ..sources import DANCE_LOOPS, DANCES
from .cycles import at_pace
from .puppet import ease_bones, on_feet
from .stepping import alive, smooth

_LONG_SECONDS: Final = (8.0, 12.0, 16.0, 24.0)
_QUIET_STEP: Final = 0.02  # metres a frame of the fastest joint
_QUIET_FRAMES: Final = 22
# Dancers, stools without a stool, and hand-keyed bodies: they do not stand as people do.
_UNQUIET: Final = (
    "cmu_05", "cmu_60", "cmu_61", "cmu_94", "cs_train_extra", "cmu_14_33", "cmu_14_34",
    "cmu_14_35", "cmu_13_33", "kk_", "m2m_", "m2q_",
)  # fmt: skip
_LIMBS: Final = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
# The liveliest of each kind: a pause in a dance teaches nobody to dance.
_MOST: Final = {"salsa": 26, "ballet": 12, "Indian": 12, "": 10}
# What people say of a kind of dance, in turn.
_SAID: Final = {
    "salsa": ("", "salsa", "happy", "", "playful", "salsa", "cool"),
    "ballet": ("ballet", "graceful", "elegant"),
    "Indian": ("Indian", "", "Indian", "graceful"),
    "": ("", "cool", "wild"),
}


def still_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Standing still: a body at ease that breathes, and quiet stretches of captures."""
    draw = np.random.default_rng(7 + mirror)
    for k in range(24):
        frames = int(draw.integers(8, 30)) * STRIDE + 1
        style = ("", "calm", "", "relaxed")[k % 4]
        yield Window("stand_still", whole_rows(at_ease(frames, draw)), "made", style=style)
    for name, joints in pool.items():
        piece = None if name.startswith(_UNQUIET) else _quiet_piece(joints)
        if piece is not None:
            sway = np.concatenate([piece, piece[-2:0:-1], piece])
            motion = between_stands(sway[: int(draw.integers(24, 62))])
            yield Window("stand_still", whole_rows(motion), name)


def long_stands(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Standing still, and dancing, for 8 to 24 seconds."""
    draw = np.random.default_rng(8 + mirror)
    for seconds in _LONG_SECONDS:
        frames = int(seconds * FPS)
        yield Window("stand_still", whole_rows(at_ease(frames + 1, draw)), "made")
    dances = [n for n in pool if n.startswith(DANCES) and len(pool[n]) > 500]
    for k, seconds in enumerate((*_LONG_SECONDS, *_LONG_SECONDS)):
        name = dances[(3 * k + mirror) % len(dances)]
        frames = int((seconds - 1.3) * FPS)
        start = int(draw.integers(0, max(1, len(pool[name]) - frames)))
        motion = between_stands(pool[name][start : start + frames])
        yield Window("dance", whole_rows(motion), name, style=_SAID[_kind(name)][k % 2])


def at_ease(frames: int, draw: np.random.Generator) -> Array64:
    """A body (frames, 22, 3) that stands, breathes and shifts its weight a little."""
    stand = neutral()
    time = np.arange(frames) / FPS
    fade = smooth(np.arange(frames) / 12.0) * smooth(np.arange(frames)[::-1] / 12.0)
    root = np.repeat(stand[None, 0], frames, axis=0)
    for axis, size in ((0, 0.014), (2, 0.008)):
        seconds, phase = draw.uniform(3.5, 7.0), draw.uniform(0.0, 2.0 * np.pi)
        root[:, axis] += size * fade * np.sin(2.0 * np.pi * time / seconds + phase)
    rows = {s: [JOINT[f"{s}_ankle"], JOINT[f"{s}_foot"]] for s in ("left", "right")}
    feet = {s: tuple(np.repeat(stand[None, j], frames, axis=0) for j in rows[s]) for s in rows}
    poles = {s: np.repeat([[0.1 if s == "left" else -0.1, 0.0, 1.0]], frames, axis=0) for s in rows}
    bones = alive(ease_bones(frames), draw, 0.8)
    return on_feet(root, bones, {s: (f[0], f[1]) for s, f in feet.items()}, poles)


def _quiet_piece(joints: Joints) -> Joints | None:
    """The first stretch in which no joint of an upright body with its arms down moves much."""
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1)
    for start in range(0, len(joints) - _QUIET_FRAMES, 4):
        piece = joints[start : start + _QUIET_FRAMES]
        if steps[start : start + _QUIET_FRAMES].max() < _QUIET_STEP:
            e = Evidence(piece)
            hands = max(e.height(f"{side}_wrist").mean() for side in (LEFT, RIGHT))
            return piece if e.height("head").min() > 1.35 and hands < 1.0 else None
    return None


def dance_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """The liveliest pieces of dances, of two to five seconds, and repeated dance steps."""
    draw = np.random.default_rng(13 + mirror)
    found: dict[str, list[tuple[float, str, Joints]]] = {kind: [] for kind in _MOST}
    for name, joints in pool.items():
        if name.startswith(DANCES) and name not in ("cmu_05_01",):
            for start in range(0, len(joints) - 40, 50):
                length = int(draw.integers(36, 90))
                first = _slowest_near(joints, start)
                piece = joints[first : _slowest_near(joints, first + length)]
                if len(piece) >= 30:
                    found[_kind(name)].append((_liveliness(piece), name, piece))
    for kind, most in _MOST.items():
        best = sorted(found[kind], key=lambda one: -one[0])[:most]
        for k, (_, name, piece) in enumerate(best):
            style, speed = _SAID[kind][k % len(_SAID[kind])], ("", "", "slow", "", "fast")[k % 5]
            paced = at_pace(piece, {"": 1.0, "slow": 1.4, "fast": 0.85}[speed])
            yield Window("dance", whole_rows(between_stands(paced)), name, style=style, speed=speed)
    for name, count in DANCE_LOOPS:
        if name in pool:
            motion = between_stands(repeat(pool[name], count)[:92])
            yield Window("dance", whole_rows(motion), name, style="playful")


def _slowest_near(joints: Joints, frame: int) -> int:
    """The frame within half a second at which the limbs move least."""
    speed = _limb_speed(joints)
    first = max(0, min(frame - 10, len(speed) - 1))
    return first + int(speed[first : frame + 11].argmin()) if frame + 11 > first else first


def _limb_speed(joints: Array) -> Array64:
    steps = np.diff(np.asarray(joints, np.float64), axis=0)
    return np.asarray(np.linalg.norm(steps[:, [JOINT[j] for j in _LIMBS]], axis=-1).mean(axis=1))


def _liveliness(joints: Array) -> float:
    return float(_limb_speed(joints).mean())


def _kind(name: str) -> str:
    take = take_id(name)
    if take.startswith(("cmu_60", "cmu_61")):
        return "salsa"
    return "ballet" if take.startswith("cmu_05") else "Indian" if "_94_" in take else ""
