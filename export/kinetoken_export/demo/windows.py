"""Which stretches of which clips teach which action. The choice is made by measurement and checked by the judges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.motion.recover import recover

from .augment import Features, bent, cycle, looped, reversed_motion, to_features, warped
from .clips import Joints, mirrored, take, training
from .physics import JUDGES, LEFT, RIGHT, Evidence, obeys
from .sources import DANCES, EXERCISES, JUMPS, KICKS, OTHERS, RUNS, TURNS, WALKS, WAVES

STRIDE: Final = 4  # feature frames per latent frame: windows are whole latent frames
LONGEST: Final = 120  # frames: six seconds
RARE_RATIOS: Final = (1.0, 0.92, 1.1)  # time ratios of what there is little of
LOOP_GAP: Final = 0.05  # m and m/frame together: a seam above it is seen


@dataclass(frozen=True)
class Window:
    """One stretch of motion that shows one action."""

    action: str
    features: Features
    """(T, 263), T a multiple of 4."""
    clip: str
    side: str = ""
    """left or right, where the action has one."""
    style: str = ""
    """A word that the caption may use: salsa, ballet, slowly, ..."""


def windows(clips: dict[str, Joints]) -> Iterator[Window]:
    """Every training window, mirrored too, of the clips that may be learnt from."""
    usable = dict(training(clips))
    for mirror in (False, True):
        pool = {k: mirrored(v) if mirror else v for k, v in usable.items()}
        for maker in (_gaits, _turns, _stills, _jumps, _kicks, _blows, _waves, _exercises, _seats, _dances, _others):
            yield from maker(pool, mirror)


def _cut(rows: Features, start: int, length: int) -> Features:
    """Rows start.. of about `length`, inside the clip, a multiple of 4."""
    length = min(length, LONGEST, len(rows)) // STRIDE * STRIDE
    start = max(0, min(start, len(rows) - length))
    return rows[start : start + length].copy()


def _passes(window: Window) -> bool:
    return window.action not in JUDGES or obeys(window.action, recover(window.features.astype(np.float64)))


def _checked(candidates: Iterator[Window]) -> Iterator[Window]:
    return (w for w in candidates if len(w.features) >= 24 and _passes(w))


def _loop(joints: Joints, shortest: int, longest: int, rows: int) -> Features | None:
    features = to_features(joints)
    start, end, gap = cycle(features, shortest, longest, first=2)
    return looped(features, start, end, rows) if gap < LOOP_GAP * 3 and end > start else None


def _gaits(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(11 + mirror)
    for name in WALKS:
        for ratio in (1.0, 1.35, 0.88):
            yield from _checked(_walk_windows(name, warped(pool[name], ratio) if ratio != 1 else pool[name], draw))
    for name in RUNS:
        rows = _loop(pool[name], 12, 20, LONGEST)
        if rows is None:
            continue
        length = int(draw.integers(10, 22)) * STRIDE
        yield from _checked(iter([Window("run", rows[:length], name), Window("run", rows[length : 2 * length], name)]))
        for side, turn in ((LEFT, draw.uniform(45, 75)), (RIGHT, -draw.uniform(45, 75))):
            curve = bent(rows[: int(draw.integers(14, 24)) * STRIDE], float(turn))
            if obeys(f"circle_{side}", recover(curve)):
                yield Window("run_circle", curve, name, side=side)


def _walk_windows(name: str, joints: Joints, draw: np.random.Generator) -> Iterator[Window]:
    whole = to_features(joints)
    rows = _loop(joints, 18, 44, LONGEST)
    pieces = [_cut(whole, 0, LONGEST)]
    if rows is not None:
        pieces += [rows[: int(draw.integers(12, 31)) * STRIDE], rows[8 : 8 + int(draw.integers(8, 20)) * STRIDE]]
        for side, sign in ((LEFT, 1), (RIGHT, -1)):
            for turn in (draw.uniform(26, 45), draw.uniform(45, 75)):
                length = min(LONGEST, int(np.ceil(draw.uniform(115, 220) / turn * 20 / STRIDE)) * STRIDE)
                yield Window(f"circle_{side}", bent(rows[:length], sign * float(turn)), name, side=side)
        back = _loop(reversed_motion(joints), 18, 44, LONGEST)
        if back is not None:
            yield Window("walk_backward", back[: int(draw.integers(9, 26)) * STRIDE], name)
    for piece in pieces:
        speed = Evidence(recover(piece)).along
        yield Window("walk_slowly" if speed < 0.95 else "walk_fast" if speed > 1.5 else "walk_forward", piece, name)
        if 0.8 < speed < 1.65:
            yield Window("walk_forward", piece, name)


def _turns(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    for name in TURNS:
        rows = to_features(pool[name])
        taken = -99
        for start in range(0, len(rows) - 32, 4):
            for length in (36, 44, 56):
                piece = rows[start : start + length]
                e = Evidence(recover(piece.astype(np.float64)))
                if (
                    len(piece) == length
                    and start > taken + 8
                    and 140 < abs(e.turn) < 225
                    and e.path_speed < 0.75
                    and e.rise < 0.1
                ):
                    taken = start
                    yield Window("turn_around", piece, name, side=LEFT if e.turn > 0 else RIGHT)
    if not mirror:
        yield from _checked(iter([Window("walk_backward", _cut(to_features(pool["cmu_09_12"]), 240, 52), "cmu_09_12")]))
    yield Window(
        f"circle_{RIGHT if mirror else LEFT}",
        _cut(to_features(pool["cmu_09_12"]), 0, 120),
        "cmu_09_12",
        side=RIGHT if mirror else LEFT,
    )


def _stills(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    """Quiet stretches, run forward and back until they are long enough: a body that sways a little."""
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
        quiet = next((s for s in range(0, len(joints) - 22, 4) if wrists[s : s + 22].max() < 0.02), None)
        if quiet is None or Evidence(joints[quiet : quiet + 22]).height("head").min() < 1.35:
            continue
        if min(Evidence(joints[quiet : quiet + 22]).height(f"{s}_wrist").mean() for s in (LEFT, RIGHT)) > 1.15:
            continue
        piece = joints[quiet : quiet + 22]
        sway = np.concatenate([piece, piece[-2:0:-1]] * 3)
        rows = to_features(sway[: int(draw.integers(8, 28)) * STRIDE + 1])
        yield from _checked(iter([Window("stand_still", rows, name)]))


def _jumps(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    names = [n for n in pool if take(n) in JUMPS]
    for name in names:
        rows = to_features(pool[name])
        height = rows[:, 3]
        usual = np.median(height)
        for peak in _peaks(height, float(usual) + 0.13, apart=16):
            for before, length in ((20, 44), (16, 36), (26, 56)):
                piece = _cut(rows, peak - before, length)
                e = Evidence(recover(piece.astype(np.float64)))
                ahead = float(e.travel @ e.facing[0])
                action = "jump_forward" if ahead > 0.45 else "jump" if ahead < 0.3 else ""
                if action and abs(e.turn) < 60:
                    yield from _checked(iter([Window(action, piece, name)]))


def _peaks(values: NDArray[np.floating], above: float, apart: int) -> list[int]:
    """Indices of the highest values above a bound, at least `apart` from each other."""
    out: list[int] = []
    for at in np.argsort(-values):
        if values[at] < above:
            break
        if all(abs(int(at) - other) >= apart for other in out):
            out.append(int(at))
    return sorted(out)


def _kicks(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    for name in (n for n in pool if n.startswith(KICKS)):
        for ratio in RARE_RATIOS:
            joints = warped(pool[name], ratio)
            rows, e = to_features(joints), Evidence(joints)
            for side in (LEFT, RIGHT):
                for peak in _peaks(e.height(f"{side}_foot"), 0.58, apart=14):
                    for before, length in ((16, 32), (20, 40), (12, 28)):
                        piece = _cut(rows, peak - before, length)
                        yield from _checked(iter([Window(f"kick_{side}", piece, name, side=side)]))


def _blows(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(5 + mirror)
    for name in ("cmu_135_09", "cmu_13_18", "cmu_02_05"):
        for ratio in RARE_RATIOS:
            joints = warped(pool[name], ratio)
            rows, e = to_features(joints), Evidence(joints)
            for side in (LEFT, RIGHT):
                for peak in _peaks(e.speed(f"{side}_wrist"), 3.4, apart=24):
                    piece = _cut(rows, peak - int(draw.integers(10, 18)), int(draw.integers(7, 11)) * STRIDE)
                    yield from _checked(iter([Window("punch", piece, name, side=side)]))
    for name in ("cmu_13_18", "cmu_02_05"):
        rows = to_features(pool[name])
        for start in range(0, len(rows) - 48, 14):
            yield from _checked(iter([Window("boxing", _cut(rows, start, int(draw.integers(11, 28)) * STRIDE), name)]))


def _waves(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(3 + mirror)
    for name in WAVES:
        rows = to_features(pool[name])
        for start in range(0, len(rows) - 40, 12):
            yield from _checked(iter([Window("wave", _cut(rows, start, int(draw.integers(10, 24)) * STRIDE), name)]))


def _exercises(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    draw = np.random.default_rng(2 + mirror)
    for action, name, first, last in EXERCISES:
        joints = pool[name][first:last]
        for ratio in (1.0, 0.88, 1.15):
            rows = to_features(warped(joints, ratio))
            for start in range(0, len(rows) - 28, 8):
                yield from _checked(iter([Window(action, _cut(rows, start, int(draw.integers(8, 16)) * STRIDE), name)]))
            repeated = _loop(warped(joints, ratio), 18, 44, LONGEST)
            if repeated is not None:
                yield from _checked(iter([Window(action, repeated[: int(draw.integers(14, 28)) * STRIDE], name)]))


def _seats(pool: dict[str, Joints], mirror: bool) -> Iterator[Window]:
    for name in ("cmu_14_30", "cmu_14_31", "cmu_14_32"):
        for ratio in (1.0, 0.88, 1.15):
            joints = warped(pool[name], ratio)
            rows = to_features(joints)
            for start in range(0, len(rows) - 40, 6):
                piece = _cut(rows, start, 52)
                if np.ptp(piece[:, 3]) > 0.3 and piece[-14:, 3].max() < piece[:, 3].min() + 0.06:
                    yield from _checked(iter([Window("sit_down", piece, name)]))
                if (
                    np.ptp(piece[:, 3]) > 0.3
                    and piece[:12, 3].max() < piece[:, 3].min() + 0.06
                    and piece[-8:, 3].min() > 0.8
                ):
                    yield Window("stand_up", piece, name)


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
            piece = _cut(rows, start, int(draw.integers(11, 28)) * STRIDE)
            window = Window("dance", piece, name, style=style)
            e = Evidence(recover(piece.astype(np.float64)))
            lively = float(
                np.mean([e.speed(j).mean() for j in ("left_wrist", "right_wrist", "left_ankle", "right_ankle")])
            )
            candidates.append((lively, window))
    # The liveliest of each style: a pause in a dance teaches nobody to dance.
    for style, most in (("salsa", 26), ("ballet", 14), ("Indian", 14), ("", 6)):
        mine = sorted((c for c in candidates if c[1].style == style), key=lambda c: -c[0])
        yield from _checked(w for _, w in mine[:most])


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
            yield Window(action, _cut(rows, int(i * max(0, len(rows) - length) / max(1, most - 1)), length), name)
