"""Gestures of the whole body on the spot: throws, swings, shots, pushes, pulls, lifts, pick-ups."""

from __future__ import annotations

from typing import Final

from ..keyframes import Bones, Hand, Key
from ..keyframes.keys import LONG, REST, Triple
from .gesture import Gesture

_STAY: Final = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
_UPRIGHT: Final = (0.0, 0.0, 0.0)


def _back(seconds: float, hold: float = 0.1) -> Key:
    """Back to standing between two repetitions."""
    return Key(
        seconds, hold, both=REST, spine=_UPRIGHT, hips=_UPRIGHT, head=_UPRIGHT, pelvis=_UPRIGHT,
        feet=_STAY, heels=(0, 0), shrug=(0, 0),
    )  # fmt: skip


def _overhand(step: float, wind: float, stroke: float) -> Gesture:
    stepped = ((0.0, 0.0, 0.0), (0.03, 0.0, step))
    return Gesture(
        "throw",
        cycle=(
            Key(wind, 0.06, main=Bones((0.85, 0.1, -0.5), (0.3, 0.85, -0.4)),
                other=Bones((0.3, -0.1, 0.9), (-0.1, 0.1, 0.95)), spine=(-8, 8, 34),
                hips=(0, 0, 16), head=(0, 0, -38), pelvis=(0.03, -0.03, -0.04)),
            Key(wind * 0.55, feet=stepped, pelvis=(0, -0.04, step * 0.4), through=True,
                main=Bones((0.85, 0.2, -0.35), (0.2, 0.75, -0.65)), spine=(-8, 6, 26)),
            Key(stroke, main=Bones((0.45, 0.4, 0.8), (0.0, 0.75, 0.75)),
                other=Bones((0.3, -0.6, 0.2), (0.1, -0.2, 0.9)), spine=(8, -4, -12),
                hips=(4, 0, -6), head=(0, 0, 8), pelvis=(0, -0.05, step * 0.55), heels=(20, 0),
                through=True),
            Key(stroke * 1.3, main=Bones((-0.15, -0.35, 0.9), (-0.35, -0.6, 0.75)),
                spine=(20, -6, -26), hips=(8, 0, -14), head=(-10, 0, 22), heels=(32, 0)),
            _back(0.6),
        ),
        counts=(1, 1, 1, 2, 3),
        leave=0.15,
        styles=("angry", "gentle", "happy", "playful", "dramatic", "tired"),
    )  # fmt: skip


def _underhand(step: float) -> Gesture:
    return Gesture(
        "throw",
        cycle=(
            Key(0.45, main=Bones((0.2, -0.65, -0.75), (0.1, -0.8, -0.55)), spine=(12, 4, 16),
                pelvis=(0, -0.04, -0.02), head=(-8, 0, -12)),
            Key(0.24, feet=((0, 0, 0), (0.02, 0, step)), main=Bones((0.15, -0.8, 0.55), (0, -0.55, 0.8)),
                spine=(10, 0, -6), pelvis=(0, -0.06, step * 0.5), heels=(16, 0), through=True),
            Key(0.2, 0.12, main=Bones((0.05, 0.2, 0.97), (-0.1, 0.55, 0.85)), spine=(0, -4, -14),
                head=(-4, 0, 8), pelvis=(0, -0.02, step * 0.6), heels=(24, 0)),
            _back(0.6),
        ),
        counts=(1, 1, 2, 3),
        leave=0.15,
        styles=("gentle", "happy", "playful"),
    )  # fmt: skip


_THROWS: Final = (
    _overhand(0.32, 0.5, 0.19), _overhand(0.22, 0.42, 0.17), _overhand(0.4, 0.6, 0.2), _underhand(0.28)
)  # fmt: skip


def _grip(x: float, up: float, ahead: float) -> tuple[Hand, Hand]:
    """Both hands on one grip, `x` to the main side: the main hand above the other."""
    return (
        Hand((x, up, ahead), (0.8, -0.5, 0.1)),
        Hand((-x, up - 0.07, ahead - 0.02), (0.8, -0.5, 0.1)),
    )


