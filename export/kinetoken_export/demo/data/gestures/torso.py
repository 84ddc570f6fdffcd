"""Gestures of head, shoulders and torso: nods, shrugs, bows, looks, stretches, drinks, cheers."""

from __future__ import annotations

from typing import Final

from ..keyframes import Bones, Hand, Key
from ..keyframes.keys import LONG, REST, Arm
from .gesture import Gesture

_NODS: Final = tuple(
    Gesture(
        "nod",
        enter=(Key(0.2, head=(-up, 0, 0), spine=(-up * 0.3, 0, 0)),),
        cycle=(
            Key(stroke, head=(down, 0, 0), spine=(down * 0.32, 0, 0)),
            Key(stroke * 1.1, head=(-up, 0, 0), spine=(-up * 0.3, 0, 0)),
        ),
        counts=(2, 3, 1, 2, 4, 3, 5),
        leave=0.35,
        side="none",
        styles=("serious", "happy", "excited", "polite", "sad"),
    )
    for down, up, stroke in ((40, 12, 0.27), (46, 8, 0.32), (38, 14, 0.24), (50, 10, 0.36))
)
_SHAKES: Final = tuple(
    Gesture(
        "shake_head",
        enter=(Key(first, head=(4, -roll, -yaw), spine=(0, 0, -yaw * 0.22)),),
        cycle=(
            Key(stroke, head=(4, roll, yaw), spine=(0, 0, yaw * 0.22)),
            Key(stroke, head=(4, -roll, -yaw), spine=(0, 0, -yaw * 0.22)),
        ),
        counts=(2, 3, 2, 1, 3, 4, 5),
        leave=0.35,
        side="none",
        styles=("sad", "serious", "polite", "angry", "scared"),
    )
    for yaw, roll, stroke, first in (
        (56, 6, 0.27, 0.25),
        (62, 8, 0.32, 0.28),
        (50, 7, 0.24, 0.22),
        (66, 6, 0.38, 0.32),
    )
)
_PALMS: Final = Bones((0.35, -0.88, 0.2), (0.75, 0.15, 0.6))
_SHRUG_ARMS: Final[tuple[tuple[Arm, Arm, float, float], ...]] = (
    (_PALMS, Bones((0.3, -0.93, 0.12), (0.45, -0.5, 0.6)), 38, 10),
    (Bones((0.3, -0.9, 0.25), (0.6, 0.35, 0.7)), Bones((0.3, -0.93, 0.12), (0.4, -0.5, 0.6)), 40, 0),
    (REST, REST, 46, 6),
    (Bones((0.5, -0.8, 0.1), (0.8, 0.35, 0.4)), Bones((0.3, -0.93, 0.12), (0.4, -0.5, 0.6)), 36, -9),
)  # fmt: skip
_SHRUGS: Final = tuple(
    Gesture(
        "shrug",
        cycle=(
            Key(0.3, LONG, both=arm, shrug=(high, high), head=(3, tilt, 0), spine=(2, 0, 0)),
            Key(0.3, 0.08, both=low, shrug=(0, 0), head=(0, 0, 0)),
        ),
        counts=(1, 1, 1, 1, 2, 3),
        hold=(0.4, 1.0),
        leave=0.4,
        side="none",
        styles=("bored", "happy", "sad", "shy", "playful"),
    )
    for arm, low, high, tilt in _SHRUG_ARMS
)


