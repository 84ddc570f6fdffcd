from __future__ import annotations

import math

import numpy as np
import pytest

from kinetoken.base.errors import InputError
from kinetoken_viewer.render import camera as cameras
from kinetoken_viewer.render.camera import (
    BODY_CENTRE,
    ENVELOPE,
    PITCHES,
    PRESETS,
    Camera,
    CameraView,
    Follow,
    smooth_path,
)

FRONT = Camera(target=(0.0, 0.9, 0.0), yaw=0.0, pitch=0.0, distance=4.0)


def test_target_projects_to_the_middle() -> None:
    camera = Camera(target=(1.0, 0.5, -2.0), yaw=1.1, pitch=0.4, distance=3.0)
    np.testing.assert_allclose(
        camera.project(np.array([[1.0, 0.5, -2.0]]), 640, 360)[0], [320, 180, 3.0], atol=1e-9
    )


def test_from_the_front_the_bodys_left_is_on_the_right_and_up_is_up() -> None:
    left, up = FRONT.project(np.array([[0.5, 0.9, 0.0], [0.0, 1.4, 0.0]]), 640, 360)
    assert left[0] > 330
    assert left[1] == pytest.approx(180)
    assert up[1] < 170
    assert up[0] == pytest.approx(320)


def test_matrices_agree_with_project() -> None:
    camera = Camera(target=(0.3, 0.8, 1.0), yaw=-0.7, pitch=0.3, distance=5.0)
    points = np.random.default_rng(0).normal(0, 1, (20, 3))
    clip = np.c_[points, np.ones(20)] @ (camera.projection(16 / 9) @ camera.view()).T
    ndc = clip[:, :3] / clip[:, 3:]
    pixels = camera.project(points, 1280, 720)
    np.testing.assert_allclose((ndc[:, 0] + 1) * 640, pixels[:, 0], atol=1e-6)
    np.testing.assert_allclose((1 - ndc[:, 1]) * 360, pixels[:, 1], atol=1e-6)
    np.testing.assert_allclose(clip[:, 3], pixels[:, 2], atol=1e-9)


def test_axes_are_orthonormal_and_right_handed() -> None:
    axes = Camera(yaw=2.2, pitch=0.9).axes()
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)


@pytest.mark.parametrize("name", list(PRESETS))
@pytest.mark.parametrize("aspect", [2.0, 1.0, 0.5])
def test_fitted_keeps_every_point_in_the_picture_and_not_much_farther(
    name: str, aspect: float
) -> None:
    yaw, pitch = CameraView.parse(name)[:2]
    offsets = ENVELOPE - (0.0, BODY_CENTRE, 0.0)
    camera = Camera(yaw=yaw, pitch=pitch).fitted(offsets, aspect, margin=0.9)
    pixels = camera.project(np.asarray(camera.target) + offsets, round(1000 * aspect), 1000)
    reach = np.abs(pixels[:, :2] / [1000 * aspect, 1000] - 0.5).max()
    assert 0.44 < reach <= 0.4501


def test_orbit_keeps_the_eye_off_the_floor_and_the_poles() -> None:
    camera = FRONT.orbit(10.0, 99.0)
    assert camera.pitch == PITCHES[1]
    assert FRONT.orbit(0.0, -99.0).pitch == PITCHES[0]
    assert -math.pi <= camera.yaw <= math.pi
    assert camera.distance == FRONT.distance


def test_pan_moves_in_the_pictures_plane() -> None:
    camera = Camera(yaw=0.5, pitch=0.2).pan(0.3, -0.1)
    shift = np.asarray(camera.target) - np.asarray(Camera().target)
    np.testing.assert_allclose(
        Camera(yaw=0.5, pitch=0.2).axes() @ shift, [0.3, -0.1, 0.0], atol=1e-12
    )


def test_zoom_is_bounded() -> None:
    assert FRONT.zoom(1e-9).distance == cameras.DISTANCES[0]
    assert FRONT.zoom(1e9).distance == cameras.DISTANCES[1]


def test_parse_numbers() -> None:
    assert CameraView.parse("30,15")[:3] == pytest.approx((math.radians(30), math.radians(15), 1.0))
    assert CameraView.parse("-90,0,2")[:3] == pytest.approx((math.radians(-90), 0.0, 2.0))


@pytest.mark.parametrize(
    "text", ["", "sideways", "1", "1,2,3,4", "400,0", "0,89", "0,-40", "0,0,0", "nan,0", "0,inf"]
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(InputError, match="unknown camera"):
        CameraView.parse(text)


def test_follow_arrives_without_swinging_past() -> None:
    follow = Follow(np.zeros(3))
    path = [follow.push(np.array([1.0, 0.0, 0.0]), 1 / 60)[0] for _ in range(120)]
    assert path[-1] == pytest.approx(1.0, abs=1e-3)
    assert max(path) <= 1.0 + 1e-9
    assert np.diff(path).min() >= -1e-9
    assert np.abs(np.diff(path, 2)).max() < 0.03  # no jerk


def test_follow_is_the_same_at_any_rate() -> None:
    fast, slow = Follow(np.zeros(3)), Follow(np.zeros(3))
    for _ in range(60):
        fast.push(np.ones(3), 1 / 120)
    for _ in range(15):
        slow.push(np.ones(3), 1 / 30)
    np.testing.assert_allclose(fast.push(np.ones(3), 0.0), slow.push(np.ones(3), 0.0), atol=1e-9)


def test_follow_jump_cuts() -> None:
    follow = Follow(np.zeros(3))
    np.testing.assert_array_equal(follow.jump(np.ones(3)), np.ones(3))
    np.testing.assert_allclose(follow.push(np.ones(3), 0.1), np.ones(3))


def test_smooth_path_does_not_lag_and_stands_still_for_small_motion() -> None:
    line = np.linspace(0, 6, 100)[:, None] * [0.0, 0.0, 1.0]
    np.testing.assert_allclose(smooth_path(line, 20)[30:70], line[30:70], atol=1e-9)
    wobble = 0.2 * np.sin(np.arange(100))[:, None] * [1.0, 0.0, 0.0]
    assert np.ptp(smooth_path(wobble, 20), axis=0).max() == 0.0
    assert smooth_path(np.ones((1, 3)), 20).shape == (1, 3)