def _slash(ready: Triple, end: Triple, turn: float, bend: float, step: float) -> Gesture:
    start, stop = _grip(*ready), _grip(*end)
    middle = _grip((ready[0] + end[0]) / 2, (ready[1] + end[1]) / 2, 0.46)
    feet = ((0.0, 0.0, step), (0.0, 0.0, 0.0))
    return Gesture(
        "swing_sword",
        enter=(Key(0.45, main=_grip(0.03, -0.3, 0.32)[0], other=_grip(0.03, -0.3, 0.32)[1],
                   pelvis=(0, -0.04, step * 0.4), feet=feet),),
        cycle=(
            Key(0.36, 0.05, main=start[0], other=start[1], spine=(-4, 0, turn), hips=(0, 0, turn / 4),
                head=(0, 0, -turn * 0.8)),
            Key(0.13, main=middle[0], other=middle[1], spine=(bend / 2, 0, 0), hips=(0, 0, 0),
                head=(0, 0, 0), through=True),
            Key(0.15, 0.12, main=stop[0], other=stop[1], spine=(bend, 0, -turn * 0.9),
                hips=(0, 0, -turn / 4), head=(-bend / 2, 0, turn * 0.6),
                pelvis=(0, -0.08, step * 0.5)),
        ),
        counts=(1, 2, 3, 1, 2),
        leave=0.6,
        styles=("angry", "playful", "dramatic", "tired", "graceful"),
    )  # fmt: skip


def _one_hand(ready: Bones, pass_by: Bones, end: Bones, turn: float) -> Gesture:
    guard = Bones((0.25, -0.75, 0.5), (0.1, 0.3, 0.9))
    return Gesture(
        "swing_sword",
        enter=(Key(0.4, main=guard, other=Bones((0.5, -0.8, 0.1), (0.3, -0.2, 0.6)),
                   pelvis=(0, -0.03, 0.05), feet=((0, 0, 0.16), (0, 0, 0))),),
        cycle=(
            Key(0.33, 0.05, main=ready, spine=(-3, 0, turn), head=(0, 0, -turn * 0.7)),
            Key(0.13, main=pass_by, spine=(5, 0, 0), head=(0, 0, 0), through=True),
            Key(0.15, 0.1, main=end, spine=(8, 0, -turn), head=(-3, 0, turn * 0.6)),
        ),
        counts=(2, 1, 3, 4, 1),
        leave=0.55,
        styles=("angry", "playful", "dramatic", "graceful"),
    )  # fmt: skip


_SWORDS: Final = (
    _slash((0.04, 0.36, 0.1), (0.0, -0.42, 0.36), 6, 18, 0.22),
    _slash((0.26, 0.2, 0.16), (-0.26, -0.4, 0.26), 26, 14, 0.18),
    _slash((0.3, -0.12, 0.2), (-0.3, -0.14, 0.24), 32, 6, 0.15),
    _one_hand(Bones((0.75, 0.55, -0.1), (0.1, 0.8, -0.5)), Bones((0.35, 0.1, 0.9), (0, 0.3, 0.95)),
              Bones((-0.3, -0.6, 0.7), (-0.6, -0.6, 0.5)), 22),
    _one_hand(Bones((0.95, -0.1, 0.0), (0.8, 0.3, -0.4)), Bones((0.4, -0.1, 0.9), (0.3, 0, 0.95)),
              Bones((-0.6, -0.15, 0.75), (-0.9, -0.1, 0.4)), 28),
)  # fmt: skip


