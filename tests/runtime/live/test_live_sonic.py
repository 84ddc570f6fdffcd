"""Joint references for GEAR-SONIC, heard by a receiver in another process that knows only the protocol's text."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kinetoken import Clip
from kinetoken.base.errors import InputError
from kinetoken.cli.main import main
from kinetoken.live.settings import LiveSettings, NetworkAddress, sonic_address
from kinetoken.robots.robot_model import robot_named
from synthetic_motion import walking

pytest.importorskip("zmq", reason="pyzmq is not installed: pip install '.[sonic]'")
from kinetoken.live.sonic import FRAMES_IN_MESSAGE, SonicTarget
from kinetoken.live.target import LostError

RECEIVER = Path(__file__).parents[2] / "support" / "sonic_receiver.py"
ISAAC_LAB = [
    "left_hip_pitch", "right_hip_pitch", "waist_yaw", "left_hip_roll", "right_hip_roll", "waist_roll",
    "left_hip_yaw", "right_hip_yaw", "waist_pitch", "left_knee", "right_knee", "left_shoulder_pitch",
    "right_shoulder_pitch", "left_ankle_pitch", "right_ankle_pitch", "left_shoulder_roll",
    "right_shoulder_roll", "left_ankle_roll", "right_ankle_roll", "left_shoulder_yaw", "right_shoulder_yaw",
    "left_elbow", "right_elbow", "left_wrist_roll", "right_wrist_roll", "left_wrist_pitch", "right_wrist_pitch",
    "left_wrist_yaw", "right_wrist_yaw",
]  # fmt: skip
"""The joints that move the links of G1_ISAACLAB_JOINTS, in gear_sonic/envs/manager_env/robots/g1.py."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_joints_are_in_the_order_of_isaac_lab() -> None:
    robot = robot_named("g1")
    names = [robot.joint_names[joint].removesuffix("_joint") for joint in robot.breadth_first]
    assert names == ISAAC_LAB


@dataclass
class Heard:
    """The frames (n, ...) that a receiver has put together from overlapping messages."""

    angles: NDArray[np.float64]
    speeds: NDArray[np.float64]
    turns: NDArray[np.float64]
    """Quaternions w, x, y, z."""


def received(words: Sequence[object]) -> list[dict[str, Any]]:
    """The messages that a receiver in another process reads while a command runs."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    receiver = subprocess.Popen(
        [sys.executable, str(RECEIVER), str(port)], stdout=subprocess.PIPE, text=True
    )
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "connected\n"
    done = subprocess.run(
        [sys.executable, "-m", "kinetoken", *map(str, words), "--sonic", f"127.0.0.1:{port}"],
        env=environment,
        input="walk\nwalk\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    out, _ = receiver.communicate(timeout=60)
    assert done.returncode == 0, done.stderr
    assert "references for a tracking policy, not commands" in done.stderr
    return [json.loads(line) for line in out.splitlines()]


def put_together(messages: Sequence[dict[str, Any]]) -> Heard:
    """The frames of all messages; none may be missing."""
    keys = ("frame_index", "joint_pos", "joint_vel", "body_quat")
    frames = {
        frame[0]: frame[1:]
        for message in messages
        for frame in zip(*(message[key] for key in keys), strict=True)
    }
    indices = sorted(frames)
    assert indices == list(range(indices[0], indices[-1] + 1))
    return Heard(*(np.array([frames[i][part] for i in indices]) for part in range(3)))


@pytest.mark.parametrize("command", ["play", "chat"])
def test_a_receiver_in_another_process_gets_the_motion_of_the_robot(
    tmp_path: Path, tiny: Path, command: str
) -> None:
    path = tmp_path / "walk.npz"
    clip = Clip(walking(40), prompt="a person walks")
    clip.save(path)
    messages = received(
        {
            "play": ("play", path, "--headless", "--once", "--no-foot-lock"),
            "chat": ("chat", "--headless", "--bundle", tiny, "--seconds", 1, "--max-thought", 3),
        }[command]
    )
    said = {(message["version"], message["count"]) for message in messages}
    assert said == {(1, FRAMES_IN_MESSAGE)}
    assert messages[-1]["resets"] == 1, "the receiver gives up its window again and again"
    heard, robot = put_together(messages), robot_named("g1")
    angles, order = heard.angles, list(robot.breadth_first)
    assert angles.shape == heard.speeds.shape == (len(angles), 29)
    np.testing.assert_allclose(np.linalg.norm(heard.turns, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(heard.speeds[1:], np.diff(angles, axis=0) * 50.0, atol=1e-3)
    assert np.all(np.abs(heard.speeds) <= robot.speeds[order] * 1.001)
    lowest, highest = robot.limits[order].T
    assert np.all((angles >= lowest - 1e-5) & (angles <= highest + 1e-5))
    if command == "play":
        whole = clip.to_robot("g1", 20.0)
        assert len(angles) > 85
        np.testing.assert_allclose(angles[-1], whole.angles[-1][order], atol=1e-5)
        np.testing.assert_allclose(heard.turns[-1], whole.quaternions[-1][[3, 0, 1, 2]], atol=1e-5)


def test_nobody_there_is_one_line_and_no_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, port = tmp_path / "walk.npz", free_port()
    Clip(walking(6)).save(path)
    assert main(["play", str(path), "--headless", "--once", "--sonic", f":{port}"]) == 0
    error = capfd.readouterr().err
    assert error.count("no receiver came to --sonic") == 1
    assert f"--zmq-port {port}" in error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sonic"], "add --headless --once"),
        (["--sonic", "--headless"], "add --headless --once"),
        (["--sonic", "--rate", "60"], "50 frames a second"),
        (["--sonic", "--robot", "h1"], "Unitree G1"),
        (["--sonic", "a:b"], "expected HOST or HOST:PORT"),
        (["--sonic", "8.8.8.8", "--headless", "--once"], "an address of this machine"),
    ],
)
def test_mistakes(
    tmp_path: Path, words: list[str], expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "walk.npz"
    Clip(walking(6)).save(path)
    assert main(["play", str(path), *words]) == InputError.exit_code
    error = capfd.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_a_port_that_is_taken_is_one_line() -> None:
    port = free_port()
    settings = LiveSettings(sonic=NetworkAddress("127.0.0.1", port), rate=50.0)
    first = SonicTarget(settings)
    with pytest.raises(InputError, match="give another port"):
        SonicTarget(settings)
    with pytest.raises(LostError, match="no receiver"):
        first.close()
    with pytest.raises(LostError):
        SonicTarget(settings).close()  # the port is free again


def test_addresses() -> None:
    assert str(sonic_address("")) == "127.0.0.1:5556"
    assert str(sonic_address("[::1]:7")) == "[::1]:7"