def _bow(hips: float, spine: float, head: float, down: float, arms: str) -> Gesture:
    poses: dict[str, tuple[Arm, Arm]] = {
        "sides": (REST, REST),
        "belly": (Hand((-0.1, -0.36, 0.17), (0.9, -0.3, -0.2)), REST),
        "thighs": (Hand((0.1, -0.52, 0.2), (0.8, 0, -0.6)), Hand((0.1, -0.52, 0.2), (0.8, 0, -0.6))),
        "court": (
            Hand((-0.1, -0.36, 0.17), (0.9, -0.3, -0.2)), Bones((0.85, -0.3, -0.2), (0.9, 0.1, -0.1))
        ),
    }  # fmt: skip
    pose = poses[arms]
    back = -0.0025 * hips
    return Gesture(
        "bow",
        cycle=(Key(down, LONG, main=pose[0], other=pose[1], hips=(hips, 0, 0), spine=(spine, 0, 0),
                   head=(head, 0, 0), pelvis=(0, 0, back)),
               Key(down * 1.05, 0.12, main=REST, other=REST, hips=(0, 0, 0), spine=(0, 0, 0),
                   head=(0, 0, 0), pelvis=(0, 0, 0))),
        counts=(1, 1, 1, 2, 3),
        hold=(0.15, 0.9),
        leave=0.15,
        side="none",
        styles=("polite", "serious", "dramatic", "graceful", "sad", "playful"),
    )  # fmt: skip


_BOWS: Final = (
    _bow(42, 28, 12, 0.7, "sides"), _bow(30, 26, 16, 0.6, "thighs"), _bow(48, 32, 10, 0.85, "belly"),
    _bow(45, 26, 8, 0.8, "court"), _bow(58, 34, 6, 0.9, "sides"),
)  # fmt: skip


def _look(yaw: float, spine: float, pitch: float, stay: float, shade: bool = False) -> Gesture:
    brow = Hand((0.12, 0.03, 0.14), (0.9, -0.4, 0.3), "head") if shade else None
    return Gesture(
        "look_around",
        cycle=(Key(0.5, stay, main=brow, head=(pitch, 0, yaw), spine=(0, 0, spine)),
               Key(0.75, stay, head=(-pitch, 0, -yaw), spine=(0, 0, -spine))),
        after=(Key(0.5, head=(0, 0, 0), spine=(0, 0, 0)),),
        times=(1, 1, 2),
        leave=0.35,
        side="none",
        styles=("nervous", "playful", "serious", "scared", "excited"),
    )  # fmt: skip


_LOOKS: Final = (
    _look(62, 30, 0, 0.35), _look(68, 36, -6, 0.5), _look(58, 26, 8, 0.3), _look(62, 32, 2, 0.45, True)
)  # fmt: skip


def _drink(tilt: float, sips: tuple[int, ...], mouth: Hand) -> Gesture:
    held = Hand((0.05, -0.22, 0.3), (0.8, -0.7, -0.2))
    return Gesture(
        "drink",
        enter=(Key(0.55, 0.12, main=held, head=(8, 0, 0)),),
        cycle=(
            Key(0.45, 0.7, main=mouth, head=(-tilt, 0, 0), spine=(-4, 0, 0)),
            Key(0.4, 0.15, main=held, head=(4, 0, 0), spine=(0, 0, 0)),
        ),
        counts=sips,
        leave=0.6,
        styles=("happy", "graceful", "dramatic", "tired", "sad"),
    )


