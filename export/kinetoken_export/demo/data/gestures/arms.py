"""Gestures of the arms: waves, raises, points, claps, salutes, prayers, poses."""

from __future__ import annotations

from typing import Final

from ..keyframes import Bones, Hand, Key
from ..keyframes.keys import LONG, REST, Arm
from .gesture import Gesture

_WAVE_STYLES: Final = ("happy", "sad", "playful", "elegant", "shy", "proud", "robotic", "tired")
_SWINGS: Final = (3, 4, 2, 3, 5, 4)


def _wave(upper_out: Bones, upper_in: Bones, first: float = 0.5, swing: float = 0.19) -> Gesture:
    return Gesture(
        "wave_{side}",
        enter=(Key(first, main=upper_in, head=(-2, 3, 4), spine=(0, -2, 2)),),
        cycle=(Key(swing, main=upper_out), Key(swing, main=upper_in)),
        counts=_SWINGS,
        styles=_WAVE_STYLES,
    )


_WAVES: Final = (
    _wave(Bones((0.75, -0.1, 0.5), (0.65, 0.8, 0.15)), Bones((0.7, -0.1, 0.5), (-0.3, 0.95, 0.15))),
    _wave(Bones((0.6, 0.5, 0.4), (0.6, 0.8, 0.05)), Bones((0.55, 0.55, 0.4), (-0.4, 0.9, 0.1))),
    _wave(Bones((0.4, -0.35, 0.8), (0.55, 0.85, 0.3)), Bones((0.4, -0.35, 0.8), (-0.35, 0.9, 0.3))),
    # The whole arm swings, high: to somebody far away.
    _wave(
        Bones((0.75, 0.65, 0.2), (0.75, 0.7, 0.1)),
        Bones((0.2, 0.95, 0.25), (-0.25, 0.95, 0.1)), first=0.6, swing=0.28,
    ),
    _wave(Bones((0.9, -0.25, 0.2), (0.5, 0.85, 0.1)), Bones((0.9, -0.2, 0.25), (-0.3, 0.95, 0.2))),
)  # fmt: skip


def _wave_both(outward: Bones, inward: Bones, swing: float, parallel: bool) -> Gesture:
    return Gesture(
        "wave_both",
        enter=(Key(0.55, main=inward, other=outward if parallel else inward, head=(-4, 0, 0)),),
        cycle=(
            Key(swing, main=outward, other=inward if parallel else outward,
                spine=(0, 4 if parallel else 0, 0)),
            Key(swing, main=inward, other=outward if parallel else inward,
                spine=(0, -4 if parallel else 0, 0)),
        ),
        counts=_SWINGS,
        side="both",
        styles=("happy", "scared", "playful", "excited", "sad", "dramatic", "tired"),
    )  # fmt: skip


_BOTH: Final = (
    _wave_both(
        Bones((0.8, 0.6, 0.2), (0.7, 0.75, 0.1)),
        Bones((0.3, 0.9, 0.25), (-0.15, 1, 0.1)),
        0.26,
        False,
    ),
    _wave_both(
        Bones((0.7, 0.7, 0.2), (0.65, 0.8, 0.1)),
        Bones((0.3, 0.9, 0.2), (-0.3, 0.9, 0.1)),
        0.3,
        True,
    ),
    _wave_both(
        Bones((0.75, -0.05, 0.4), (0.6, 0.8, 0.1)),
        Bones((0.7, 0, 0.4), (-0.3, 0.95, 0.1)),
        0.2,
        False,
    ),
    _wave_both(
        Bones((0.75, 0.3, 0.4), (0.6, 0.8, 0.1)),
        Bones((0.7, 0.3, 0.4), (-0.4, 0.9, 0.1)),
        0.21,
        True,
    ),
)


def _raise(arm: Arm, enter: float = 0.6, low: Arm = REST, styles: tuple[str, ...] = ()) -> Gesture:
    return Gesture(
        "raise_arms",
        cycle=(Key(enter, LONG, both=arm, head=(-6, 0, 0), spine=(-3, 0, 0)),
               Key(enter * 0.9, 0.1, both=low, head=(0, 0, 0), spine=(0, 0, 0))),
        counts=(1, 1, 1, 2, 3),
        hold=(0.3, 2.2),
        leave=0.15,
        side="both",
        styles=("scared", "happy", "dramatic", "graceful", "tired", *styles),
    )  # fmt: skip


