"""VRChat's OSC trackers, heard by python-osc's own server; angles as three.js and Unity's manual have them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kinetoken import Clip
from kinetoken.live.avatar_rotations import RigRun, rest_offsets
from kinetoken.live.browser.page_files import PAGE_FOLDER
from kinetoken.live.settings import LiveSettings, NetworkAddress, vrchat_address
from kinetoken.live.target import LiveFrame
from kinetoken.live.timeline import TimedPose
from kinetoken.motion.rotations import RestPose, forward_kinematics
from kinetoken.motion.skeleton import JOINT, N_JOINTS
from osc_receiver import OscReceiver
from synthetic_motion import walking
from synthetic_rig import matrices

pytest.importorskip("pythonosc", reason="python-osc is not installed: pip install '.[live]'")
from kinetoken.live.osc.vrchat import VrchatTarget, unity_angles

ADDRESSES = {
    f"/tracking/trackers/{name}/{what}"
    for name in (*"12345678", "head")
    for what in ("position", "rotation")
}
"""All that docs.vrchat.com/docs/osc-trackers lists."""
FEET, KNEES = ("3", "4"), ("5", "6")


@pytest.fixture
def receiver() -> Iterator[OscReceiver]:
    made = OscReceiver()
    yield made
    made.close()


def settings(receiver: OscReceiver, hip_height: float | None = None) -> LiveSettings:
    address = NetworkAddress("127.0.0.1", receiver.port)
    return LiveSettings(vrchat=address, hip_height=hip_height)


def heard(
    receiver: OscReceiver, joints: np.ndarray, hip_height: float | None = None
) -> dict[str, np.ndarray]:
    """What arrives of one pose (22, 3): "1/position" to (3,)."""
    target = VrchatTarget(settings(receiver, hip_height))
    turns = RigRun().push(joints[None])[0]
    target.send(LiveFrame(0, TimedPose(0.0, joints.astype(np.float64), turns)))
    messages = receiver.bundle()
    target.close()
    assert [address for address, _ in messages if address not in ADDRESSES] == []
    return {
        address.removeprefix("/tracking/trackers/"): np.array(values, np.float64)
        for address, values in messages
    }


def posed(**turned: np.ndarray) -> np.ndarray:
    """The T-pose (22, 3), hips at their height, and rotations (3, 3) of some joints to their parents."""
    local = np.broadcast_to(np.eye(3), (1, N_JOINTS, 3, 3)).copy()
    for name, rotation in turned.items():
        local[0, JOINT[name]] = rotation
    hips = np.array([[0.0, rest_offsets()[0, 1], 0.0]])
    return np.asarray(forward_kinematics(hips, local, RestPose.standard())[0])


def about(axis: int, degrees: float) -> np.ndarray:
    """A right-handed rotation (3, 3) about one of our axes."""
    quaternion = np.zeros(4)
    quaternion[axis], quaternion[3] = (
        np.sin(np.radians(degrees) / 2),
        np.cos(np.radians(degrees) / 2),
    )
    return np.asarray(matrices(quaternion))


def test_eight_trackers_and_the_head_stand_where_the_body_is(receiver: OscReceiver) -> None:
    joints = walking(5)[-1]
    found = heard(receiver, joints)
    assert {f"/tracking/trackers/{name}" for name in found} == ADDRESSES
    assert all(len(values) == 3 for values in found.values())
    np.testing.assert_allclose(
        found["head/position"], joints[JOINT["head"]] * [-1.0, 1.0, 1.0], atol=1e-6
    )
    heights = {name: found[f"{name}/position"][1] for name in (*"12345678", "head")}
    assert set(sorted(heights, key=heights.__getitem__)[:2]) == set(FEET)
    assert set(sorted(heights, key=heights.__getitem__)[2:4]) == set(KNEES)
    assert max(heights, key=heights.__getitem__) == "head"


def test_the_t_pose_has_no_angles_and_left_is_left(receiver: OscReceiver) -> None:
    found = heard(receiver, posed())
    for name, values in found.items():
        if name.endswith("rotation"):
            np.testing.assert_allclose(values, 0.0, atol=1e-3)
    for left, right in (("3", "4"), ("5", "6"), ("7", "8")):
        assert found[f"{left}/position"][0] < 0 < found[f"{right}/position"][0]  # +X is the right


def test_turning_left_is_a_negative_heading_and_bowing_a_positive_pitch(
    receiver: OscReceiver,
) -> None:
    """In Unity, which is left-handed, a positive Y turns to the right and a positive X looks down."""
    found = heard(receiver, posed(pelvis=about(1, 40.0)))
    for name in (*"12345678", "head"):
        np.testing.assert_allclose(found[f"{name}/rotation"], [0.0, -40.0, 0.0], atol=1e-3)
    found = heard(receiver, posed(spine3=about(0, 50.0)))
    np.testing.assert_allclose(found["1/rotation"], 0.0, atol=1e-3)
    np.testing.assert_allclose(found["2/rotation"], [50.0, 0.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(found["head/rotation"], [50.0, 0.0, 0.0], atol=1e-3)


def test_a_lifted_knee_turns_the_tracker_on_the_thigh(receiver: OscReceiver) -> None:
    found = heard(receiver, posed(left_hip=about(0, -60.0)))
    assert found["5/rotation"][0] == pytest.approx(-60.0, abs=4.0)  # the bone is not quite level
    np.testing.assert_allclose(found["6/rotation"], 0.0, atol=1e-3)
    assert found["5/position"][2] > 0.2


def test_another_height_scales_the_places_not_the_angles(receiver: OscReceiver) -> None:
    joints = walking(5)[-1]
    first = heard(receiver, joints)
    half = heard(receiver, joints, float(rest_offsets()[0, 1]) / 2)
    for name, values in first.items():
        scale = 0.5 if name.endswith("position") else 1.0
        np.testing.assert_allclose(half[name], values * scale, atol=1e-4)


def turned_by_three_js(angles: np.ndarray) -> np.ndarray:
    """Rotations (n, 3, 3) of angles (n, 3) in degrees: Z, then X, then Y, which three.js calls YXZ."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    (three,) = PAGE_FOLDER.rglob("three.module.min.js")
    code = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ Euler, Quaternion, MathUtils }} from "file://{three}";
        const turn = (angles) => new Quaternion().setFromEuler(
            new Euler(...angles.map(MathUtils.degToRad), "YXZ")).toArray();
        console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(turn)));
    """
    done = subprocess.run(
        [node, "--input-type=module", "-e", code],
        input=json.dumps(angles.tolist()), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return np.asarray(matrices(np.array(json.loads(done.stdout))))


def test_angles_are_those_of_three_js() -> None:
    draw = np.random.default_rng(3)
    angles = draw.uniform([-90, -180, -180], [90, 180, 180], (200, 3))
    angles[:3, 0] = 90.0, -90.0, 89.9999
    rotations = turned_by_three_js(angles)
    found = unity_angles(rotations)
    np.testing.assert_allclose(found[3:], angles[3:], atol=1e-5)
    np.testing.assert_allclose(found[:2, 2], 0.0)
    np.testing.assert_allclose(turned_by_three_js(found), rotations, atol=1e-5)


def test_the_command_sends_to_another_process(tmp_path: Path, receiver: OscReceiver) -> None:
    path = tmp_path / "walk.npz"
    clip = Clip(walking(8))
    clip.save(path)
    command = ("play", path, "--headless", "--once", "--no-foot-lock", "--vrchat")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-m", "kinetoken", *map(str, command), f"127.0.0.1:{receiver.port}"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        bundles = []
        while process.poll() is None or not bundles:
            if bundle := receiver.bundle():
                bundles.append(dict(bundle))
        assert process.stderr is not None
        error = process.stderr.read()
    assert process.returncode == 0, error
    assert f"VRChat trackers to 127.0.0.1:{receiver.port}" in error
    assert all(set(bundle) == ADDRESSES for bundle in bundles)
    hips = bundles[-1]["/tracking/trackers/1/position"]
    np.testing.assert_allclose(hips, clip.joints[-1, 0] * [-1, 1, 1], atol=1e-3)


def test_addresses() -> None:
    assert str(vrchat_address("")) == "127.0.0.1:9000"
    assert str(vrchat_address("quest.local")) == "quest.local:9000"