_DRINKS: Final = (
    _drink(20, (1, 1, 2), Hand((0.04, -0.05, 0.15), (0.8, -0.5, 0.3), "head")),
    _drink(26, (1, 1, 2), Hand((0.15, 0.04, 0.12), (0.5, -0.4, 0.8), "head")),
    _drink(14, (1, 2, 3), Hand((0.17, 0.02, 0.15), (0.5, -0.7, 0.6), "head")),
)
_UP_LONG: Final = Bones((0.2, 0.96, -0.05), (-0.05, 1, -0.05))
_STRETCHES: Final = (
    Gesture("stretch", cycle=(
        Key(0.9, LONG, both=Bones((0.45, 0.85, -0.1), (0.15, 0.95, -0.15)), spine=(-14, 0, 0),
            head=(-16, 0, 0), heels=(14, 14), pelvis=(0, 0.03, 0.02)),),
        hold=(0.6, 2.0), leave=1.0, side="both",
        styles=("sleepy", "tired", "graceful")),
    Gesture("stretch", enter=(Key(0.8, 0.1, both=_UP_LONG, head=(-6, 0, 0)),), cycle=(
        Key(0.7, 0.5, both=_UP_LONG, spine=(0, 20, 0), hips=(0, 5, 0), pelvis=(-0.05, 0, 0)),
        Key(0.9, 0.5, both=_UP_LONG, spine=(0, -20, 0), hips=(0, -5, 0), pelvis=(0.05, 0, 0))),
        leave=0.9, side="both", styles=("sleepy", "graceful")),
    # Arms out to the sides and back, chest open.
    Gesture("stretch", enter=(Key(0.5, both=Hand((0.1, -0.12, 0.25), (0.9, 0, 0))),), cycle=(
        Key(0.8, LONG, both=Bones((0.95, 0.0, -0.3), (0.95, 0.15, -0.35)), spine=(-12, 0, 0),
            head=(-12, 0, 0)),),
        hold=(0.5, 1.6), leave=0.9, side="both", styles=("sleepy", "tired")),
    # One arm over the head, bent to the other side.
    Gesture("stretch", cycle=(
        Key(0.85, LONG, main=Bones((-0.1, 0.98, 0.1), (-0.6, 0.8, 0.05)), spine=(0, -24, 0),
            hips=(0, -6, 0), pelvis=(0.06, 0, 0), head=(0, -8, 0)),),
        hold=(0.6, 1.6), leave=0.9, styles=("sleepy", "graceful")),
)  # fmt: skip
_SHIVERS: Final = tuple(
    Gesture(
        "shiver",
        cycle=(Key(0.4, LONG, both=arm, shrug=(14, 14), spine=(12, 0, 0), head=(10, 0, 0),
                   pelvis=(0, -0.03, -0.02)),),
        hold=(1.2, 2.8),
        leave=0.6,
        side="none",
        styles=("scared", "sad"),
        tremble=5.5,
    )
    for arm in (
        Hand((-0.12, -0.2, 0.17), (0.9, -0.7, 0)), Hand((0.05, -0.15, 0.2), (0.7, -0.9, -0.1)),
        Hand((-0.1, -0.14, 0.16), (0.8, -0.8, 0.1)),
    )
)  # fmt: skip
_BEATS: Final = (
    Bones((0.35, -0.85, 0.2), (0.3, 0.1, 0.9)), Bones((0.4, -0.8, 0.3), (0.6, 0.35, 0.7)),
    Bones((0.3, -0.85, 0.35), (-0.2, 0.3, 0.9)), Bones((0.35, -0.75, 0.45), (0.15, 0.6, 0.8)),
    Bones((0.35, -0.9, 0.1), (0.5, -0.25, 0.8)),
)  # fmt: skip


def _talk(order: tuple[int, ...], lag: int, beat: float) -> Gesture:
    keys = tuple(
        Key(beat if i % 3 else beat * 1.3, 0.12 if i % 2 else 0.0, main=_BEATS[b],
            other=_BEATS[order[(i - lag) % len(order)]],
            head=(5 * (b % 3) - 4, 4 - 3 * (i % 3), 9 * (b % 2) - 5),
            spine=(2, 2 * (b % 2) - 1, 5 * (i % 3) - 5))
        for i, b in enumerate(order)
    )  # fmt: skip
    return Gesture(
        "talk_with_hands",
        cycle=keys,
        times=(1,),
        leave=0.55,
        side="none",
        styles=("angry", "excited", "dramatic", "nervous", "playful", "serious"),
    )


_TALKS: Final = (
    _talk((0, 1, 2, 1, 3, 4), 0, 0.3), _talk((1, 3, 0, 2, 1), 1, 0.34),
    _talk((2, 0, 3, 1, 4, 0, 3), 2, 0.28), _talk((4, 1, 4, 2, 3, 1), 0, 0.32),
    _talk((3, 1, 2, 0), 1, 0.4),
)  # fmt: skip


