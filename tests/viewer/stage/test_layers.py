from __future__ import annotations

import numpy as np
import pytest

from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import CONTACT_JOINTS
from kinetoken_viewer.render.camera import Camera
from kinetoken_viewer.stage.clip_stage import ClipStage
from kinetoken_viewer.stage.layers import (
    GHOST_REACH,
    TRAIL_SECONDS,
    Person,
    SceneLayers,
    compose_shot,
    contact_marks,
    ghost_cones,
    name_points,
    pose,
    standing_points,
    trail_marks,
)
from kinetoken_viewer.stage.places import NamedClip
from kinetoken_viewer.stage.playhead import Track
from kinetoken_viewer.stage.side_by_side import ClipsSideBySide
from kinetoken_viewer.stage.standing_pose import STANDING, upright_pose
from synthetic_motion import walking

PARTS = 24  # round cones of a body


def walker(frames: int = 100) -> Person:
    return Person(Track(walking(frames)))


def test_the_trail_is_one_line_through_the_pelvis() -> None:
    person = walker()
    rows = trail_marks(person, 33.3, 20.0)
    order = np.argsort(rows[:, 1])  # the walk goes on along +Z
    np.testing.assert_allclose(rows[order][:-1, 2:4], rows[order][1:, 0:2], atol=1e-6)
    np.testing.assert_allclose(rows[order][0, 0:2], person.track.frames[0, 0, ::2], atol=1e-6)
    np.testing.assert_allclose(rows[order][-1, 2:4], person.track.frames[-1, 0, ::2], atol=1e-6)
    here = person.track.sample(33.3)[0, ::2]
    assert np.abs(rows[:, 0:2] - here).max(axis=1).min() < 1e-6
    past, coming = rows[rows[:, 3] <= here[1] + 1e-6], rows[rows[:, 1] >= here[1] - 1e-6]
    assert past[-1, 5] > 3 * coming[0, 5]  # what was is bright, what comes is faint


@pytest.mark.parametrize("position", [0.0, 99.0])
def test_the_trail_has_an_end_on_either_side(position: float) -> None:
    rows = trail_marks(walker(), position, 20.0)
    assert np.isfinite(rows).all()
    assert len(rows) > 40


def test_a_line_without_end_has_a_trail_of_bounded_length() -> None:
    rows = trail_marks(walker(3000), 2000.0, 20.0)
    assert len(rows) <= 2 * TRAIL_SECONDS * 10 + 2


def test_ghosts_stand_where_the_body_was_and_will_be() -> None:
    person = walker()
    rows = ghost_cones(person, 43.0, 20.0)
    assert len(rows) == 6 * PARTS
    again = ghost_cones(person, 44.0, 20.0)
    np.testing.assert_array_equal(
        rows[:PARTS, :8], again[:PARTS, :8]
    )  # the body moves through them
    assert len(ghost_cones(person, 0.0, 20.0)) == GHOST_REACH * PARTS
    assert len(ghost_cones(Person(STANDING), 0.0, 20.0)) == 0


def test_a_standing_body_stands_on_both_feet_and_a_lifted_foot_does_not() -> None:
    upright = upright_pose()
    lifted = upright.copy()
    lifted[list(CONTACT_JOINTS[:2]), 1] += 0.3
    both, one = (Track(np.repeat(each[None], 10, axis=0)) for each in (upright, lifted))
    assert standing_points(Person(both), 5.0, 20.0).all()
    assert standing_points(Person(one), 5.0, 20.0).tolist() == [False, False, True, True]
    assert len(contact_marks(Person(both), 5.0, 20.0)) == 2
    assert len(contact_marks(Person(one), 5.0, 20.0)) == 1


def test_a_foot_that_slides_fast_does_not_stand() -> None:
    frames = np.repeat(upright_pose()[None], 20, axis=0)
    frames[..., 0] += np.arange(20)[:, None] * 0.05  # 1 m/s
    assert not standing_points(Person(Track(frames)), 10.0, 20.0).any()


def test_layers_that_are_off_cost_nothing() -> None:
    person = walker()._replace(place=(2.0, 0.0, 0.0))
    bare = compose_shot([person], 10.0, 20.0, SceneLayers(), Camera())
    assert (len(bare.bodies), len(bare.ghosts), len(bare.marks)) == (PARTS, 0, 0)
    full = compose_shot([person], 10.0, 20.0, SceneLayers(True, True, True), Camera())
    assert min(len(full.ghosts), len(full.marks)) > 0
    assert abs(full.bodies[:, 0].mean() - 2.0) < 0.5
    assert name_points([person], 10.0)[0, 1] > 1.7


@pytest.mark.parametrize("height", [0.3, -1.2, 40.0])
def test_a_motion_on_another_floor_is_shown_on_the_one_that_is_drawn(height: float) -> None:
    raised = walking(40) + np.array([0.0, height, 0.0])
    plain, other = (
        ClipStage(Clip(joints), unlocked=Clip(joints)).people()[0]
        for joints in (walking(40), raised)
    )
    at = next(at for at in range(10, 30) if standing_points(plain, at, 20.0).any())
    np.testing.assert_allclose(
        pose(other, at),
        pose(plain, at) - np.array([0, plain.track.frames[..., 1].min(), 0]),
        atol=0.03,
    )
    np.testing.assert_array_equal(
        standing_points(other, at, 20.0), standing_points(plain, at, 20.0)
    )
    assert len(contact_marks(other, at, 20.0)) == len(contact_marks(plain, at, 20.0)) > 0
    beside = ClipsSideBySide(
        "", [NamedClip("plain", Clip(walking(40))), NamedClip("raised", Clip(raised))]
    ).people()
    assert len(contact_marks(beside[1], at, 20.0)) == len(contact_marks(beside[0], at, 20.0)) > 0