def _golf(seconds: float, turn: float) -> Gesture:
    feet = ((0.08, 0.0, 0.0), (0.08, 0.0, 0.0))
    address = (
        Hand((-0.01, 0.68, 0.4), (0.7, -0.3, -0.5), "floor"),
        Hand((0.03, 0.75, 0.38), (0.7, -0.3, -0.5), "floor"),
    )
    top = (Hand((0.3, 0.16, 0.05), (0.6, -0.7, -0.3)), Hand((-0.26, 0.14, 0.1), (0.1, -0.7, 0.7)))
    finish = (
        Hand((-0.26, 0.16, 0.14), (0.1, -0.7, 0.7)),
        Hand((0.3, 0.2, 0.06), (0.6, -0.7, -0.3)),
    )
    bent = (18.0, 0.0, 0.0)
    return Gesture(
        "swing_golf",
        enter=(Key(0.6, 0.35, main=address[0], other=address[1], hips=(20, 0, 0), spine=bent,
                   head=(10, 0, 0), pelvis=(0, -0.06, -0.08), feet=feet),),
        cycle=(
            Key(seconds, 0.08, main=top[0], other=top[1], hips=(18, 0, turn * 0.35),
                spine=(14, 0, turn * 0.65), head=(12, 0, -turn * 0.7), pelvis=(0.03, -0.06, -0.08),
                heels=(0, 12)),
            Key(0.24, main=address[0], other=address[1], hips=(20, 0, -6), spine=(18, 2, 0),
                head=(10, 0, 6), pelvis=(-0.02, -0.06, -0.07), heels=(6, 0), through=True),
            Key(0.3, 0.5, main=finish[0], other=finish[1], hips=(4, 0, -turn * 0.55),
                spine=(-2, 0, -turn * 0.6), head=(-6, 0, 12), pelvis=(-0.07, -0.01, -0.02),
                heels=(38, 0)),
        ),
        counts=(1, 1, 1, 1),
        leave=0.8,
        styles=("angry", "proud", "tired", "nervous", "graceful"),
    )  # fmt: skip


_GOLFS: Final = (_golf(0.7, 52), _golf(0.85, 60), _golf(0.6, 42))


def _shoot(dip: float, jump: float, stroke: float) -> Gesture:
    chest = (
        Hand((0.09, -0.16, 0.27), (0.8, -0.6, 0.1)),
        Hand((0.11, -0.18, 0.27), (0.8, -0.6, 0.1)),
    )
    brow = (Hand((0.1, 0.24, 0.2), (0.5, -0.3, 0.8)), Hand((0.12, 0.2, 0.22), (0.8, -0.3, 0.5)))
    up = (Bones((0.08, 0.75, 0.65), (-0.1, 0.92, 0.4)), Bones((0.2, 0.55, 0.75), (-0.05, 0.9, 0.3)))
    return Gesture(
        "shoot_basketball",
        cycle=(
            Key(0.42, 0.1, main=chest[0], other=chest[1], head=(-6, 0, 0), pelvis=(0, -0.03, 0)),
            Key(0.36, main=chest[0], other=chest[1], pelvis=(0, -dip, -0.04), hips=(14, 0, 0),
                spine=(6, 0, 0), head=(-20, 0, 0)),
            Key(0.22, main=brow[0], other=brow[1], pelvis=(0, -dip * 0.3, 0), hips=(4, 0, 0),
                spine=(0, 0, 0), head=(-14, 0, 0), heels=(16, 16), through=True),
            Key(stroke, 0.42, main=up[0], other=up[1], pelvis=(0, 0.06, 0.02), hips=(0, 0, 0),
                head=(-14, 0, 0), heels=(34, 34), feet=((0, jump, 0), (0, jump, 0))),
            _back(0.55),
        ),
        counts=(1, 1, 1, 2),
        leave=0.15,
        styles=("happy", "tired", "nervous", "graceful"),
    )  # fmt: skip


_SHOTS: Final = (_shoot(0.14, 0.0, 0.17), _shoot(0.18, 0.0, 0.2), _shoot(0.1, 0.0, 0.15))


