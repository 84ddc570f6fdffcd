"""A robot beside the body: in pictures, in stages, and refused where it would not be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinetoken.base.errors import InputError
from kinetoken.cli.main import main
from kinetoken.motion.clip import Clip
from kinetoken.robots.robot_model import ROBOTS, robot_named
from kinetoken.robots.robot_shape import BESIDE
from kinetoken_viewer.render.body_shape import ROUND_CONES
from kinetoken_viewer.render.camera import Camera
from kinetoken_viewer.stage.clip_stage import ClipStage
from kinetoken_viewer.stage.layers import SceneLayers, compose_shot
from kinetoken_viewer.stage.robot_beside import RobotBeside

WALK = Path(__file__).parents[1] / "references" / "three_walks.npz"


@pytest.fixture(scope="module")
def clip() -> Clip:
    with np.load(WALK) as data:
        return Clip(np.asarray(data[data.files[0]][0, :30], np.float32))


@pytest.mark.parametrize("key", ROBOTS)
def test_a_stage_shows_body_and_robot(key: str, clip: Clip) -> None:
    stage = ClipStage(clip)
    stage.robot = RobotBeside(key)
    shot = compose_shot(stage.people(), 10.0, 20.0, SceneLayers(True, True, True), Camera())
    bodies, robot = shot.bodies[: len(ROUND_CONES)], shot.bodies[len(ROUND_CONES) :]
    assert len(robot) == len(robot_named(key).shape)
    middle = robot[:, [0, 2]].mean(axis=0) - bodies[:, [0, 2]].mean(axis=0)
    np.testing.assert_allclose(middle, np.array(BESIDE)[[0, 2]], atol=0.12)
    lowest = (np.minimum(robot[:, 1], robot[:, 5]) - robot[:, 3]).min()
    assert -0.03 < lowest < 0.05
    assert (robot[:, 1] + robot[:, 3]).max() == pytest.approx(clip.joints[10, 15, 1], abs=0.35)


def test_a_picture_twice_is_the_same_and_a_jump_begins_anew(clip: Clip) -> None:
    robot, other = RobotBeside("g1"), RobotBeside("g1")
    first = robot.cones(clip.joints[0], (0.0, 0.0, 0.0), 0.0)
    np.testing.assert_array_equal(first, robot.cones(clip.joints[0], (0.0, 0.0, 0.0), 0.0))
    robot.cones(clip.joints[1], (0.0, 0.0, 0.0), 0.05)
    jumped = robot.cones(clip.joints[20], (0.0, 0.0, 0.0), 1.0)
    np.testing.assert_array_equal(jumped, other.cones(clip.joints[20], (0.0, 0.0, 0.0), 1.0))


def test_a_still_holds_the_robot(clip: Clip, tmp_path: Path) -> None:
    clip.save(tmp_path / "walk.npz")
    words = ["play", str(tmp_path / "walk.npz"), "--size", "160x120", "--no-words"]
    assert main([*words, "--film", str(tmp_path / "alone.png")]) == 0
    assert main([*words, "--film", str(tmp_path / "robot.png"), "--robot", "g1"]) == 0
    assert (tmp_path / "alone.png").read_bytes() != (tmp_path / "robot.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--strip", "4", "--robot", "g1"], "--strip draws the body alone"),
        (["--robot", "r2"], "expected g1 or h1, got 'r2'"),
    ],
)
def test_what_is_not_drawn_is_refused(
    words: list[str],
    expected: str,
    clip: Clip,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clip.save(tmp_path / "walk.npz")
    assert main(["play", str(tmp_path / "walk.npz"), *words]) == InputError.exit_code
    assert expected in capsys.readouterr().err
