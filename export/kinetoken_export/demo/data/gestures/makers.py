"""Windows of gestures: each action in many ways, sides, counts, speeds and styles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from ..augment import to_features
from ..clips import Joints
from ..cutting import LONGEST_WINDOW, STRIDE, Window, passing_windows
from ..judges import LEFT, RIGHT
from ..keyframes import Key, Manner, StandingClip, perform, standing_clips
from .arms import ARM_GESTURES
from .captured import captured_gestures
from .force import FORCE_GESTURES
from .gesture import Gesture
from .styles import STYLES
from .torso import TORSO_GESTURES

TAKES: Final = 22  # of each action and mirror
_TEMPO: Final = {"": (0.9, 1.12), "slow": (1.5, 1.8), "fast": (0.62, 0.74)}
_GESTURES: Final = (*ARM_GESTURES, *TORSO_GESTURES, *FORCE_GESTURES)
# Of the motion that a body on its feet shows here, nothing is faster, m/s.
_TOO_FAST: Final = 12.0


def gesture_windows(pool: dict[str, Joints], mirror: bool, takes: int = TAKES) -> Iterator[Window]:
    """Windows of every gesture: those in the clips of `pool`, and `takes` of each keyed one."""
    yield from captured_gestures(pool, mirror)
    clips = standing_clips(pool)
    if not clips:
        return
    ways: dict[str, list[Gesture]] = {}
    for gesture in _GESTURES:
        ways.setdefault(gesture.action, []).append(gesture)
    for number, (action, gestures) in enumerate(ways.items()):
        draw = np.random.default_rng((29, number, mirror))
        for take in range(takes * (2 if "{side}" in action else 1)):
            clip = clips[int(draw.integers(len(clips)))]
            gesture = gestures[take // 2 % len(gestures)]
            window = _take(clip, gesture, take, take // 2 + take // 2 // len(gestures), draw)
            if window is not None:
                yield from passing_windows([window])


def _take(
    clip: StandingClip, gesture: Gesture, take: int, nth: int, draw: np.random.Generator
) -> Window | None:
    """One window; None where it came out longer than a window may be."""
    main = LEFT if take % 2 else RIGHT
    turn = take // 2
    speed = ("", "", "slow", "", "fast", "", "")[turn % 7]
    style = ""
    if gesture.styles and not speed and turn % 3 == 1:
        style = gesture.styles[int(draw.integers(len(gesture.styles)))]
    manner = STYLES[style] if style else Manner()
    manner = replace(
        manner,
        tempo=manner.tempo * float(draw.uniform(*_TEMPO[speed])),
        tremble=max(manner.tremble, gesture.tremble),
    )
    counts = gesture.counts or gesture.times
    for count in sorted({counts[nth % len(counts)], 1}, reverse=True):
        keys = _keys(gesture, count)
        hold = float(draw.uniform(*gesture.hold)) / count**0.8
        joints = perform(clip, keys, main, manner, draw, hold, gesture.leave)
        if len(joints) <= LONGEST_WINDOW + 1:
            break
    else:
        return None
    if np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() * 20 > _TOO_FAST:
        return None
    rows = to_features(joints.astype(np.float32))
    assert len(rows) % STRIDE == 0
    return Window(
        gesture.action.format(side=main),
        rows,
        clip.name,
        side={"main": main, "none": "", "both": "both"}[gesture.side],
        style=style,
        count=count if gesture.counts else 0,
        speed=speed,
    )


def _keys(gesture: Gesture, count: int) -> tuple[Key, ...]:
    return (*gesture.enter, *gesture.cycle * count, *gesture.after)
