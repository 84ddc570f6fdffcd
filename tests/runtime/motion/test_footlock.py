"""Feet that stand: streamed equals offline, bones keep their length, slides go, what does not slide stays."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import kinetoken
from kinetoken.motion.clip import Clip
from kinetoken.motion.features import CONTACTS
from kinetoken.motion.footlock import FootLock
from kinetoken.motion.leg_ik import LEGS, place_feet
from kinetoken.motion.skeleton import CONTACT_JOINTS, FPS, JOINT, PARENTS
from kinetoken_viewer.stage.standing_pose import upright_pose
from synthetic_motion import walking

Array = NDArray[np.float64]
FRAMES = 41
FEET = list(CONTACT_JOINTS)
# Legs a little bent, as people stand.
POSE = upright_pose() + np.isin(np.arange(22), [JOINT["left_knee"], JOINT["right_knee"]])[
    :, None
] * (
    0.0,
    0.0,
    0.05,
)


def noisy(frames: int = FRAMES, seed: int = 5) -> Array:
    """A walk whose every joint trembles."""
    joints = walking(frames).astype(np.float64)
    return np.asarray(joints + np.random.default_rng(seed).normal(0.0, 0.004, joints.shape))


def sliding(frames: int = 20, speed: float = 0.1) -> Array:
    """A body (frames, 22, 3) that stands still and glides along X at `speed` m/s."""
    glide = np.arange(frames)[:, None, None] * np.array([speed / FPS, 0.0, 0.0])
    return np.asarray(POSE[None] + glide)


def lengths(joints: Array) -> Array:
    return np.asarray(np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1))


@given(cuts=st.sets(st.integers(0, FRAMES)), channels=st.booleans())
def test_every_cutting_gives_the_feet_of_one_batch(cuts: set[int], channels: bool) -> None:
    joints = noisy()
    contacts = np.random.default_rng(1).uniform(0, 1, (FRAMES, 4)) if channels else None
    whole = FootLock().apply(joints, contacts)
    run = FootLock().start()
    edges = [0, *sorted(cuts), FRAMES]
    pieces = [
        run.push(joints[a:b], None if contacts is None else contacts[a:b])
        for a, b in pairwise(edges)
    ]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-12)
    assert not np.array_equal(whole, joints)


def test_nothing_is_held_back() -> None:
    run = FootLock().start()
    assert [len(run.push(sliding(n))) for n in (1, 0, 3)] == [1, 0, 3]


def test_bones_keep_their_length_and_only_legs_move() -> None:
    joints = noisy(100)
    locked = FootLock().apply(joints)
    np.testing.assert_allclose(lengths(locked), lengths(joints), atol=1e-9)
    legs = sorted(joint for leg in LEGS for joint in leg[1:])
    others = [joint for joint in range(22) if joint not in legs]
    np.testing.assert_array_equal(locked[:, others], joints[:, others])


def test_standing_feet_stop_while_the_body_glides_on() -> None:
    locked = FootLock().apply(sliding(14))
    steps = np.linalg.norm(np.diff(locked[:, FEET], axis=0), axis=-1)
    assert steps[5:].max() < 1e-3  # metres a frame, where the motion makes 5 mm
    np.testing.assert_array_equal(locked[:, 0], sliding(14)[:, 0])


def test_a_still_body_stays_to_the_bit() -> None:
    still = np.repeat(POSE[None], 10, axis=0)
    np.testing.assert_array_equal(FootLock().apply(still), still)


def test_a_foot_in_the_air_or_fast_is_left_alone() -> None:
    fast = sliding(20, speed=1.5)
    np.testing.assert_array_equal(FootLock().apply(fast), fast)
    rising = sliding() + np.arange(20)[:, None, None] * np.array([0.0, 0.1, 0.0])
    np.testing.assert_array_equal(FootLock().apply(rising)[2:], rising[2:])


def test_the_contact_channel_has_hysteresis() -> None:
    def moved(channel: list[float]) -> NDArray[np.bool_]:
        contacts = np.repeat(np.array(channel)[:, None], 4, axis=1)
        joints = sliding(len(channel))
        corrections = FootLock().apply(joints, contacts)[:, FEET] - joints[:, FEET]
        return np.asarray(np.abs(np.diff(corrections, axis=0)).max(axis=(1, 2)) > 0)

    assert not moved([0.5] * 8).any()  # not enough to come to stand
    assert moved([0.7] + [0.5] * 7).all()  # enough to go on standing
    assert not moved([0.7] * 4 + [0.3] * 8)[-3:].any()  # left, and the correction is gone


def test_corrections_are_bounded_and_fade_without_a_jump() -> None:
    joints = np.concatenate(
        [sliding(60, speed=0.4), sliding(60, speed=0.4)[-1] + sliding(20, speed=1.5) - POSE]
    )
    settings = FootLock()
    off = (settings.apply(joints) - joints)[:, FEET]
    assert np.linalg.norm(off, axis=-1).max() <= settings.furthest + 1e-5
    assert np.abs(off[-1]).max() == 0.0
    assert np.linalg.norm(np.diff(off, axis=0), axis=-1).max() < 0.5 * settings.furthest


def test_feet_do_not_go_under_the_floor() -> None:
    sunk = np.repeat(POSE[None], 4, axis=0) - (0.0, 0.03, 0.0)
    assert FootLock().apply(sunk)[:, FEET, 1].min() == pytest.approx(0.0, abs=2e-3)
    np.testing.assert_array_equal(FootLock(floor=None).apply(sunk), sunk)
    cellar = sunk - (0.0, 1.0, 0.0)  # another floor altogether
    np.testing.assert_array_equal(FootLock().apply(cellar), cellar)
    assert FootLock.over(sunk, 20.0).floor == 0.0
    assert FootLock.over(cellar, 20.0).floor is None


def test_a_heel_that_lifts_off_follows_the_toe_that_stands() -> None:
    """Crouched, so that every correction is within reach of the leg."""
    joints = sliding(30)
    joints[:, [JOINT["left_knee"], JOINT["right_knee"]], 2] += 0.15
    joints[:, JOINT["left_ankle"], 1] += np.clip((np.arange(30) - 10) * 0.02, 0.0, 0.1)
    heel, toe = np.moveaxis((FootLock().apply(joints) - joints)[:, FEET[:2]], 1, 0)
    lifted_off = 13 + round(FootLock().release * FPS)
    assert np.all(toe[lifted_off:, 0] < -0.05)  # it stands where it stood, against the glide
    np.testing.assert_allclose(heel[lifted_off:], toe[lifted_off:], atol=2e-3)


def test_the_deeper_end_lifts_the_whole_foot() -> None:
    sunk = np.repeat(POSE[None], 4, axis=0)
    sunk[:, JOINT["left_knee"], 2] += 0.15
    sunk[:, JOINT["left_foot"], 1] = -0.03
    heel, toe = np.moveaxis((FootLock().apply(sunk) - sunk)[:, FEET[:2], 1], 1, 0)
    np.testing.assert_allclose(toe, 0.03, atol=2e-3)
    np.testing.assert_allclose(heel, 0.03, atol=5e-3)  # the leg reaches no higher


def test_a_foot_that_turns_on_the_spot_may_turn() -> None:
    """Ankle and toe slide apart: their corrections differ by no more than `twist`."""
    joints = sliding(40, speed=0.0)
    joints[:, [JOINT["left_knee"], JOINT["right_knee"]], 2] += 0.15
    joints[:, JOINT["left_foot"], 0] += np.arange(40) * 0.1 / FPS
    joints[:, JOINT["left_ankle"], 0] -= np.arange(40) * 0.1 / FPS
    off = (FootLock().apply(joints) - joints)[:, FEET[:2], 0]
    apart = np.abs(off[:, 0] - off[:, 1])
    assert FootLock().twist - 0.01 < apart.max() < FootLock().twist + 0.01


def test_a_leg_is_bent_to_where_the_foot_is_asked_to_be() -> None:
    crouched = POSE[None].copy()
    crouched[:, [JOINT["left_knee"], JOINT["right_knee"]], 2] += 0.15
    asked = np.array([[[0.02, 0.01, 0.03]] * 2 + [[0.0] * 3] * 2])
    moved = place_feet(crouched, asked)
    np.testing.assert_allclose(moved[0, FEET] - crouched[0, FEET], asked[0], atol=2e-3)
    right = [JOINT[f"right_{part}"] for part in ("knee", "ankle", "foot")]
    np.testing.assert_array_equal(moved[:, right], crouched[:, right])


def test_a_foot_beyond_reach_leaves_the_leg_whole() -> None:
    moved = place_feet(POSE[None], np.full((1, 4, 3), -0.5))
    assert np.isfinite(moved).all()
    np.testing.assert_allclose(lengths(moved), lengths(POSE[None]), atol=1e-9)


def test_a_leg_folded_to_one_point_stays_finite() -> None:
    flat = np.zeros((3, 22, 3))
    assert np.isfinite(place_feet(flat, np.full((3, 4, 3), 0.01))).all()
    assert np.isfinite(FootLock().apply(flat)).all()


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="22"):
        FootLock().start().push(np.zeros((3, 21, 3)))
    with pytest.raises(ValueError, match="contacts"):
        FootLock().start().push(np.zeros((3, 22, 3)), np.zeros((2, 4)))


def test_real_feet_slide_less(golden: Path) -> None:
    joints = np.load(golden / "new_joints_012314.npy")[:, :22].astype(np.float64)
    contacts = np.load(golden / "new_joint_vecs_012314.npy")[:, CONTACTS]
    joints = joints[: len(contacts)]
    locked = FootLock().apply(joints, contacts)
    steps = np.linalg.norm(np.diff(joints[:, FEET][..., [0, 2]], axis=0), axis=-1)
    low = joints[1:, FEET, 1] < np.percentile(joints[:, FEET, 1], 5, axis=0) + 0.05
    planted = low & (steps < 0.5 / FPS)
    after = np.linalg.norm(np.diff(locked[:, FEET][..., [0, 2]], axis=0), axis=-1)
    assert after[planted].mean() < 0.5 * steps[planted].mean()
    assert np.linalg.norm(locked - joints, axis=-1).mean() < 0.01


def test_the_option_changes_joints_alone(generator: kinetoken.Generator) -> None:
    asked = {"seed": 3, "seconds": 2.0, "max_thought": 2}
    plain = generator.generate("a person walks", **asked)
    locked = generator.generate("a person walks", foot_lock=True, **asked)
    assert plain.features is not None
    assert locked.features is not None
    np.testing.assert_array_equal(plain.features, locked.features)
    assert "foot_lock" not in plain.meta
    np.testing.assert_allclose(plain.foot_locked().joints, locked.joints, atol=1e-5)
    assert locked.foot_locked() is locked


def test_a_clip_of_another_rate_is_locked_in_the_same_time() -> None:
    fine = Clip(np.repeat(sliding(30), 3, axis=0).astype(np.float32), fps=60.0)
    assert len(fine.foot_locked()) == 90
    assert len(Clip(np.zeros((0, 22, 3), np.float32)).foot_locked()) == 0
