"""Avatars by VMC, heard by python-osc's own server; and where live motion may be sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import numpy as np
import pytest

from kinetoken.base.errors import InputError
from kinetoken.live.avatar_rotations import RigRun, rest_offsets
from kinetoken.live.settings import LiveSettings, NetworkAddress, vmc_address
from kinetoken.live.target import LiveFrame
from kinetoken.live.timeline import TimedPose
from kinetoken.motion.rotations import RestPose, forward_kinematics
from kinetoken.motion.skeleton import JOINT, N_JOINTS, PARENTS
from osc_receiver import OscReceiver
from synthetic_motion import walking
from synthetic_rig import matrices, rigid

pytest.importorskip("pythonosc", reason="python-osc is not installed: pip install '.[live]'")
from kinetoken.live.osc.vmc import BONES, VmcTarget

HUMANOID = {
    "Hips", "Spine", "Chest", "UpperChest", "Neck", "Head",
    *(side + bone for side in ("Left", "Right") for bone in (
        "Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes")),
}  # fmt: skip


@pytest.fixture
def receiver() -> Iterator[OscReceiver]:
    made = OscReceiver()
    yield made
    made.close()


def frame(joints: np.ndarray, time: float = 0.5) -> LiveFrame:
    return LiveFrame(3, TimedPose(time, joints.astype(np.float64), RigRun().push(joints[None])[0]))


def places(messages: list[tuple[str, list[object]]]) -> np.ndarray:
    """Joint positions (22, 3) of an avatar that a receiver in Unity moves as the bundle says, back in our axes."""
    flip, turn = np.array([-1.0, 1.0, 1.0]), np.array([1.0, -1.0, -1.0, 1.0])
    bones = {
        str(v[0]): np.array(v[1:], np.float64) for a, v in messages if a == "/VMC/Ext/Bone/Pos"
    }
    (root,) = [np.array(v[1:], np.float64) for a, v in messages if a == "/VMC/Ext/Root/Pos"]
    local = {
        JOINT[name]: (bones[b][:3] * flip, matrices(bones[b][3:] * turn))
        for name, b in BONES.items()
    }
    points, world = np.zeros((N_JOINTS, 3)), np.zeros((N_JOINTS, 3, 3))
    for joint, parent in enumerate(PARENTS):
        offset, rotation = local[joint]
        above = np.eye(3) if parent < 0 else world[parent]
        points[joint] = (root[:3] * flip if parent < 0 else points[parent]) + above @ offset
        world[joint] = above @ rotation
    return points


def test_a_real_receiver_hears_one_bundle_a_frame(receiver: OscReceiver) -> None:
    target = VmcTarget(LiveSettings(vmc=NetworkAddress("127.0.0.1", receiver.port)))
    target.send(frame(walking(3)[2]))
    messages = receiver.bundle()
    target.close()
    assert [address for address, _ in messages[:3]] == [
        "/VMC/Ext/OK",
        "/VMC/Ext/T",
        "/VMC/Ext/Root/Pos",
    ]
    assert messages[0][1] == [1]
    assert messages[1][1] == [0.5]
    assert messages[2][1][0] == "root"
    assert {str(values[0]) for address, values in messages[3:]} == HUMANOID == set(BONES.values())
    assert {address for address, _ in messages[3:]} == {"/VMC/Ext/Bone/Pos"}
    assert all(len(values) == 8 for _, values in messages[2:])


def test_the_avatar_stands_where_the_body_stands(receiver: OscReceiver) -> None:
    joints = rigid(20)[-1]
    target = VmcTarget(LiveSettings(vmc=NetworkAddress("127.0.0.1", receiver.port)))
    target.send(frame(joints))
    np.testing.assert_allclose(places(receiver.bundle()), joints, atol=1e-5)
    target.close()


def test_the_t_pose_has_no_rotation_and_left_is_left(receiver: OscReceiver) -> None:
    rest = RestPose.standard()
    hips = np.array([[0.0, rest_offsets()[0, 1], 0.0]])
    joints = forward_kinematics(hips, np.broadcast_to(np.eye(3), (1, N_JOINTS, 3, 3)), rest)[0]
    target = VmcTarget(LiveSettings(vmc=NetworkAddress("127.0.0.1", receiver.port)))
    target.send(frame(joints))
    messages = receiver.bundle()
    target.close()
    np.testing.assert_allclose(messages[2][1][1:], [0, 0, 0, 0, 0, 0, 1], atol=1e-6)
    bones = {str(values[0]): values[1:] for _, values in messages[3:]}
    for values in bones.values():
        np.testing.assert_allclose(values[3:], [0, 0, 0, 1], atol=1e-6)
    assert (
        bones["LeftUpperLeg"][0] < 0 < bones["RightUpperLeg"][0]
    )  # Unity's X points right for who looks along +Z


def test_a_raised_arm_turns_the_upper_arm_alone(receiver: OscReceiver) -> None:
    rotations = np.broadcast_to(np.eye(3), (1, N_JOINTS, 3, 3)).copy()
    quarter = np.array(
        [0.0, 0.0, np.sin(np.pi / 4), np.cos(np.pi / 4)]
    )  # about +Z, from the side (+X) upward
    rotations[0, JOINT["left_shoulder"]] = matrices(quarter)
    joints = forward_kinematics(np.zeros((1, 3)), rotations, RestPose.standard())[0]
    target = VmcTarget(LiveSettings(vmc=NetworkAddress("127.0.0.1", receiver.port)))
    target.send(frame(joints))
    bones = {str(v[0]): np.array(v[4:]) for a, v in receiver.bundle() if a == "/VMC/Ext/Bone/Pos"}
    target.close()
    turned = [name for name, q in bones.items() if abs(q[3]) < 0.999]
    assert turned == ["LeftUpperArm"]
    # The bone in T-pose is not quite level and the twist is free, so a few hundredths are left.
    np.testing.assert_allclose(bones["LeftUpperArm"], quarter * [1, -1, -1, 1], atol=0.1)


def test_the_root_moves_by_the_hip_height_of_the_avatar(receiver: OscReceiver) -> None:
    ours = float(rest_offsets()[0, 1])
    joints = rigid(20)[-1]
    target = VmcTarget(
        LiveSettings(vmc=NetworkAddress("127.0.0.1", receiver.port), hip_height=ours / 2)
    )
    target.send(frame(joints))
    messages = receiver.bundle()
    target.close()
    np.testing.assert_allclose(places(messages), joints / 2, atol=1e-5)


def test_nobody_listening_is_no_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    target = VmcTarget(LiveSettings(vmc=NetworkAddress("127.0.0.1", port)))
    for _ in range(3):
        target.send(frame(walking(1)[0]))
    target.close()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("", "127.0.0.1", 39539), ("10.0.0.7", "10.0.0.7", 39539), (":4000", "127.0.0.1", 4000),
        ("studio.local:39540", "studio.local", 39540), ("[::1]:5", "::1", 5), ("::1", "::1", 39539),
        ("[fe80::1%eth0]", "fe80::1%eth0", 39539),
    ],
)  # fmt: skip
def test_addresses(text: str, host: str, port: int) -> None:
    assert vmc_address(text) == NetworkAddress(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "a:b",
        "host:0",
        "host:65536",
        "host:-1",
        "[::1]x",
        "[::1",
        "host:",
        "a person walks",
        "http://x:80/",
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="--vmc") as caught:
        vmc_address(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ws": -1}, "port"), ({"ws": 65536}, "port"), ({"host": "0.0.0.0"}, "--ws"), ({"rate": 0.0}, "--rate"),
        ({"rate": float("nan")}, "--rate"), ({"hip_height": 1.0}, "--vmc"),
        ({"hip_height": 0.0, "vmc": NetworkAddress("127.0.0.1", 1)}, "metres"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        LiveSettings(**given)  # type: ignore[arg-type]


def test_a_host_that_nobody_knows() -> None:
    with pytest.raises(InputError, match=r"cannot find the host 'no-such-host\.invalid'"):
        VmcTarget(LiveSettings(vmc=NetworkAddress("no-such-host.invalid", 39539)))