_RAISES: Final = (
    _raise(Bones((0.15, 0.97, 0.15), (0.02, 1, 0.05))),
    _raise(Bones((0.45, 0.9, 0.1), (0.35, 0.95, 0.05)), 0.65),
    _raise(Bones((0.2, 0.95, 0.35), (0.05, 0.95, 0.3)), 0.55),
    _raise(Bones((0.7, 0.35, 0.25), (0.1, 0.95, 0.1)), 0.45),  # hands up
)


def _raise_one(arm: Bones, enter: float = 0.55) -> Gesture:
    return Gesture(
        "raise_{side}_arm",
        cycle=(Key(enter, LONG, main=arm, head=(-3, 2, 3), spine=(0, -3, 0)),
               Key(enter * 0.9, 0.1, main=REST, head=(0, 0, 0), spine=(0, 0, 0))),
        counts=(1, 1, 1, 2, 3),
        hold=(0.3, 2.4),
        leave=0.15,
        styles=("graceful", "proud", "tired", "robotic", "shy"),
    )  # fmt: skip


_ONES: Final = (
    _raise_one(Bones((0.12, 0.97, 0.15), (0.0, 1, 0.05))),
    _raise_one(Bones((0.3, 0.9, 0.35), (0.1, 0.97, 0.2))),
    _raise_one(Bones((0.4, 0.75, 0.5), (0.02, 1, 0.1)), 0.5),
    _raise_one(Bones((0.5, 0.85, 0.05), (0.35, 0.9, 0.0)), 0.65),
)


def _point(
    action: str, arm: Bones, head: tuple[float, float, float], turn: float, enter: float = 0.45
) -> Gesture:
    return Gesture(
        action,
        cycle=(Key(enter, LONG, main=arm, head=head, spine=(2, 0, turn)),
               Key(0.4, 0.12, main=Bones((0.3, -0.8, 0.4), (0.0, 0.3, 0.95)))),
        counts=(1, 1, 1, 1, 2, 3),
        hold=(0.6, 2.2),
        leave=0.45,
        styles=("angry", "dramatic", "excited", "proud", "scared", "polite"),
    )  # fmt: skip


_FORWARD: Final = "point_forward"
_ASIDE: Final = "point_{side}"
_POINTS: Final = (
    _point(_FORWARD, Bones((0.02, 0.0, 1), (-0.1, 0.02, 1)), (2, 0, -3), -10),
    _point(_FORWARD, Bones((0.15, -0.12, 1), (-0.08, 0.1, 1)), (3, 3, 0), -6),
    _point(_FORWARD, Bones((0.1, 0.1, 1), (-0.1, 0.12, 1)), (-3, 0, -3), -8),
    _point(_ASIDE, Bones((1, 0.0, 0.06), (1, 0.05, 0.2)), (0, 0, 48), 10),
    _point(_ASIDE, Bones((0.95, -0.15, 0.25), (1, 0.12, 0.3)), (0, 4, 40), 8),
    _point(_ASIDE, Bones((1, 0.1, -0.04), (1, 0.16, 0.1)), (-4, 0, 50), 14, 0.5),
)

_OPEN: Final = Hand((0.17, -0.2, 0.3), (0.8, -0.6, -0.2))
_SHUT: Final = Hand((0.035, -0.18, 0.32), (0.8, -0.6, -0.2))


def _clap(opened: Hand, shut: Hand, stroke: float, pelvis: float = 0.0) -> Gesture:
    return Gesture(
        "clap",
        enter=(Key(0.4, both=opened, head=(4, 0, 0)),),
        cycle=(Key(stroke, both=shut, pelvis=(0, -pelvis, 0)),
               Key(stroke * 1.15, both=opened, pelvis=(0, 0, 0))),
        counts=(3, 4, 5, 2, 6, 1, 8),
        side="both",
        leave=0.5,
        styles=("happy", "excited", "bored", "polite", "sad"),
    )  # fmt: skip


_CLAPS: Final = (
    _clap(_OPEN, _SHUT, 0.16),
    _clap(Hand((0.24, -0.16, 0.3)), Hand((0.035, -0.13, 0.33)), 0.2, 0.01),
    _clap(Hand((0.2, 0.02, 0.3), (0.8, -0.6, 0)), Hand((0.035, 0.04, 0.31), (0.8, -0.6, 0)), 0.17),
    _clap(Hand((0.27, 0.36, 0.15), (0.9, 0, 0.3)), Hand((0.035, 0.42, 0.15), (0.9, 0, 0.3)), 0.2),
)


def _salute(at: tuple[float, float, float], enter: float, nod: float = 0.0) -> Gesture:
    return Gesture(
        "salute",
        cycle=(Key(enter, LONG, main=Hand(at, (1, -0.1, 0.15), "head"), spine=(-3, 0, 0),
                   head=(nod, 0, 0)),
               Key(0.4, 0.1, main=REST)),
        counts=(1, 1, 1, 1, 2, 3),
        hold=(0.5, 2.0),
        leave=0.15,
        styles=("sad", "proud", "serious", "robotic", "tired", "playful"),
    )  # fmt: skip