def _push(lean: float, step: float, stroke: float, hold: float, one: bool = False) -> Gesture:
    near = Hand((0.17, -0.16, 0.2), (0.9, -0.6, -0.3))
    far = Bones((0.1, -0.12, 0.98), (-0.05, 0.08, 1))
    feet = ((0.02, 0.0, step), (0.02, 0.0, -step * 0.2))
    return Gesture(
        "push",
        enter=(Key(0.4, main=near, other=None if one else near, pelvis=(0, -0.05, 0.02), feet=feet,
                   spine=(4, 0, 14 if one else 0)),),
        cycle=(
            Key(stroke, hold, main=far, other=None if one else far, spine=(lean, 0, -12 if one else 0),
                hips=(lean * 0.4, 0, 0), head=(-lean, 0, 0), pelvis=(0, -0.08, step * 0.7),
                heels=(0, 22)),
            Key(0.34, main=near, other=None if one else near, spine=(4, 0, 14 if one else 0),
                hips=(0, 0, 0), head=(0, 0, 0), pelvis=(0, -0.05, step * 0.3), heels=(0, 6)),
        ),
        counts=(1, 1, 2, 3),
        leave=0.6,
        side="main" if one else "both",
        styles=("angry", "gentle", "tired", "dramatic", "scared"),
    )  # fmt: skip


_PUSHES: Final = (
    _push(12, 0.28, 0.26, 0.25), _push(24, 0.36, 0.8, LONG), _push(16, 0.3, 0.4, 0.4),
    _push(10, 0.25, 0.3, 0.25, one=True),
)  # fmt: skip


def _pull(lean: float, stroke: float, low: float, step: float) -> Gesture:
    far = Bones((0.02, -0.3 - low, 0.95), (-0.08, -0.12 - low, 1))
    near = Hand((0.17, -0.3 - low * 0.3, 0.16), (0.6, -0.2, -0.9))
    feet = ((0.03, 0.0, step), (0.03, 0.0, -0.05))
    return Gesture(
        "pull",
        enter=(Key(0.45, 0.1, both=far, spine=(10, 0, 0), pelvis=(0, -0.06, 0.04), feet=feet),),
        cycle=(
            Key(stroke, 0.2, both=near, spine=(-lean, 0, 4), hips=(-4, 0, 0), head=(lean, 0, 0),
                pelvis=(0, -0.12, -0.13), shrug=(6, 6)),
            Key(0.4, both=far, spine=(10, 0, 0), hips=(0, 0, 0), head=(0, 0, 0),
                pelvis=(0, -0.06, 0.03), shrug=(0, 0)),
        ),
        counts=(2, 1, 3, 1),
        leave=0.6,
        side="both",
        styles=("angry", "gentle", "tired", "dramatic"),
    )  # fmt: skip


def _haul(stroke: float) -> Gesture:
    """Hand over hand, as on a rope."""
    far = Bones((-0.05, -0.2, 0.97), (-0.25, 0.0, 0.97))
    near = Hand((0.13, -0.28, 0.17), (0.6, -0.3, -0.9))
    feet = ((0.03, 0.0, 0.16), (0.03, 0.0, -0.08))
    return Gesture(
        "pull",
        enter=(Key(0.45, main=far, other=near, spine=(2, 0, -8), pelvis=(0, -0.08, -0.05),
                   feet=feet),),
        cycle=(Key(stroke, main=near, other=far, spine=(-6, 0, 12), pelvis=(0, -0.1, -0.09)),
               Key(stroke, main=far, other=near, spine=(-6, 0, -12))),
        times=(2, 2, 3),
        leave=0.6,
        side="both",
        styles=("tired", "angry"),
    )  # fmt: skip


_PULLS: Final = (
    _pull(12, 0.5, 0.0, 0.2), _pull(20, 0.8, 0.15, 0.24), _haul(0.38), _pull(8, 0.34, -0.1, 0.15)
)  # fmt: skip
_WIDE: Final = ((0.07, 0.0, 0.0), (0.07, 0.0, 0.0))


