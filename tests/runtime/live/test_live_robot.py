"""A robot in live output: what is streamed is what a whole clip would give."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from kinetoken.base.errors import InputError
from kinetoken.cli.main import main
from kinetoken.live.browser.robot_on_page import RobotOnPage
from kinetoken.live.endless_timeline import EndlessTimeline
from kinetoken.live.json_lines import LinesTarget
from kinetoken.live.settings import LiveSettings
from kinetoken.live.target import LiveFrame, stream_header
from kinetoken.live.timeline import Timeline
from kinetoken.robots.robot_model import CAUTION, robot_named
from kinetoken.robots.robot_run import RobotRun
from kinetoken.robots.robot_shape import BESIDE

WALK = Path(__file__).parents[2] / "viewer" / "references" / "three_walks.npz"


@pytest.fixture(scope="module")
def joints() -> np.ndarray:
    with np.load(WALK) as data:
        return np.asarray(data[data.files[0]][0, :24], np.float32)


def test_a_stream_in_pieces_is_the_whole_clip(joints: np.ndarray) -> None:
    whole, timeline = RobotRun(robot_named("g1")).push(joints), Timeline(20.0, robot="g1")
    for start in range(0, len(joints), 5):
        timeline.push(joints[start : start + 5])
    timeline.finish()
    for frame in range(len(joints)):
        pose = timeline.pose()
        assert pose is not None
        assert pose.robot is not None
        np.testing.assert_allclose(pose.robot.angles, whole.angles[frame], atol=1e-9)
        np.testing.assert_allclose(pose.robot.root, whole.root[frame], atol=1e-9)
        timeline.advance(1.0 / 20.0)


def test_a_stopped_answer_does_not_make_the_robot_jump(joints: np.ndarray) -> None:
    robot, timeline = robot_named("g1"), EndlessTimeline(20.0, "g1")
    angles = []
    for tick in range(150):
        if tick in (10, 60):
            timeline.begin()
            timeline.push(joints)
            timeline.end()
        timeline.advance(1.0 / 60.0)
        pose = timeline.pose()
        assert pose.robot is not None
        angles.append(pose.robot.angles)
    speeds = np.abs(np.diff(angles, axis=0)).max(axis=0) * 60.0
    assert np.all(speeds <= robot.speeds * (1 + 1e-6))
    assert np.all(
        (np.array(angles) >= robot.limits[:, 0]) & (np.array(angles) <= robot.limits[:, 1])
    )


def test_lines_name_the_robot_and_its_joints(joints: np.ndarray) -> None:
    timeline = Timeline(20.0, robot="h1")
    timeline.push(joints)
    pose = timeline.pose()
    assert pose is not None
    out, into = os.pipe()
    target = LinesTarget(LiveSettings(stdout=True, robot="h1", rate=20.0), into)
    target.send(LiveFrame(0, pose))
    target.close()
    os.close(into)
    with open(out, encoding="utf-8") as lines:
        head, frame, end = (json.loads(line) for line in lines)
    assert head["format"] == "kinetoken-robot"
    assert head["note"] == CAUTION
    assert head["joints"] == list(robot_named("h1").joint_names)
    assert pose.robot is not None
    np.testing.assert_allclose(frame["angles"], pose.robot.angles, atol=1e-6)
    np.testing.assert_allclose(frame["root"], pose.robot.root, atol=1e-5)
    assert np.linalg.norm(frame["quaternion"]) == pytest.approx(1.0, abs=1e-5)
    assert end == {"end": True, "frames": 1}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["generate", "a person waves", "--robot", "g1"], "give one of them"),
        (["generate", "a person waves", "--robot", "r2", "--stdout"], "expected g1 or h1"),
    ],
)
def test_a_robot_that_nobody_reads_is_refused(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == InputError.exit_code
    assert expected in capsys.readouterr().err


def test_the_page_gets_the_capsules_behind_each_frame(joints: np.ndarray) -> None:
    pytest.importorskip("websockets", reason="needs websockets, in kinetoken[live]")
    page, timeline = RobotOnPage("g1"), Timeline(20.0, robot="g1")
    timeline.push(joints)
    pose = timeline.pose()
    assert pose is not None
    frame, robot = LiveFrame(0, pose), robot_named("g1")
    header = page.added_to(stream_header(LiveSettings()))
    whole = frame.to_bytes() + page.to_bytes(frame)
    assert len(whole) == header["frame_bytes"] == 632 + 24 * len(robot.shape)
    assert len(header["robot"]["radii"]) == len(header["robot"]["sides"]) == len(robot.shape)
    ends = np.frombuffer(whole[632:], "<f4").reshape(-1, 2, 3)
    assert np.abs(ends[..., 0].mean() - pose.joints[:, 0].mean() - BESIDE[0]) < 0.1
    assert 0.0 < ends[..., 1].min() < 0.1
    assert 1.4 < ends[..., 1].max() < 1.9
