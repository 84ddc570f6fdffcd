"""Windows of getting about: walks, runs, circles, turns, and standing still."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kinetoken.motion.recover import recover

from .augment import bent, reversed_motion, to_features, warped
from .clips import Joints
from .cutting import (
    LONGEST_WINDOW,
    STRIDE,
    Window,
    cut_rows,
    loop_rows,
    passing_windows,
    peak_frames,
)
from .judges import LEFT, RIGHT, Evidence, obeys
from .sources import RUNS, TURNS, WALKS

_TURN_RATE = 0.04  # half the yaw step of a frame, radians: about 90 degrees a second


def gait_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Walks and runs, straight, in circles, backward; cycles looped until they are long enough."""
    draw = np.random.default_rng(11 + mirror)
    for name in WALKS:
        for ratio in (1.0, 1.35, 0.88):
            yield from passing_windows(
                _walk_windows(name, warped(pool[name], ratio) if ratio != 1 else pool[name], draw)
            )
    for name in RUNS:
        rows = loop_rows(pool[name], 12, 20, LONGEST_WINDOW)
        if rows is None:
            continue
        length = int(draw.integers(10, 22)) * STRIDE
        yield from passing_windows(
            [Window("run", rows[:length], name), Window("run", rows[length : 2 * length], name)]
        )
        for side, turn in ((LEFT, draw.uniform(45, 75)), (RIGHT, -draw.uniform(45, 75))):
            curve = bent(rows[: int(draw.integers(14, 24)) * STRIDE], float(turn))
            if obeys(f"circle_{side}", recover(curve)):
                yield Window("run_circle", curve, name, side=side)


def _walk_windows(name: str, joints: Joints, draw: np.random.Generator) -> Iterator[Window]:
    whole = to_features(joints)
    rows = loop_rows(joints, 18, 44, LONGEST_WINDOW)
    pieces = [cut_rows(whole, 0, LONGEST_WINDOW)]
    if rows is not None:
        pieces += [
            rows[: int(draw.integers(12, 31)) * STRIDE],
            rows[8 : 8 + int(draw.integers(8, 20)) * STRIDE],
        ]
        for side, sign in ((LEFT, 1), (RIGHT, -1)):
            for turn in (draw.uniform(26, 45), draw.uniform(45, 75)):
                length = min(
                    LONGEST_WINDOW,
                    int(np.ceil(draw.uniform(115, 220) / turn * 20 / STRIDE)) * STRIDE,
                )
                yield Window(
                    f"circle_{side}", bent(rows[:length], sign * float(turn)), name, side=side
                )
        back = loop_rows(reversed_motion(joints), 18, 44, LONGEST_WINDOW)
        if back is not None:
            yield Window("walk_backward", back[: int(draw.integers(9, 26)) * STRIDE], name)
    for piece in pieces:
        speed = Evidence(recover(piece)).along
        yield Window(
            "walk_slowly" if speed < 0.95 else "walk_fast" if speed > 1.5 else "walk_forward",
            piece,
            name,
        )
        if 0.8 < speed < 1.65:
            yield Window("walk_forward", piece, name)


def turn_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Stretches of about two seconds in which the body turns round, and one of uneven walking."""
    for name in TURNS:
        rows = to_features(pool[name])
        rate = np.convolve(rows[:, 0], np.ones(9) / 9, mode="same")
        for middle in peak_frames(np.abs(rate), _TURN_RATE, apart=24):
            for before, length in ((22, 44), (28, 56), (20, 52), (32, 60)):
                piece = cut_rows(rows, middle - before, length)
                e = Evidence(recover(piece.astype(np.float64)))
                if 150 < abs(e.turn) < 225 and e.path_speed < 0.8 and e.rise < 0.1:
                    yield Window("turn_around", piece, name, side=LEFT if e.turn > 0 else RIGHT)
    if not mirror:
        yield from passing_windows(
            [
                Window(
                    "walk_backward", cut_rows(to_features(pool["cmu_09_12"]), 240, 52), "cmu_09_12"
                )
            ]
        )
    yield Window(
        f"circle_{RIGHT if mirror else LEFT}",
        cut_rows(to_features(pool["cmu_09_12"]), 0, 120),
        "cmu_09_12",
        side=RIGHT if mirror else LEFT,
    )


def still_windows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Quiet stretches, run forward and back until they are long enough."""
    draw = np.random.default_rng(7 + mirror)
    for name, joints in pool.items():
        if name.startswith(
            (
                "cmu_05",
                "cmu_60",
                "cmu_61",
                "cmu_94",
                "cs_train_extra",
                "cmu_14_33",
                "cmu_14_34",
                "cmu_14_35",
                "cmu_13_33",
            )
        ):
            continue
        wrists = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1)
        quiet = next(
            (s for s in range(0, len(joints) - 22, 4) if wrists[s : s + 22].max() < 0.02), None
        )
        if quiet is None or Evidence(joints[quiet : quiet + 22]).height("head").min() < 1.35:
            continue
        if (
            min(
                Evidence(joints[quiet : quiet + 22]).height(f"{s}_wrist").mean()
                for s in (LEFT, RIGHT)
            )
            > 1.15
        ):
            continue
        piece = joints[quiet : quiet + 22]
        sway = np.concatenate([piece, piece[-2:0:-1]] * 3)
        rows = to_features(sway[: int(draw.integers(8, 28)) * STRIDE + 1])
        yield from passing_windows([Window("stand_still", rows, name)])
