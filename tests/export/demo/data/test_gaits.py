"""Gaits: feet stay put in curves, steps are counted, and every window is what it is called."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kinetoken.motion.recover import recover
from kinetoken.motion.skeleton import BONE_LENGTHS, PARENTS, Array64
from kinetoken_export.demo.data.clips import training_clips
from kinetoken_export.demo.data.cutting import LONGEST_WINDOW, STRIDE
from kinetoken_export.demo.data.gaits import getting_about, getting_about_long
from kinetoken_export.demo.data.gaits.cycles import (
    at_pace,
    curved,
    gait_loop,
    planted_feet,
    stances,
    strikes,
)
from kinetoken_export.demo.data.gaits.stepping import marching, sidestepping, turning
from kinetoken_export.demo.data.gaits.styles import limping, on_tiptoe, shortened
from kinetoken_export.demo.data.gaits.walks import speed_of, steps_from
from kinetoken_export.demo.data.joining import neutral
from kinetoken_export.demo.data.judges import JUDGES, Evidence, obeys

# What an action's windows may show besides itself: walks of a kind, circles that turn far enough,
# dances that step.
WALKS = {"walk_forward", "walk_slowly", "walk_fast", "run"}
MAY_SHOW = {
    "walk_forward": WALKS, "walk_slowly": WALKS, "walk_fast": WALKS, "run": WALKS,
    "run_circle": WALKS | {"circle_left", "circle_right", "turn_around"},
    "circle_left": WALKS | {"turn_around"}, "circle_right": WALKS | {"turn_around"},
    "turn_left": {"turn_around"}, "turn_right": {"turn_around"},  # two turns are half a turn
    "tiptoe": WALKS, "sneak": WALKS, "crouch_walk": WALKS, "limp": WALKS, "skip": WALKS,
}  # fmt: skip


@pytest.fixture(scope="module")
def pool(mocap: Path) -> dict[str, np.ndarray]:
    with np.load(mocap / "processed" / "clips20_22x3.npz") as clips:
        return {
            name: clips[name]
            for name in clips.files
            if name.startswith(("cmu_0", "cmu_1", "cmu_60", "cs_")) and name != "cmu_07_12"
        }


@pytest.fixture(scope="module")
def walk(pool: dict[str, np.ndarray]) -> Array64:
    loop = gait_loop(pool["cmu_07_01"], 18, 44, 200)
    assert loop is not None
    return planted_feet(loop, stances(loop))


def bones(joints: Array64) -> Array64:
    return np.asarray(np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1))


def standing_slide(joints: Array64) -> float:
    """Mean way of a standing toe, metres a frame."""
    toes = {"left": 10, "right": 11}
    steps = [
        np.linalg.norm(np.diff(joints[a:b, toes[side]][:, [0, 2]], axis=0), axis=1).mean()
        for side, pieces in stances(joints).items()
        for a, b in pieces
    ]
    return float(np.mean(steps))


def test_a_loop_goes_on_straight_ahead_at_the_pace_of_its_clip(walk: Array64) -> None:
    way = walk[-1, 0] - walk[0, 0]
    assert way[2] > 10
    assert abs(way[0]) < 0.05
    assert speed_of(walk) == pytest.approx(1.35, abs=0.08)
    assert np.diff([mark.frame for mark in strikes(walk)]).std() < 1.5


@pytest.mark.parametrize("turn", [50.0, -50.0])
def test_feet_stay_put_in_a_curve(walk: Array64, turn: float) -> None:
    bent = curved(walk[:80], turn)
    assert np.sign(Evidence(bent).turn) == np.sign(turn)
    assert standing_slide(bent) < 0.01
    np.testing.assert_allclose(bones(bent), np.broadcast_to(BONE_LENGTHS[1:], (80, 21)), atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_steps_are_counted_by_the_feet_set_down(walk: Array64, count: int) -> None:
    motion = steps_from(walk, 0, count)
    assert motion is not None
    assert len(strikes(motion)) == count - 1  # the last foot is set beside the other
    for end in (motion[0], motion[-1]):
        assert np.linalg.norm(end[15] - end[0] - (neutral()[15] - neutral()[0])) < 0.05


def test_a_pace_changes_the_time_and_nothing_else(walk: Array64) -> None:
    slow = at_pace(walk[:60], 1.5)
    assert len(slow) == pytest.approx(90, abs=2)
    np.testing.assert_allclose(slow[-1], walk[59], atol=1e-3)


def test_shorter_steps_keep_the_feet_planted(walk: Array64) -> None:
    short = shortened(walk, 0.6)
    assert speed_of(short) == pytest.approx(0.6 * speed_of(walk), rel=0.02)
    assert standing_slide(short) < 0.01


def test_edits_are_what_they_are_called(walk: Array64) -> None:
    assert obeys("tiptoe", on_tiptoe(shortened(walk, 0.6)))
    for side in ("left", "right"):
        lame = limping(shortened(walk, 0.7), side)
        assert obeys("limp", lame)
    assert not obeys("limp", walk)
    assert not obeys("tiptoe", walk)


@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_made_steps_go_to_their_side(side: str, sign: float) -> None:
    draw = np.random.default_rng(0)
    turned = turning(sign * 90.0, 8.0, 3, draw)
    assert Evidence(turned).turn == pytest.approx(sign * 90.0, abs=3.0)
    moved = sidestepping(side, 2, 0.3, 8.0, 3, draw)
    assert moved[-1, 0, 0] - moved[0, 0, 0] == pytest.approx(sign * 0.6, abs=0.1)
    assert obeys(f"turn_{side}", turned)
    assert obeys(f"sidestep_{side}", moved)
    assert obeys("march_in_place", marching(6, 10.0, 0.3, 3, draw))


def test_windows_show_their_action_and_no_other(pool: dict[str, np.ndarray]) -> None:
    """The confusion table: what is not allowed for is rejected in nine of ten."""
    windows = list(getting_about(dict(training_clips(pool)), False))
    counts = Counter(window.action for window in windows)
    assert min(counts.values()) >= 15
    taken: dict[str, Counter[str]] = {action: Counter() for action in counts}
    for window in windows:
        assert len(window.features) % STRIDE == 0
        assert len(window.features) <= LONGEST_WINDOW
        evidence = Evidence(recover(window.features.astype(np.float64)))
        taken[window.action].update(a for a in counts if a in JUDGES and JUDGES[a](evidence))
    for action, seen in taken.items():
        assert seen[action] == counts[action]
        if action != "dance":
            allowed = MAY_SHOW.get(action, set()) | {action, "dance"}
            wrong = {a: n for a, n in seen.items() if a not in allowed and n > 0.1 * counts[action]}
            assert not wrong, action


def test_long_windows_do_not_drift(pool: dict[str, np.ndarray]) -> None:
    few = {name: pool[name] for name in ("cmu_07_01", "cmu_07_04", "cmu_08_02", "cmu_09_01")}
    seen = set()
    for window in getting_about_long(few, False):
        joints = recover(window.features.astype(np.float64))
        third = len(joints) // 3
        first, last = joints[10:third], joints[-third:-10]
        if window.action not in ("stand_still", "stagger_dizzy", "dance"):
            jerk = [np.abs(np.diff(part, 3, axis=0)).mean() for part in (first, last)]
            assert jerk[1] < 1.3 * jerk[0]
            assert last[:, 0, 1].mean() == pytest.approx(first[:, 0, 1].mean(), abs=0.03)
        seen.add(window.action)
    assert {"walk_forward", "run", "stand_still", "march_in_place", "circle_left"} <= seen