def _cheer(high: Bones, low: Bones, stroke: float, dip: float, other: bool = True) -> Gesture:
    return Gesture(
        "cheer",
        enter=(Key(0.35, both=low if other else None, main=low, pelvis=(0, -dip, 0),
                   head=(-4, 0, 0)),),
        cycle=(Key(stroke, both=high if other else None, main=high, pelvis=(0, 0.03, 0),
                   heels=(22, 22), head=(-14, 0, 0), spine=(-5, 0, 0)),
               Key(stroke, both=low if other else None, main=low, pelvis=(0, -dip, 0),
                   heels=(0, 0), head=(-4, 0, 0), spine=(3, 0, 0))),
        counts=(3, 2, 4, 3),
        leave=0.5,
        side="both",
        styles=("happy", "excited", "proud", "playful", "tired"),
    )  # fmt: skip


_CHEERS: Final = (
    _cheer(Bones((0.4, 0.9, 0.15), (0.25, 0.95, 0.05)), Bones((0.65, 0.3, 0.4), (0.1, 0.95, 0.2)),
           0.24, 0.05),
    _cheer(Bones((0.3, 0.95, 0.15), (0.1, 1, 0.05)), Bones((0.5, -0.1, 0.6), (0.1, 0.95, 0.2)),
           0.28, 0.07),
    _cheer(Bones((0.6, 0.8, 0.1), (0.5, 0.85, 0.0)), Bones((0.7, 0.1, 0.45), (0.1, 0.95, 0.2)),
           0.22, 0.04),
)  # fmt: skip
_FIST_UP: Final = Bones((0.25, 0.9, 0.3), (0.02, 1, 0.1))
_FIST_LOW: Final = Bones((0.4, -0.6, 0.5), (0.05, 0.9, 0.45))
_YES: Final = Bones((0.35, -0.85, -0.35), (0.0, 0.5, 0.9))


def _pump(
    up: Bones, down: Bones, stroke: float, dip: float, counts: tuple[int, ...], ends_up: bool
) -> Gesture:
    spine = (10.0, 4.0, 0.0)
    return Gesture(
        "victory_fist_pump",
        enter=(Key(0.32, 0.05, main=down if ends_up else up, head=(-3, 0, 0)),),
        cycle=(Key(stroke, 0.1, main=up if ends_up else down, pelvis=(0, -dip, 0),
                   spine=(-3, -3, 0) if ends_up else spine, head=(-8, 0, 3) if ends_up else (6, 0, 0)),
               Key(stroke * 1.3, main=down if ends_up else up, pelvis=(0, 0, 0), spine=(0, 0, 0),
                   head=(-3, 0, 0))),
        counts=counts,
        leave=0.5,
        styles=("serious", "happy", "dramatic", "excited", "proud"),
    )  # fmt: skip


_PUMPS: Final = (
    _pump(_FIST_UP, _FIST_LOW, 0.2, 0.0, (1, 3, 2, 3, 4), True),
    _pump(Bones((0.35, -0.1, 0.85), (0.0, 0.9, 0.45)), _YES, 0.18, 0.06, (1, 1, 2, 3), False),
    _pump(Bones((0.35, 0.8, 0.4), (0.15, 0.95, 0.2)), Bones((0.6, -0.3, 0.5), (0.1, 0.95, 0.2)), 0.22,
          0.02, (2, 3, 1, 5), True),
    _pump(Bones((0.3, 0.5, 0.8), (0.0, 0.95, 0.3)), _YES, 0.22, 0.08, (1, 1, 2), False),
)  # fmt: skip
TORSO_GESTURES: Final[tuple[Gesture, ...]] = (
    *_NODS, *_SHAKES, *_SHRUGS, *_BOWS, *_LOOKS, *_DRINKS, *_STRETCHES, *_SHIVERS, *_TALKS,
    *_CHEERS, *_PUMPS,
)  # fmt: skip
