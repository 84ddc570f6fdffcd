"""The side from which a body is seen, and the camera's turn after it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kinetoken.motion.clip import Clip
from kinetoken.motion.transition import heading
from kinetoken.motion.transition import yaw as rotation
from kinetoken_viewer.hud.panels import word_panels
from kinetoken_viewer.record.clip_film import ClipFilm, words_of
from kinetoken_viewer.record.request import RecordRequest
from kinetoken_viewer.render.camera import Camera, CameraView
from kinetoken_viewer.render.facing import CLOSE, EASY, CameraTurn, facing, turn_angles
from kinetoken_viewer.render.shot import Shot
from kinetoken_viewer.render.software.painter import Painter
from kinetoken_viewer.stage.clip_stage import ClipStage
from kinetoken_viewer.stage.places import NamedClip
from kinetoken_viewer.stage.side_by_side import ClipsSideBySide
from kinetoken_viewer.stage.standing_pose import upright_pose
from kinetoken_viewer.window.controls import Controls
from kinetoken_viewer.window.view import View

FPS = 20.0
STANDING = upright_pose() @ rotation(-heading(upright_pose())).T


def faced(*degrees: float) -> NDArray[np.float32]:
    """(T, 22, 3) a standing body that faces so many degrees from +Z towards +X."""
    return np.array([STANDING @ rotation(math.radians(d)).T for d in degrees], np.float32)


def about_face(still: float = 5.0) -> NDArray[np.float32]:
    """A body that turns round within a second, and then stands."""
    return faced(*([0.0] * 20), *np.linspace(0, 180, 20), *([180.0] * round(still * FPS)))


def seen_from(camera: Camera, pose: NDArray[np.floating]) -> float:
    """Degrees from the body's front to the camera, towards its left."""
    return math.degrees(math.remainder(camera.yaw - (facing(pose) or 0.0), math.tau))


@pytest.mark.parametrize("degrees", [0, 45, 90, 179, -120])
def test_facing_is_where_the_face_looks(degrees: float) -> None:
    (pose,) = faced(degrees)
    assert math.degrees(facing(pose) or 0.0) == pytest.approx(degrees, abs=1e-3)


def test_a_body_on_its_side_faces_nowhere() -> None:
    side = STANDING[:, [1, 0, 2]] * (1, -1, 1)
    assert facing(side) is None
    turn = CameraTurn(0.3, EASY)
    assert all(turn.push(None, 0.05) == 0.3 for _ in range(100))


def test_the_camera_comes_round_when_a_turn_is_over_slowly() -> None:
    angles = turn_angles(about_face(), FPS, EASY)
    steps = np.abs(np.diff(angles)) * FPS
    assert np.ptp(angles[:40]) < 1e-9  # not before the body is done
    assert math.degrees(abs(angles[-1])) == pytest.approx(180, abs=10)
    assert math.degrees(steps.max()) < 141
    assert math.degrees(np.abs(np.diff(angles, 2)).max()) < 3.5  # without a jerk
    assert (np.sign(np.diff(angles)[np.diff(angles) != 0]) == np.sign(angles[-1])).all()


def test_a_look_aside_does_not_move_it() -> None:
    aside = faced(*([0.0] * 20), *([40.0] * 100), *([-40.0] * 100))
    assert np.ptp(turn_angles(aside, FPS, EASY)) < 1e-9


def test_a_walk_in_a_circle_does_not_swing_the_room() -> None:
    assert np.ptp(turn_angles(faced(*np.arange(0, 1080, 4.0)), FPS, EASY)) < 1e-9


@pytest.mark.parametrize("speed", [1.0, -3.0])
def test_one_side_stays_in_sight_of_a_body_that_turns(speed: float) -> None:
    degrees = speed * np.arange(400)
    behind = degrees - np.degrees(turn_angles(faced(*degrees), FPS, CLOSE))
    assert np.abs(behind).max() < 45


