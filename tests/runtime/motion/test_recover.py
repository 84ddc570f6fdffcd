"""Features to joint positions: incremental equals batch, and both equal the published joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoken.motion.contacts import contacts_in, contacts_of
from kinetoken.motion.features import CONTACTS, encode
from kinetoken.motion.recover import RecoveryRun, recover

FRAMES = 31
FEATURES = np.random.default_rng(3).normal(0, 0.3, (FRAMES, 263))


@given(cuts=st.sets(st.integers(0, FRAMES)))
def test_every_cutting_gives_the_joints_of_one_batch(cuts: set[int]) -> None:
    run = RecoveryRun()
    pieces = [run.push(piece) for piece in np.split(FEATURES, sorted(cuts))]
    np.testing.assert_allclose(np.concatenate(pieces), recover(FEATURES), atol=1e-6)


@pytest.mark.parametrize("name", ["012314", "000000"])
def test_golden_features_give_the_published_joints(golden: Path, name: str) -> None:
    features = np.load(golden / f"new_joint_vecs_{name}.npy")
    joints = np.load(golden / f"new_joints_{name}.npy")[: len(features)]
    np.testing.assert_allclose(recover(features), joints, atol=1e-5)
    run = RecoveryRun()
    single = np.concatenate([run.push(row[None]) for row in features])
    np.testing.assert_allclose(single, recover(features), atol=1e-6)


@pytest.mark.parametrize("name", ["012314", "000000"])
def test_encoding_and_recovering_is_a_round_trip(golden: Path, name: str) -> None:
    joints = np.load(golden / f"new_joints_{name}.npy")[:, :22].astype(np.float64)
    np.testing.assert_allclose(recover(encode(joints)), joints[:-1], atol=1e-3)


def test_a_turning_walk_by_hand() -> None:
    """A quarter turn (half angle pi/4), then one metre ahead of the new facing: from the origin to X or -X."""
    features = np.zeros((3, 263))
    features[:, 3] = 1.0
    features[0, 0] = np.pi / 4
    features[1, 2] = 1.0
    joints = recover(features)
    np.testing.assert_allclose(joints[:, 0], [[0, 1, 0], [0, 1, 0], [-1, 1, 0]], atol=1e-12)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="263"):
        RecoveryRun().push(np.zeros((3, 262)))
    assert RecoveryRun().push(np.zeros((0, 263))).shape == (0, 22, 3)


def test_contacts_measured_are_the_contacts_published(golden: Path) -> None:
    features = np.load(golden / "new_joint_vecs_012314.npy")
    joints = np.load(golden / "new_joints_012314.npy")
    np.testing.assert_array_equal(contacts_in(features), features[:, CONTACTS] == 1)
    agree = contacts_of(joints)[: len(features)] == contacts_in(features)
    assert agree.mean() > 0.98


def test_contacts_of_short_and_misshapen_motion() -> None:
    assert contacts_of(np.zeros((1, 22, 3))).all()
    assert contacts_of(np.zeros((0, 22, 3))).shape == (0, 4)
    with pytest.raises(ValueError, match="22"):
        contacts_of(np.zeros((2, 21, 3)))
    with pytest.raises(ValueError, match="263"):
        contacts_in(np.zeros((2, 4)))
