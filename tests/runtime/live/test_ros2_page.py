"""The node of docs/ros2.md: fed by kinetoken itself, with messages that take only the fields and types of their definitions."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from kinetoken import Clip
from kinetoken.robots.robot_model import robot_named
from synthetic_motion import walking

PAGE = Path(__file__).parents[3] / "docs" / "ros2.md"
DEFINITIONS = {
    "Time": "int sec\nint nanosec",
    "Header": "Time stamp\nstr frame_id",
    "JointState": "Header header\nstr[] name\nfloat[] position\nfloat[] velocity\nfloat[] effort",
    "Vector3": "float x\nfloat y\nfloat z",
    "Quaternion": "float x\nfloat y\nfloat z\nfloat w",
    "Transform": "Vector3 translation\nQuaternion rotation",
    "TransformStamped": "Header header\nstr child_frame_id\nTransform transform",
}
"""Fields of the .msg files in builtin_interfaces, std_msgs, sensor_msgs and geometry_msgs, with Python's types."""
PLAIN: dict[str, type] = {"int": int, "str": str, "float": float}


class Message:
    """As rclpy's: every field is there from the start, no other can be set, and types are checked."""

    fields: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        for name, kind in self.fields.items():
            made = (
                [] if kind.endswith("[]") else PLAIN[kind]() if kind in PLAIN else MESSAGES[kind]()
            )
            object.__setattr__(self, name, made)

    def __setattr__(self, name: str, value: Any) -> None:
        kind = self.fields[name]
        values = value if kind.endswith("[]") else [value]
        wanted = PLAIN.get(kind.removesuffix("[]")) or MESSAGES[kind]
        assert all(isinstance(one, wanted) for one in values), f"{name} must be {kind}"
        object.__setattr__(self, name, value)


def _message(name: str) -> type[Message]:
    pairs = (line.split() for line in DEFINITIONS[name].splitlines())
    return type(name, (Message,), {"fields": {field: kind for kind, field in pairs}})


MESSAGES = {name: _message(name) for name in DEFINITIONS}


class Node:
    """rclpy's node, as far as the recipe uses it."""

    made: ClassVar[list[Node]] = []

    def __init__(self, name: str, *, namespace: str = "") -> None:
        self.name, self.sent = f"/{namespace}/{name}", list[tuple[str, Any]]()
        Node.made.append(self)

    def create_publisher(self, kind: type, topic: str, depth: int) -> Any:
        assert kind is MESSAGES["JointState"]
        return self._sender("publish", topic)

    def _sender(self, method: str, topic: str) -> Any:
        sender = ModuleType(topic)
        setattr(sender, method, lambda message: self.sent.append((topic, message)))
        return sender

    def get_clock(self) -> Any:
        clock = ModuleType("clock")
        clock.now = lambda: clock  # type: ignore[attr-defined]
        clock.to_msg = MESSAGES["Time"]  # type: ignore[attr-defined]
        return clock

    def destroy_node(self) -> None:
        self.sent.append(("destroyed", None))


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for rclpy, tf2_ros and the message packages."""
    parts = {
        "rclpy": {"init": lambda: None, "try_shutdown": lambda: None},
        "rclpy.node": {"Node": Node},
        "sensor_msgs.msg": {"JointState": MESSAGES["JointState"]},
        "geometry_msgs.msg": {"TransformStamped": MESSAGES["TransformStamped"]},
        "tf2_ros": {"TransformBroadcaster": lambda node: node._sender("sendTransform", "tf")},
    }
    for name, contents in parts.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setitem(
            sys.modules, name.split(".")[0], sys.modules.get(name.split(".")[0], module)
        )
    Node.made.clear()


def node_source() -> str:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(block)


def run_node(monkeypatch: pytest.MonkeyPatch, text: str) -> list[tuple[str, Any]]:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    exec(compile(node_source(), "ros2.md", "exec"), {"__name__": "__main__"})
    (node,) = Node.made
    assert node.name == "/reference/kinetoken"
    return node.sent


def stream(tmp_path: Path, *words: str) -> str:
    path = tmp_path / "walk.npz"
    Clip(walking(10), prompt="a person walks").save(path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = ("play", str(path), "--headless", "--once", "--stdout", *words)
    done = subprocess.run(
        [sys.executable, "-m", "kinetoken", *command],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("ros")
def test_the_node_publishes_every_frame(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = stream(tmp_path, "--robot", "g1", "--rate", "20")
    frames = [json.loads(line) for line in text.splitlines() if '"angles"' in line]
    sent = run_node(monkeypatch, text)
    assert [topic for topic, _ in sent] == ["joint_states", "tf"] * len(frames) + ["destroyed"]
    states = [message for topic, message in sent if topic == "joint_states"]
    transforms = [message for topic, message in sent if topic == "tf"]
    for frame, state, transform in zip(frames, states, transforms, strict=True):
        assert state.name == list(robot_named("g1").joint_names)
        assert state.position == frame["angles"]
        assert state.velocity == state.effort == []
        assert (transform.header.frame_id, transform.child_frame_id) == (
            "world",
            "reference/pelvis",
        )
        place, turn = transform.transform.translation, transform.transform.rotation
        assert [place.x, place.y, place.z] == frame["root"]
        assert [turn.x, turn.y, turn.z, turn.w] == frame["quaternion"]
        written_by_rosbags(state)


def written_by_rosbags(state: Any) -> None:
    """The message as ROS 2's own bytes and back, where the rosbags package is installed."""
    try:
        from rosbags.typesys import Stores, get_typestore
    except ImportError:
        return
    store = get_typestore(Stores.ROS2_HUMBLE)
    name = "sensor_msgs/msg/JointState"
    header = store.types["std_msgs/msg/Header"](
        store.types["builtin_interfaces/msg/Time"](0, 0), state.header.frame_id
    )
    arrays = (np.array(row, np.float64) for row in (state.position, state.velocity, state.effort))
    message = store.types[name](header, state.name, *arrays)
    again = store.deserialize_cdr(store.serialize_cdr(message, name), name)
    assert again.name == state.name  # type: ignore[attr-defined]
    np.testing.assert_array_equal(again.position, state.position)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("ros")
def test_another_stream_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("", '{"format": "kinetoken-live"}\n'):
        with pytest.raises(SystemExit, match="--robot g1 --stdout"):
            run_node(monkeypatch, text)
    assert Node.made == []


def test_the_stand_ins_refuse_what_rclpy_refuses() -> None:
    state = MESSAGES["JointState"]()
    with pytest.raises(KeyError):
        state.angles = [0.0]
    with pytest.raises(AssertionError, match=r"position must be float\[\]"):
        state.position = [1]


def test_the_definitions_are_those_of_ros() -> None:
    typesys = pytest.importorskip("rosbags.typesys", reason="rosbags is not installed")
    types = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE).types
    packages = {"Time": "builtin_interfaces", "Header": "std_msgs", "JointState": "sensor_msgs"}
    for name, message in MESSAGES.items():
        known = types[f"{packages.get(name, 'geometry_msgs')}/msg/{name}"].__dataclass_fields__
        assert list(message.fields) == [field for field in known if not field.startswith("__")]
