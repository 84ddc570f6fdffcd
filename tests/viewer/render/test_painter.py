from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kinetoken_viewer.render.body_shape import CONE_COLUMNS, ROUND_CONES, body_cones
from kinetoken_viewer.render.camera import (
    BODY_CENTRE,
    ENVELOPE,
    PRESETS,
    Camera,
    CameraView,
    look_at,
)
from kinetoken_viewer.render.lighting import light_axes, shadow_matrix, shadow_patch, shadow_square
from kinetoken_viewer.render.pixels import Pixels
from kinetoken_viewer.render.shot import Shot
from kinetoken_viewer.render.software.painter import Painter
from kinetoken_viewer.stage.standing_pose import upright_pose
from synthetic_motion import raised_arms, walking

WIDTH, HEIGHT = 256, 160
NOBODY = np.zeros((0, CONE_COLUMNS), np.float32)


def framed(pose: NDArray[np.floating], preset: str = "front") -> Camera:
    yaw, pitch = CameraView.parse(preset)[:2]
    camera = Camera(yaw=yaw, pitch=pitch).at(look_at(pose))
    return camera.fitted(ENVELOPE - (0.0, BODY_CENTRE, 0.0), WIDTH / HEIGHT)


def paint(pose: NDArray[np.floating], preset: str = "front") -> Pixels:
    return Painter(WIDTH, HEIGHT).render(Shot(framed(pose, preset), body_cones(pose)))


def blue(picture: Pixels) -> NDArray[np.bool_]:
    r, g, b = (picture[..., c].astype(int) for c in range(3))
    return (b > r + 60) & (b > g + 30)


def red(picture: Pixels) -> NDArray[np.bool_]:
    r, g, b = (picture[..., c].astype(int) for c in range(3))
    return (r > b + 60) & (r > g + 50)


def middle(mask: NDArray[np.bool_]) -> float:
    return float(np.nonzero(mask)[1].mean())


def test_left_limbs_are_blue_on_the_right_of_a_front_view_and_change_sides_from_behind() -> None:
    front, back = paint(upright_pose(), "front"), paint(upright_pose(), "back")
    for picture in (front, back):
        assert blue(picture).sum() > 250
        assert red(picture).sum() > 250
    assert middle(blue(front)) > WIDTH / 2 + 5 > WIDTH / 2 - 5 > middle(red(front))
    assert middle(blue(back)) < WIDTH / 2 - 5 < WIDTH / 2 + 5 < middle(red(back))


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize(
    "pose",
    [upright_pose(), raised_arms(), walking(20)[13]],
    ids=["standing", "arms up", "walking"],
)
def test_the_whole_body_is_in_the_picture(preset: str, pose: NDArray[np.floating]) -> None:
    camera = framed(pose, preset)
    painter = Painter(WIDTH, HEIGHT)
    bodies = body_cones(pose)
    with_body = painter.render(Shot(camera, bodies)).astype(int)
    raised = bodies.copy()
    raised[:, [1, 5]] += 200.0  # the same, far out of the picture
    changed = np.abs(with_body - painter.render(Shot(camera, raised)).astype(int)).max(axis=-1) > 40
    rows, columns = np.nonzero(changed)
    assert len(rows) > 300
    assert rows.min() >= 2
    assert rows.max() < HEIGHT - 2
    assert columns.min() >= 2
    assert columns.max() < WIDTH - 2


def test_the_shadow_is_one_soft_outline_on_the_floor() -> None:
    pose, painter = upright_pose(), Painter(WIDTH, HEIGHT)
    camera = framed(pose)
    lit = painter.render(Shot(camera, NOBODY)).astype(int).sum(axis=-1)
    pictured = painter.render(Shot(camera, body_cones(pose))).astype(int)
    colourless = np.ptp(pictured, axis=-1) < 30
    darker = lit - pictured.sum(axis=-1)
    shadow = (darker > 30) & colourless
    assert shadow.sum() > 100
    # No part of the shadow is darker than a single layer: overlapping limbs do not add up.
    ratio = (pictured.sum(axis=-1) / np.maximum(lit, 1))[shadow]
    assert ratio.min() > 0.5


def test_the_floor_has_a_grid_that_fades_into_the_background() -> None:
    empty = (
        Painter(WIDTH, HEIGHT).render(Shot(framed(upright_pose()), NOBODY)).astype(int).sum(axis=-1)
    )
    assert np.ptp(empty[-20]) > 30  # lines
    assert np.ptp(empty[3]) == 0  # sky
    far = empty[HEIGHT // 2 - 28]
    assert np.ptp(far) < np.ptp(empty[-20]) / 2
    assert (np.abs(np.diff(empty[:, 5])) < 60).all()  # no hard horizon


def test_edges_are_smooth() -> None:
    picture = paint(upright_pose()).astype(int)
    row = picture[HEIGHT // 2].sum(axis=-1)
    steps = np.abs(np.diff(row))
    assert steps.max() < 480  # black to white would be 765


def test_a_picture_of_nobody_and_a_camera_far_inside() -> None:
    painter = Painter(64, 48)
    assert painter.render(Shot(Camera(), NOBODY)).shape == (48, 64, 3)
    inside = Camera(target=(0.0, 1.2, 0.0), distance=0.6)
    assert painter.render(Shot(inside, body_cones(upright_pose()))).dtype == np.uint8


def test_parts_are_finite_for_collapsed_joints() -> None:
    rows = body_cones(np.zeros((22, 3)))
    assert rows.shape == (len(ROUND_CONES), CONE_COLUMNS)
    assert np.isfinite(rows).all()
    with pytest.raises(ValueError, match="one pose"):
        body_cones(np.zeros((21, 3)))


def test_parts_turn_with_the_body() -> None:
    pose = walking(20)[13].astype(np.float64)
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    straight, turned = body_cones(pose), body_cones(pose @ turn.T)
    for columns in (slice(0, 3), slice(4, 7)):
        np.testing.assert_allclose(straight[:, columns] @ turn.T, turned[:, columns], atol=1e-5)


def test_fading_moves_colours_toward_the_floor() -> None:
    full, faded = body_cones(upright_pose()), body_cones(upright_pose(), 0.5)
    np.testing.assert_array_equal(full[:, :8], faded[:, :8])
    assert np.ptp(faded[:, 8:], axis=0).max() < np.ptp(full[:, 8:], axis=0).max()


def test_the_light_sees_every_part_and_its_square_lies_on_the_floor() -> None:
    bodies = body_cones(raised_arms())
    matrix, (low, side) = shadow_matrix(bodies), shadow_square(bodies)
    ends = np.concatenate([bodies[:, 0:3], bodies[:, 4:7]])
    clip = np.c_[ends, np.ones(len(ends))] @ matrix.T
    assert np.abs(clip[:, :3]).max() < 1.0
    corners = np.array([[-1, -1, 0, 1], [1, 1, 0, 1]]) @ shadow_patch(bodies).T
    np.testing.assert_allclose(corners[:, 1], -0.022, atol=1e-9)
    u, v = light_axes()
    np.testing.assert_allclose(
        corners[:, :3] @ np.stack([u, v], axis=1), [low, low + side], atol=1e-9
    )
