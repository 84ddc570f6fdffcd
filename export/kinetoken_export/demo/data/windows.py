"""The training windows of each action, chosen by measurement and checked by the judges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from kinetoken.motion.recover import recover

from .augment import to_features, warped
from .clips import Joints, mirrored, take_id, training_clips
from .cutting import (
    LONGEST_WINDOW,
    STRIDE,
    Window,
    cut_rows,
    loop_rows,
    passing_windows,
    peak_frames,
)
from .gaits import getting_about, getting_about_long
from .gestures import gesture_windows
from .judges import LEFT, RIGHT, Evidence
from .sources import EXERCISES, JUMPS, KICKS, OTHERS, WAVES

_RARE_RATIOS: Final = (1.0, 0.92, 1.1)  # time ratios of what there is little of


def action_windows(clips: dict[str, Joints]) -> Iterator[Window]:
    """Every training window, mirrored too, of the clips that may be learnt from."""
    usable = dict(training_clips(clips))
    for mirror in (False, True):
        pool = {k: mirrored(v) if mirror else v for k, v in usable.items()}
        for maker in (
            getting_about,
            _jumps,
            _kicks,
            _blows,
            _waves,
            _exercises,
            _seats,
            _others,
            gesture_windows,
        ):
            yield from maker(pool, mirror)


def long_windows(clips: dict[str, Joints]) -> Iterator[Window]:
    """Windows longer than LONGEST_WINDOW, mirrored too, of what can go on: 8 to 24 seconds."""
    usable = dict(training_clips(clips))
    for mirror in (False, True):
        pool = {k: mirrored(v) if mirror else v for k, v in usable.items()}
        yield from getting_about_long(pool, mirror)


def _jumps(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    names = [n for n in pool if take_id(n) in JUMPS]
    for name in names:
        rows = to_features(pool[name])
        height = rows[:, 3]
        usual = np.median(height)
        for peak in peak_frames(height, float(usual) + 0.13, apart=16):
            for before, length in ((20, 44), (16, 36), (26, 56)):
                piece = cut_rows(rows, peak - before, length)
                e = Evidence(recover(piece.astype(np.float64)))
                ahead = float(e.travel @ e.facing[0])
                action = "jump_forward" if ahead > 0.45 else "jump" if ahead < 0.3 else ""
                if action and abs(e.turn) < 60:
                    yield from passing_windows([Window(action, piece, name)])


def _kicks(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    for name in (n for n in pool if n.startswith(KICKS)):
        for ratio in _RARE_RATIOS:
            joints = warped(pool[name], ratio)
            rows, e = to_features(joints), Evidence(joints)
            for side in (LEFT, RIGHT):
                for peak in peak_frames(e.height(f"{side}_foot"), 0.58, apart=14):
                    for before, length in ((16, 32), (20, 40), (12, 28)):
                        piece = cut_rows(rows, peak - before, length)
                        yield from passing_windows([Window(f"kick_{side}", piece, name, side=side)])


def _blows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(5 + mirror)
    for name in ("cmu_135_09", "cmu_13_18", "cmu_02_05"):
        for ratio in _RARE_RATIOS:
            joints = warped(pool[name], ratio)
            rows, e = to_features(joints), Evidence(joints)
            for side in (LEFT, RIGHT):
                for peak in peak_frames(e.speed(f"{side}_wrist"), 3.4, apart=24):
                    piece = cut_rows(
                        rows, peak - int(draw.integers(10, 18)), int(draw.integers(7, 11)) * STRIDE
                    )
                    yield from passing_windows([Window("punch", piece, name, side=side)])
    for name in ("cmu_13_18", "cmu_02_05"):
        rows = to_features(pool[name])
        for start in range(0, len(rows) - 48, 14):
            yield from passing_windows(
                [Window("boxing", cut_rows(rows, start, int(draw.integers(11, 28)) * STRIDE), name)]
            )


def _waves(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(3 + mirror)
    for name in WAVES:
        rows = to_features(pool[name])
        for start in range(0, len(rows) - 40, 12):
            yield from passing_windows(
                [Window("wave", cut_rows(rows, start, int(draw.integers(10, 24)) * STRIDE), name)]
            )


def _exercises(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(2 + mirror)
    for action, name, first, last in EXERCISES:
        joints = pool[name][first:last]
        for ratio in (1.0, 0.88, 1.15):
            rows = to_features(warped(joints, ratio))
            for start in range(0, len(rows) - 28, 8):
                yield from passing_windows(
                    [
                        Window(
                            action, cut_rows(rows, start, int(draw.integers(8, 16)) * STRIDE), name
                        )
                    ]
                )
            repeated = loop_rows(warped(joints, ratio), 18, 44, LONGEST_WINDOW)
            if repeated is not None:
                yield from passing_windows(
                    [Window(action, repeated[: int(draw.integers(14, 28)) * STRIDE], name)]
                )


def _seats(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    for name in ("cmu_14_30", "cmu_14_31", "cmu_14_32"):
        for ratio in (1.0, 0.88, 1.15):
            joints = warped(pool[name], ratio)
            rows = to_features(joints)
            for start in range(0, len(rows) - 40, 6):
                piece = cut_rows(rows, start, 52)
                if np.ptp(piece[:, 3]) > 0.3 and piece[-14:, 3].max() < piece[:, 3].min() + 0.06:
                    yield from passing_windows([Window("sit_down", piece, name)])
                if (
                    np.ptp(piece[:, 3]) > 0.3
                    and piece[:12, 3].max() < piece[:, 3].min() + 0.06
                    and piece[-8:, 3].min() > 0.8
                ):
                    yield Window("stand_up", piece, name)


def _others(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(17 + mirror)
    for action, name, first, last, most in OTHERS:
        if name not in pool:
            continue
        rows = to_features(pool[name])
        begin, end = int((first or 0) * 20), int((last or 1e9) * 20)
        rows = rows[begin : min(end, len(rows))]
        for i in range(most):
            length = int(draw.integers(10, 24)) * STRIDE
            yield Window(
                action,
                cut_rows(rows, int(i * max(0, len(rows) - length) / max(1, most - 1)), length),
                name,
            )
