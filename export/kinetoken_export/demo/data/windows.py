"""The training windows of each action, chosen by measurement and checked by the judges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kinetoken.motion.recover import recover

from .augment import to_features
from .clips import Joints, mirrored, training_clips
from .cutting import (
    STRIDE,
    Window,
    cut_rows,
    passing_windows,
)
from .exercises import exercise_windows
from .floor_work import floor_windows
from .gestures import gesture_windows
from .judges import Evidence
from .locomotion import gait_windows, still_windows, turn_windows
from .sources import DANCES, OTHERS, WAVES


def action_windows(clips: dict[str, Joints]) -> Iterator[Window]:
    """Every training window, mirrored too, of the clips that may be learnt from."""
    usable = dict(training_clips(clips))
    for mirror in (False, True):
        pool = {k: mirrored(v) if mirror else v for k, v in usable.items()}
        for maker in (
            gait_windows,
            turn_windows,
            still_windows,
            _waves,
            _dances,
            _others,
            gesture_windows,
            floor_windows,
            exercise_windows,
        ):
            yield from maker(pool, mirror)


def _waves(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(3 + mirror)
    for name in WAVES:
        rows = to_features(pool[name])
        for start in range(0, len(rows) - 40, 12):
            yield from passing_windows(
                [Window("wave", cut_rows(rows, start, int(draw.integers(10, 24)) * STRIDE), name)]
            )


def _dances(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(13 + mirror)
    candidates: list[tuple[float, Window]] = []
    for name, joints in pool.items():
        if not name.startswith(DANCES):
            continue
        style = (
            "ballet"
            if name.startswith("cmu_05")
            else "salsa"
            if name.startswith("cmu_6")
            else "Indian"
            if "_94_" in name
            else ""
        )
        rows = to_features(joints)
        for start in range(0, len(rows) - 40, 60):
            piece = cut_rows(rows, start, int(draw.integers(11, 28)) * STRIDE)
            window = Window("dance", piece, name, style=style)
            e = Evidence(recover(piece.astype(np.float64)))
            lively = float(
                np.mean(
                    [
                        e.speed(j).mean()
                        for j in ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
                    ]
                )
            )
            candidates.append((lively, window))
    # The liveliest of each style: a pause in a dance teaches nobody to dance.
    for style, most in (("salsa", 26), ("ballet", 14), ("Indian", 14), ("", 6)):
        mine = sorted((c for c in candidates if c[1].style == style), key=lambda c: -c[0])
        yield from passing_windows(w for _, w in mine[:most])


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
