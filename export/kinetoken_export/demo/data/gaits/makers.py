"""The windows of getting about, each from standing to standing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final

import numpy as np

from kinetoken.motion.skeleton import FPS, Array64

from ..clips import Joints
from ..cutting import LONGEST_WINDOW, Window, whole_rows
from ..joining import repeat
from .cycles import at_pace, gait_loop, travelling
from .stepping import marching, sidestepping, skipping, staggering, turning
from .styles import Edit, clean, crouched, limping, on_tiptoe, shortened, stealthy, styled
from .walks import run_loops, seconds_from, speed_of, steps_from, walk_loops

LEFT, RIGHT = "left", "right"
_SLOW, _BRISK = 0.95, 1.45  # m/s: below it walks slowly, above it fast
_STILL: Final = 3
_CROUCH_CYCLE: Final = "m2q_Crouch_Fwd_Loop"
# Frames of a loop: room for the longest window at any pace.
_SHORT_LOOP: Final = 260
_LONG_LOOP: Final = 660
_LONG_SECONDS: Final = (8.0, 12.0, 16.0, 24.0)
_FORWARD_STYLES: Final = (
    "happy", "sad", "tired", "old", "drunk", "proud", "robotic", "military", "nervous", "angry",
    "zombie", "confident", "shy",
)  # fmt: skip
_SLOW_STYLES: Final = ("tired", "old", "sad", "drunk", "zombie", "proud", "sleepy", "robotic")
_FAST_STYLES: Final = ("angry", "nervous", "energetic", "confident", "scared", "military", "happy")
_BACKWARD_STYLES: Final = ("scared", "nervous", "drunk", "robotic", "sad", "tired", "military")
_RUN_STYLES: Final = ("happy", "scared", "tired", "angry", "robotic", "energetic")
_CIRCLE_STYLES: Final = (
    "happy", "sad", "tired", "old", "drunk", "proud", "robotic", "military", "nervous", "angry",
    "zombie",
)  # fmt: skip
# Styles that the body shows as it shows another.
_POSED_AS: Final = {
    "confident": "proud", "energetic": "happy", "excited": "happy", "scared": "nervous",
    "shy": "sad", "sleepy": "tired",
}  # fmt: skip


@dataclass(frozen=True)
class Gait:
    """A straight gait that can go on, and what is said of it."""

    clip: str
    loop: Array64
    edits: tuple[Edit, ...] = ()
    style: str = ""
    speed: str = ""
    side: str = ""

    @cached_property
    def joints(self) -> Array64:
        """The loop with its edits laid over it, one after another."""
        out = self.loop
        for edit in self.edits:
            out = edit(out)
        return out


def gait_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Walks and runs of two to eight steps or two to six seconds."""
    draw = np.random.default_rng(11 + mirror)
    for action, gaits in _gaits(pool, mirror, _SHORT_LOOP).items():
        for gait in gaits:
            for window in _short(action, gait, draw):
                if 24 <= len(window.features) <= LONGEST_WINDOW:
                    yield window