@pytest.mark.parametrize(
    ("name", "side"), [("front", 0), ("left", 90), ("right", -90), ("back", 180)]
)
def test_keys_and_options_show_the_bodys_own_sides(name: str, side: float) -> None:
    (first, *_), clip = faced(120.0), Clip(faced(*([120.0] * 10)))
    view = View(ClipStage(clip), CameraView.parse(name), 1.5)
    assert math.cos(math.radians(seen_from(view.camera, first) - side)) == pytest.approx(1)
    view.preset("three-quarter")
    assert seen_from(view.camera, first) == pytest.approx(36, abs=1e-3)
    view.preset(name)
    assert math.cos(math.radians(seen_from(view.camera, first) - side)) == pytest.approx(1)


def play(view: View, stage: ClipStage | ClipsSideBySide, seconds: float) -> None:
    for _ in range(round(seconds * 60)):
        stage.tick(1 / 60)
        view.tick(1 / 60, cut=stage.jumped)


def test_a_window_shows_the_face_again_after_a_turn_and_after_a_loop() -> None:
    stage = ClipStage(Clip(about_face()))
    view = View(stage, CameraView.parse("three-quarter"), 1.5)
    play(view, stage, 6.5)
    assert seen_from(view.camera, stage.pose()) == pytest.approx(36, abs=10)
    play(view, stage, 0.6)
    assert stage.playhead.position < 20
    assert seen_from(view.camera, stage.pose()) == pytest.approx(36, abs=10)


def test_a_picture_that_stands_still_and_a_camera_of_the_room_stay() -> None:
    for view_name, key in (("three-quarter", "SPACE"), ("three-quarter", "F"), ("30,10", "")):
        stage = ClipStage(Clip(about_face()))
        view = View(stage, CameraView.parse(view_name), 1.5)
        before = view.camera.yaw
        play(view, stage, 1.9)
        Controls(stage, view).press(key)
        play(view, stage, 3.0)
        assert view.camera.yaw == pytest.approx(before)
    two = [NamedClip(name, Clip(about_face())) for name in "ab"]
    side = ClipsSideBySide("", two)
    view = View(side, CameraView.parse("front"), 1.5)
    play(view, side, 5.0)
    assert view.camera.yaw == 0.0


class Watched(Painter):
    """Keeps what it was asked to draw."""

    def render(self, shot: Shot) -> NDArray[np.uint8]:
        self.shot = shot
        return super().render(shot)


@pytest.mark.parametrize("size", [(320, 240), (240, 320), (427, 240)])
def test_a_films_body_stands_clear_of_the_words(size: tuple[int, int]) -> None:
    prompt = "someone turns round and stands and then turns round again"
    clip = Clip(about_face(1.0), prompt=prompt, text="I turn round. " * 12)
    drawn = Watched(*size)
    request = RecordRequest(Path("film.gif"), size)
    film = ClipFilm(clip, request, drawn)
    words = word_panels(replace(words_of([NamedClip("", clip)], request), status="0 s"), *size)
    for seconds in (0.0, 1.5, 2.9):
        film.picture(seconds)
        skin = drawn.shot.bodies[:, 0:3] + (0.0, 0.11, 0.0)
        rows = drawn.shot.camera.project(skin, *size)[:, 1]
        assert rows.min() > max(p.y + p.image.height for p in words if p.y < size[1] / 2) - 2
        assert rows.max() < min(p.y for p in words if p.y > size[1] / 2)


def test_the_trail_and_ghosts_of_a_body_that_stands_are_explained() -> None:
    for joints in (faced(*([0.0] * 40)), about_face()):
        stage = ClipStage(Clip(joints))
        keys = Controls(stage, View(stage, CameraView.parse("front"), 1.5))
        keys.press("T")
        assert "once it walks" in keys.note()
        keys.press("T")
        assert keys.note() == ""
    stage = ClipStage(Clip(faced(*([0.0] * 40))))
    keys = Controls(stage, View(stage, CameraView.parse("front"), 1.5))
    keys.press("G")
    assert "once the body moves" in keys.note()
    stage = ClipStage(Clip(about_face()))
    stage.playhead.position = 20.0
    keys = Controls(stage, View(stage, CameraView.parse("front"), 1.5))
    keys.press("G")
    assert keys.note() == ""