_SALUTES: Final = (
    _salute((0.17, 0.0, 0.1), 0.35), _salute((0.16, 0.03, 0.08), 0.45),
    _salute((0.18, -0.02, 0.13), 0.4, 3.0),
)  # fmt: skip


def _pray(height: float, ahead: float, head: float, hips: float = 0.0) -> Gesture:
    return Gesture(
        "pray",
        cycle=(Key(0.75, LONG, both=Hand((0.03, height, ahead), (0.55, -0.85, -0.1)),
                   head=(head, 0, 0), spine=(5, 0, 0), hips=(hips, 0, 0)),),
        hold=(0.8, 2.6),
        side="none",
        leave=0.7,
        styles=("scared", "nervous", "sad", "serious", "polite"),
    )  # fmt: skip


_PRAYERS: Final = (
    _pray(-0.17, 0.25, 26), _pray(-0.08, 0.26, 18), _pray(-0.02, 0.24, 30, 8), _pray(-0.22, 0.24, 34)
)  # fmt: skip
_T_POSES: Final = tuple(
    Gesture(
        "t_pose",
        cycle=(Key(seconds, LONG, both=arm),),
        hold=(0.7, 3.0),
        side="both",
        leave=0.6,
        styles=("happy", "proud", "tired", "robotic"),
    )
    for seconds, arm in (
        (0.55, Bones((1, 0.02, -0.02), (1, 0.03, 0.1))), (0.75, Bones((1, -0.03, 0.0), (1, 0, 0.1))),
        (0.45, Bones((1, 0.05, -0.03), (1, 0.04, 0.1))),
    )
)  # fmt: skip


def _crossed(
    low: float, spine: tuple[float, float, float], head: tuple[float, float, float], fast: float
) -> Gesture:
    return Gesture(
        "cross_arms_angry",
        enter=(Key(fast * 0.6, main=Hand((0.05, low, 0.3)), other=Hand((0.03, low + 0.05, 0.26))),),
        cycle=(Key(fast * 0.6, LONG, main=Hand((-0.13, low, 0.2), (0.9, -0.7, 0.1)),
                   other=Hand((-0.12, low + 0.05, 0.17), (0.9, -0.7, 0.1)),
                   head=head, spine=spine, shrug=(6, 6)),
               Key(0.3, 0.35, head=(head[0] + 4, -head[1], -head[2]))),
        hold=(0.7, 2.2),
        side="none",
        leave=0.6,
        styles=("serious", "bored", "proud", "sad"),
    )  # fmt: skip


_CROSSES: Final = (
    _crossed(-0.22, (-3, 0, 0), (8, 0, 0), 0.5), _crossed(-0.2, (-4, 2, 0), (-4, 6, 22), 0.55),
    _crossed(-0.24, (4, -3, 8), (12, 4, 10), 0.45),
)  # fmt: skip


def _kiss(sweep: Bones, both: bool = False) -> Gesture:
    mouth = Hand((0.02, -0.07, 0.16), (0.8, -0.7, 0.1), "head")
    return Gesture(
        "blow_kiss",
        cycle=(
            Key(0.45, 0.2, main=mouth, other=mouth if both else None, head=(6, 0, 0)),
            Key(0.4, 0.45, main=sweep, other=sweep if both else None, head=(-7, 4, 4),
                spine=(4, 0, -4)),
        ),
        counts=(1, 1, 1, 2, 3),
        leave=0.6,
        side="both" if both else "main",
        styles=("playful", "sad", "happy", "graceful", "dramatic", "elegant"),
    )  # fmt: skip


_KISSES: Final = (
    _kiss(Bones((0.25, -0.1, 0.95), (0.25, 0.3, 0.9))), _kiss(Bones((0.6, 0.1, 0.75), (0.6, 0.3, 0.7))),
    _kiss(Bones((0.4, -0.1, 0.9), (0.4, 0.25, 0.9)), both=True),
    _kiss(Bones((0.35, 0.25, 0.9), (0.3, 0.45, 0.8))),
)  # fmt: skip

ARM_GESTURES: Final[tuple[Gesture, ...]] = (
    *_WAVES, *_BOTH, *_RAISES, *_ONES, *_POINTS, *_CLAPS, *_SALUTES, *_PRAYERS, *_T_POSES,
    *_CROSSES, *_KISSES,
)  # fmt: skip