def long_gaits(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Windows of 8 to 24 seconds of what can go on."""
    draw = np.random.default_rng(12 + mirror)
    for action, gaits in _gaits(pool, mirror, _LONG_LOOP).items():
        for k, seconds in enumerate(_LONG_SECONDS):
            gait = gaits[(3 * k + mirror) % len(gaits)]
            turn = _turn_of(action, seconds, draw)
            motion = seconds_from(gait.joints, int(draw.integers(0, 2)), seconds, turn)
            if motion is not None:
                yield _window(action, motion, gait, turn=turn)


def _short(action: str, gait: Gait, draw: np.random.Generator) -> Iterator[Window]:
    circle = "circle" in action
    least = 4 if action == "limp" else 3
    posed = bool(gait.style) and action.startswith(("walk", "run"))
    many = 0 if circle else 1 if posed else 2
    counts = draw.choice(np.arange(least, 9), many, replace=False)
    for count in counts:
        motion = steps_from(gait.joints, int(draw.integers(0, 2)), int(count))
        if motion is not None:
            yield _window(action, motion, gait, int(count))
    for seconds in draw.uniform(3.2 if circle else 2.4, 6.0, 2 if circle and not gait.style else 1):
        turn = _turn_of(action, float(seconds), draw)
        motion = seconds_from(gait.joints, int(draw.integers(0, 2)), float(seconds), turn)
        if motion is not None:
            yield _window(action, motion, gait, turn=turn)
    if circle and draw.random() < 0.4:
        yield from _whole_circle(action, gait, draw)


def _whole_circle(action: str, gait: Gait, draw: np.random.Generator) -> Iterator[Window]:
    """Once around, in about six seconds."""
    turn = _turn_of(action, 6.0, draw)
    motion = seconds_from(gait.joints, 0, 5.9, float(np.copysign(360.0 / (5.9 - 1.3), turn)))
    if motion is not None:
        yield _window(action, motion, gait, 1, turn)


def _turn_of(action: str, seconds: float, draw: np.random.Generator) -> float:
    """Degrees a second by which the way of an action bends."""
    if "circle" not in action:
        return 0.0
    least = 130.0 / max(1.0, seconds - 1.3)
    rate = max(least, float(draw.uniform(30.0, 72.0)))
    side = -1.0 if action.endswith(RIGHT) else 1.0
    return rate * (float(draw.choice([-1.0, 1.0])) if action == "run_circle" else side)


def _window(action: str, motion: Array64, gait: Gait, count: int = 0, turn: float = 0.0) -> Window:
    side = (LEFT if turn > 0 else RIGHT) if turn else gait.side
    return Window(action, whole_rows(motion), gait.clip, side, gait.style, count, gait.speed)


def _gaits(pool: dict[str, Joints], mirror: bool, frames: int) -> dict[str, list[Gait]]:
    """The gaits of every action that can go on, of about so many frames."""
    draw = np.random.default_rng(10 + mirror)
    walks = [Gait(name, loop) for name, loop in walk_loops(pool, frames)]
    runs = [Gait(name, loop) for name, loop in run_loops(pool, frames)]
    usual = [g for g in walks if _SLOW <= speed_of(g.joints) <= _BRISK]
    slow = [g for g in walks if speed_of(g.joints) < 1.05]
    out = {
        "walk_forward": [*usual, *_in_styles(usual, _FORWARD_STYLES, 2, draw)],
        "walk_slowly": _slow_walks(walks, usual, slow, draw),
        "walk_fast": _fast_walks(walks, draw),
        "walk_backward": _backward(walks, draw),
        "run": _runs(runs, draw),
        "run_circle": [
            *runs,
            *_in_styles(runs, ("happy", "scared", "proud", "tired"), 1, draw),
            *_edited(runs[:3], _paced(1.2), speed="slow"),
        ],
    }
    for side in (LEFT, RIGHT):
        bent = [walks[int(k)] for k in draw.choice(len(walks), min(13, len(walks)), replace=False)]
        out[f"circle_{side}"] = [
            *bent,
            *_in_styles(usual, _CIRCLE_STYLES, 1, draw),
            *_edited(slow[:3], _paced(1.2), speed="slow"),
            *_edited(usual[:2], _paced(0.8), speed="fast"),
        ]
    return (
        out | _low_gaits(usual, slow, draw) | {"crouch_walk": _crouches(pool, slow, draw, frames)}
    )


def _paced(ratio: float, share: float = 1.0, edit: Edit = np.asarray) -> Edit:
    """The edit, over steps of `share` of their length, in `ratio` times the frames."""
    return lambda joints: at_pace(edit(shortened(joints, share)), ratio)


def _edited(gaits: Iterable[Gait], edit: Edit, style: str = "", speed: str = "") -> list[Gait]:
    return [
        replace(g, edits=(*g.edits, edit), style=style or g.style, speed=speed or g.speed)
        for g in gaits
    ]


def _in_styles(
    gaits: list[Gait],
    styles: tuple[str, ...],
    each: int,
    draw: np.random.Generator,
    speed: str = "",
) -> list[Gait]:
    out = []
    for style in styles:
        chosen = [
            gaits[int(k)] for k in draw.choice(len(gaits), min(each, len(gaits)), replace=False)
        ]
        out += _edited(chosen, styled(_POSED_AS.get(style, style)), style, speed)
    return out


def _slow_walks(
    walks: list[Gait], usual: list[Gait], slow: list[Gait], draw: np.random.Generator
) -> list[Gait]:
    out = _edited((g for g in walks if speed_of(g.joints) < _SLOW), np.asarray, speed="slow")
    for k, gait in enumerate(usual):
        pace = 1.12 * speed_of(gait.joints) / float(draw.uniform(0.62, 0.85))
        share = float(draw.uniform(0.82, 0.95))
        slower = _edited([gait], _paced(pace * share, share))
        out += _edited(slower, np.asarray, ("", "calm", "", "careful")[k % 4], "slow")
    paced = _edited(slow, _paced(1.15, 0.8))
    return [*out, *_in_styles(paced, _SLOW_STYLES, 2, draw, "slow")]


def _fast_walks(walks: list[Gait], draw: np.random.Generator) -> list[Gait]:
    brisk = [g for g in walks if speed_of(g.joints) > 1.3]
    out = []
    for gait in brisk:
        pace = min(1.0, speed_of(gait.joints) / float(draw.uniform(1.7, 2.0)))
        out += _edited([gait], _paced(pace), speed="fast")
    return [*out, *_in_styles(out, _FAST_STYLES, 2, draw, "fast")]


def _backward(walks: list[Gait], draw: np.random.Generator) -> list[Gait]:
    """Walks played in reverse, at the shorter steps and slower pace of going backward."""
    out = []
    for k, gait in enumerate(walks):
        goal = float(draw.uniform(0.6, 0.95)) * (0.75 if k % 6 == 0 else 1.4 if k % 6 == 3 else 1)
        share = float(draw.uniform(0.68, 0.85))
        pace = max(0.75, share * speed_of(gait.joints) / goal)
        speed = "slow" if k % 6 == 0 else "fast" if k % 6 == 3 else ""
        out += _edited([gait], _paced(pace, share), speed=speed)
    posed = _in_styles([g for g in out if not g.speed], _BACKWARD_STYLES, 1, draw)
    return _edited([*out, *posed], turned_round)


def turned_round(joints: Array64) -> Array64:
    """A walk played backward: it passes for walking backward."""
    return np.asarray(joints[::-1].copy())


def _runs(runs: list[Gait], draw: np.random.Generator) -> list[Gait]:
    out = [*runs, *_edited(runs, _paced(1.08))]
    out += _edited(runs[1:6], _paced(1.15, 0.9), speed="slow")
    out += _edited(runs[4:9], _paced(0.9), speed="fast")
    return [*out, *_in_styles(runs, _RUN_STYLES, 2, draw)]


def _low_gaits(
    usual: list[Gait], slow: list[Gait], draw: np.random.Generator
) -> dict[str, list[Gait]]:
    out: dict[str, list[Gait]] = {"tiptoe": [], "sneak": [], "limp": []}
    sources = [*slow, *usual]
    for k in range(14):
        gait, speed = sources[k % len(sources)], ("", "slow", "", "fast")[k % 4]
        pace = {"": 1.25, "slow": 1.7, "fast": 0.95}[speed] * float(draw.uniform(0.94, 1.06))
        share = float(draw.uniform(0.5, 0.68))
        toes = _edited([gait], _paced(pace, share, on_tiptoe))
        out["tiptoe"] += _edited(toes, np.asarray, ("", "sneaky", "", "careful")[k // 4 % 4], speed)
        low = (float(draw.uniform(0.12, 0.2)), float(draw.uniform(16.0, 30.0)))
        soft = _edited(
            [gait],
            _paced(1.25 * pace, share, partial(stealthy, depth=low[0], lean=low[1])),
        )
        out["sneak"] += _edited(soft, np.asarray, "" if k % 3 == 2 else "sneaky", speed)
        for side in (LEFT, RIGHT):
            hurt = float(draw.uniform(0.85, 1.35))
            lame = _edited(
                [gait],
                _paced(pace / 1.2, 0.7, partial(limping, hurt=side, strength=hurt)),
            )
            lame = _edited(lame, np.asarray, "" if k % 3 == 2 else "injured", speed)
            out["limp"] += [replace(g, side=side) for g in lame]
    return out


def _crouches(
    pool: dict[str, Joints], slow: list[Gait], draw: np.random.Generator, frames: int
) -> list[Gait]:
    out: list[Gait] = []
    for k in range(16):
        gait, speed = slow[k % len(slow)], ("", "", "slow", "fast")[k % 4]
        pace = {"": 1.1, "slow": 1.5, "fast": 0.85}[speed]
        low = (float(draw.uniform(0.26, 0.42)), float(draw.uniform(22.0, 42.0)))
        out += _edited(
            [gait],
            _paced(pace, 0.75, partial(crouched, depth=low[0], lean=low[1])),
            speed=speed,
        )
    cycle = pool.get(_CROUCH_CYCLE)
    if cycle is not None:
        loop = gait_loop(travelling(np.concatenate([cycle, cycle[1:]])), 30, 44, frames)
        if loop is not None:
            crouch = Gait(_CROUCH_CYCLE, clean(loop))
            out += [crouch, *_edited([crouch], _paced(0.85))]
    return out


def turn_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Turns on the spot, to either side: quarters, halves, once or twice."""
    draw = np.random.default_rng(21 + mirror)
    for side, sign in ((LEFT, 1.0), (RIGHT, -1.0)):
        for k in range(24):
            speed, pace = _paces(k, draw, 9.0)
            degrees = float((draw.uniform(82, 98), draw.uniform(60, 114))[k % 2])
            times = 2 if k % 8 == 5 else 1
            degrees = degrees if times == 1 else float(draw.uniform(56, 74))
            motion = repeat(turning(sign * degrees, pace, _still(draw), draw), times)
            yield Window(f"turn_{side}", whole_rows(motion), "made", side, count=times, speed=speed)
        for k in range(14):
            speed, pace = _paces(k, draw, 8.5)
            motion = turning(sign * float(draw.uniform(170, 190)), pace, _still(draw), draw)
            yield Window("turn_around", whole_rows(motion), "made", side, count=1, speed=speed)


def _paces(k: int, draw: np.random.Generator, usual: float) -> tuple[str, float]:
    """The speed of the k-th of many windows, and its frames a step."""
    speed = ("", "", "slow", "", "fast")[k % 5]
    scale = {"": draw.uniform(0.9, 1.15), "slow": draw.uniform(1.55, 1.9), "fast": 0.68}[speed]
    return speed, usual * float(scale)


def _still(draw: np.random.Generator) -> int:
    return int(draw.integers(3, 6))


def step_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Steps to the side, marching on the spot, skipping, staggering."""
    draw = np.random.default_rng(22 + mirror)
    for k in range(26):
        yield from made_steps(k, 0.0, draw)


def long_steps(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """The same for 8 to 24 seconds, and standing."""
    draw = np.random.default_rng(23 + mirror)
    for k, seconds in enumerate(_LONG_SECONDS):
        yield from made_steps(5 * k, seconds, draw)


def made_steps(k: int, seconds: float, draw: np.random.Generator) -> Iterator[Window]:
    """The k-th window of each action made of steps, of a few of them or of about `seconds`."""
    for side in (LEFT, RIGHT):
        speed, pace = _paces(k, draw, 8.0)
        count = round(seconds * FPS / (2 * pace)) if seconds else int(draw.integers(1, 6))
        motion = sidestepping(side, count, float(draw.uniform(0.26, 0.42)), pace, 3, draw)
        yield _made(f"sidestep_{side}", motion, seconds, count, speed, side=side)
    speed, pace = _paces(k, draw, 10.0)
    count = round(seconds * FPS / pace) if seconds else int(draw.integers(3, 10))
    motion = marching(count, pace, float(draw.uniform(0.2, 0.42)), 3, draw)
    style = "military" if k % 3 == 1 else ""
    yield _made("march_in_place", motion, seconds, count, speed, style)
    speed, pace = _paces(k, draw, 13.0)
    pace = max(10.0, min(pace, 17.0))
    count = round(seconds * FPS / pace) if seconds else int(draw.integers(2, 8))
    motion = skipping(count, float(draw.uniform(0.6, 0.95)), pace, 3, draw)
    yield _made("skip", motion, seconds, count, speed, ("happy", "playful", "")[k % 3])
    motion = staggering(seconds or float(draw.uniform(3.0, 6.0)), 3, draw)
    yield _made("stagger_dizzy", motion, seconds, 0, "", "drunk" if k % 2 else "")


def _made(
    action: str, motion: Array64, seconds: float, count: int, speed: str, style: str = "",
    side: str = "",
) -> Window:  # fmt: skip
    return Window(action, whole_rows(motion), "made", side, style, 0 if seconds else count, speed)
