"""Files of robots, and the command that writes them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from batch_runs import Run
from kinetoken.base.errors import InputError
from kinetoken.cli.main import main
from kinetoken.motion.clip import Clip
from kinetoken.robots.robot_files import qpos, robot_motion, write_robot
from kinetoken.robots.robot_model import CAUTION
from kinetoken.robots.robot_rate import robot_at_rate
from kinetoken.robots.robot_run import RobotMotion

WALK = Path(__file__).parents[2] / "viewer" / "references" / "three_walks.npz"


@pytest.fixture(scope="module")
def clip() -> Clip:
    with np.load(WALK) as data:
        return Clip(data[data.files[0]][0, :20].astype(np.float32))


@pytest.fixture(scope="module")
def motion(clip: Clip) -> RobotMotion:
    return robot_motion(clip, "g1", 30.0)


def test_a_clip_gives_its_robot(clip: Clip, motion: RobotMotion) -> None:
    np.testing.assert_array_equal(clip.to_robot("g1", 30.0).angles, motion.angles)
    assert clip.to_robot("h1").fps == clip.fps
    with pytest.raises(InputError, match="expected g1 or h1"):
        clip.to_robot("r2")


def test_csv_is_unitrees(motion: RobotMotion, tmp_path: Path) -> None:
    write_robot(motion, tmp_path / "walk.csv")
    rows = np.loadtxt(tmp_path / "walk.csv", delimiter=",")
    assert rows.shape == (len(motion), 3 + 4 + 29)
    np.testing.assert_allclose(rows[:, :3], motion.root, atol=1e-6)
    np.testing.assert_allclose(rows[:, 3:7], motion.quaternions, atol=1e-6)
    np.testing.assert_allclose(rows[:, 7:], motion.angles, atol=1e-6)


def test_npz_is_mujocos(motion: RobotMotion, tmp_path: Path) -> None:
    write_robot(motion, tmp_path / "walk.npz")
    with np.load(tmp_path / "walk.npz") as data:
        np.testing.assert_array_equal(data["qpos"], qpos(motion))
        assert tuple(data["joint_names"]) == motion.robot.joint_names
        assert float(data["fps"]) == 30.0
        assert str(data["note"]) == CAUTION
        np.testing.assert_array_equal(data["qpos"][:, 3], motion.quaternions[:, 3])


def test_pkl_is_gmrs(motion: RobotMotion, tmp_path: Path) -> None:
    write_robot(motion, tmp_path / "walk.pkl")
    data = pickle.loads((tmp_path / "walk.pkl").read_bytes())
    assert data["fps"] == 30.0
    assert data["root_pos"].shape == (len(motion), 3)
    np.testing.assert_array_equal(data["root_rot"], motion.quaternions)
    np.testing.assert_array_equal(data["dof_pos"], motion.angles)


@pytest.mark.parametrize("fps", [20.0, 30.0, 50.0, 7.0])
def test_another_rate_keeps_limits_and_speed(clip: Clip, fps: float) -> None:
    own = robot_motion(clip, "g1")
    other = robot_at_rate(own, fps)
    assert len(other) == int((len(clip) - 1) / 20.0 * fps + 1e-9) + 1
    steps = np.abs(np.diff(other.angles, axis=0)) * fps
    assert np.all(steps <= np.abs(np.diff(own.angles, axis=0)).max(axis=0) * 20.0 * (1 + 1e-9))
    np.testing.assert_allclose(np.linalg.norm(other.quaternions, axis=1), 1.0)
    if fps == 20.0:
        np.testing.assert_allclose(other.angles, own.angles)


def test_the_command_converts(
    clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip.save(tmp_path / "in.npz")
    words = ["convert", str(tmp_path / "in.npz"), str(tmp_path / "out.csv"), "--robot", "g1"]
    assert main([*words, "--rate", "50"]) == 0
    said = capsys.readouterr()
    assert "48 frames of Unitree G1, 29 joints, rev 1.0, 50 fps" in said.out
    assert "not commands" in said.err
    assert len(np.loadtxt(tmp_path / "out.csv", delimiter=",")) == 48


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["out.bvh", "--robot", "g1"], "expected .csv, .npz or .pkl"),
        (["out.csv", "--robot", "atlas"], "expected g1 or h1, got 'atlas'"),
        (["out.csv", "--robot", "g1", "--rate", "0"], "expected 1 to 1000, got 0"),
        (["out.npz", "--rate", "50"], "give --robot too"),
        (["out.csv", "--robot", "g1", "--fps", "50"], "give --rate"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "in.npz", *words]) == InputError.exit_code
    assert expected in capsys.readouterr().err


def test_a_prompt_becomes_a_robot_s_file_as_a_clip_does(run: Run, tmp_path: Path) -> None:
    brief = ("generate", "walk", "--seconds", "0.6", "--max-thought", "2", "--seed", "1")
    csv, clip, again = (tmp_path / name for name in ("a.csv", "a.npz", "b.csv"))
    code, _, err = run(*brief, "-o", csv, "--robot", "g1")
    assert code == 0
    assert "not commands" in err
    assert run(*brief, "-o", clip)[0] == 0
    assert run("convert", clip, again, "--robot", "g1")[0] == 0
    assert csv.read_bytes() == again.read_bytes()
    assert run(*brief, "-o", csv, "--robot", "g1", "--rate", 50)[0] == 0
    assert len(csv.read_text().splitlines()) > len(again.read_text().splitlines())
    assert "say which: --robot g1 or h1" in run(*brief, "-o", csv)[2]
    assert "-o OUT.csv" in run(*brief, "-o", clip, "--robot", "g1")[2]