def _lift(dip: float, high: bool, slow: float) -> Gesture:
    floor = Hand((0.2, 0.24, 0.33), (0.7, 0.4, -0.5), "floor")
    waist = Hand((0.18, -0.4, 0.28), (0.8, -0.4, -0.5))
    top = Hand((0.2, 0.42, 0.08), (0.9, 0.0, 0.4))
    up = [
        Key(slow, 0.35, both=waist, pelvis=(0, -0.04, -0.02), hips=(2, 0, 0), spine=(-8, 0, 0),
            head=(0, 0, 0), shrug=(6, 6))
    ]  # fmt: skip
    if high:
        up.append(Key(0.6, LONG, both=top, pelvis=(0, 0, 0), spine=(-4, 0, 0), head=(-8, 0, 0)))
        up.append(Key(0.55, 0.05, both=waist, pelvis=(0, -0.03, 0), spine=(-2, 0, 0)))
    return Gesture(
        "lift_heavy",
        cycle=(
            Key(0.75, 0.25, both=floor, pelvis=(0, -dip, -0.2), hips=(34, 0, 0), spine=(24, 0, 0),
                head=(-16, 0, 0), feet=_WIDE),
            *up,
        ),
        after=()
        if high
        else (Key(0.75, 0.12, both=floor, pelvis=(0, -dip, -0.2), hips=(34, 0, 0),
                  spine=(24, 0, 0), head=(-10, 0, 0), shrug=(0, 0)),),
        counts=(1, 1, 1),
        hold=(0.3, 0.8),
        leave=0.75,
        side="both",
        tremble=0.5,
        styles=("tired", "proud", "angry"),
    )  # fmt: skip


_LIFTS: Final = (_lift(0.36, False, 1.0), _lift(0.42, False, 1.2), _lift(0.34, True, 0.9))


def _pick(dip: float, hips: float, spine: float, two: bool) -> Gesture:
    low = Hand((0.1, 0.1, 0.36), (0.8, 0.3, -0.4), "floor")
    other: Hand | Bones = low if two else Bones((0.35, -0.85, -0.1), (0.1, -0.8, 0.4))
    shown = Hand((0.06, -0.24, 0.28), (0.8, -0.7, -0.2))
    return Gesture(
        "pick_up_from_floor",
        cycle=(
            Key(0.75, 0.14, main=low, other=other, pelvis=(0, -dip, -0.14), hips=(hips, 0, 0),
                spine=(spine, 0, -6), head=(8, 0, 0), feet=((0.02, 0, 0), (0.02, 0, 0.12))),
            Key(0.75, 0.35, main=shown, other=shown if two else REST, pelvis=(0, 0, 0),
                hips=(0, 0, 0), spine=(2, 0, 0), head=(14, 0, 0)),
        ),
        counts=(1, 1, 1, 2),
        leave=0.55,
        side="both" if two else "main",
        styles=("tired", "happy", "gentle", "playful"),
    )  # fmt: skip


_PICKS: Final = (
    _pick(0.4, 42, 40, False), _pick(0.3, 56, 44, False), _pick(0.46, 36, 36, True),
    _pick(0.22, 66, 48, False),
)  # fmt: skip
_HIGH: Final = Bones((0.1, 0.97, 0.3), (0.0, 0.98, 0.25))
_REACHES: Final = tuple(
    Gesture(
        "reach_up",
        cycle=(Key(0.7, LONG, main=_HIGH, other=_HIGH if two else None, spine=(-5, 0 if two else -7, 0),
                   head=(-24, 0, 6), heels=(rise, rise), pelvis=(0, 0.075 * rise / 30, 0.03),
                   shrug=(14, 14 if two else 0)),
               Key(0.55, 0.1, main=REST, other=REST, spine=_UPRIGHT, head=_UPRIGHT, heels=(0, 0),
                   pelvis=_UPRIGHT, shrug=(0, 0))),
        counts=(1, 1, 1, 2, 3),
        hold=(0.4, 1.6),
        leave=0.15,
        side="both" if two else "main",
        styles=("happy", "graceful", "robotic", "scared", "sad"),
    )
    for two, rise in ((False, 26.0), (True, 30.0), (False, 32.0), (True, 18.0))
)  # fmt: skip
FORCE_GESTURES: Final[tuple[Gesture, ...]] = (
    *_THROWS, *_SWORDS, *_GOLFS, *_SHOTS, *_PUSHES, *_PULLS, *_LIFTS, *_PICKS, *_REACHES
)  # fmt: skip
