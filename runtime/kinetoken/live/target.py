"""Targets of live output: their protocol, and the frame that they send."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from ..motion.skeleton import JOINT_NAMES, N_JOINTS, PARENTS
from ..robots.robot_model import CAUTION, robot_named
from .avatar_rotations import rest_offsets
from .messages import PageFile, PageNews, PageRequest
from .settings import LiveSettings
from .timeline import TimedPose

STREAM_FORMAT: Final = "kinetoken-live"
ROBOT_FORMAT: Final = "kinetoken-robot"
STREAM_VERSION: Final = 1
_HEAD: Final = np.dtype([("index", "<u4"), ("flags", "<u4"), ("time", "<f8")])
FRAME_DTYPE: Final = np.dtype(
    [*_HEAD.descr, ("joints", "<f4", (N_JOINTS, 3)), ("rotations", "<f4", (N_JOINTS, 4))]
)
_WAITING_FLAG: Final = 1  # flag: the pose holds still because the generator is behind


class LostError(Exception):
    """A target can be used no more; one line why, and an exit code."""

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


@dataclass(frozen=True)
class LiveFrame:
    """One frame to send."""

    index: int
    """Number of frames sent before it, whatever the motion does."""
    pose: TimedPose
    waiting: bool = False
    periods: int = 1
    """Periods of the clock by which the motion went on since the last frame; late ones count."""
    others: tuple[TimedPose, ...] = ()
    """Everybody but the first of several people."""

    def to_bytes(self) -> bytes:
        """The 632 bytes of a binary frame, see docs/live.md."""
        row = np.zeros((), FRAME_DTYPE)
        row["index"], row["flags"], row["time"] = (
            self.index,
            _WAITING_FLAG * self.waiting,
            self.pose.time,
        )
        row["joints"], row["rotations"] = self.pose.joints, self.pose.rotations
        return row.tobytes()

    def others_to_bytes(self) -> bytes:
        """The 616 bytes of each of the others: joints and rotations."""
        packed = np.zeros((len(self.others), N_JOINTS * 7), "<f4")
        for row, pose in zip(packed, self.others, strict=True):
            row[:] = np.concatenate([pose.joints.ravel(), pose.rotations.ravel()])
        return packed.tobytes()

    def to_json(self) -> str:
        """The frame as a line of JSON, to a hundredth of a millimetre."""
        return json.dumps(
            {
                "frame": self.index,
                "time": round(self.pose.time, 4),
                "waiting": self.waiting,
                "joints": np.round(self.pose.joints, 5).tolist(),
                "rotations": np.round(self.pose.rotations, 6).tolist(),
            },
            separators=(",", ":"),
        )


def robot_line(frame: LiveFrame) -> str:
    """The robot of a frame as a line of JSON."""
    robot = frame.pose.robot
    assert robot is not None
    return json.dumps(
        {
            "frame": frame.index,
            "time": round(frame.pose.time, 4),
            "waiting": frame.waiting,
            "root": np.round(robot.root, 5).tolist(),
            "quaternion": np.round(robot.quaternion, 6).tolist(),
            "angles": np.round(robot.angles, 6).tolist(),
        },
        separators=(",", ":"),
    )


class Target(Protocol):
    """A receiver of frames. None of its methods may wait for the reader."""

    @property
    def note(self) -> str:
        """One line for the user: the destination."""
        ...

    def send(self, frame: LiveFrame) -> None:
        """Send a frame now; LostError where nothing can be sent any more."""
        ...

    def ask(self, prompt: str, seed: int | None) -> None:
        """Announce the prompt that is answered from here on; the thought begins again."""
        ...

    def say(self, text: str) -> None:
        """Send text of the thought."""
        ...

    def close(self) -> None:
        """Deliver what is under way, within a second, and close."""
        ...


@runtime_checkable
class PromptTarget(Protocol):
    """A target that takes prompts: the page of `kinetoken web`."""

    url: str
    """Address of the page."""

    def taken(self) -> list[PageRequest]:
        """Requests that have come since the last call."""
        ...

    def tell(self, news: PageNews) -> None:
        """Send JSON to pages, and keep what lasts for those that come later."""
        ...

    def give(self, file: PageFile) -> None:
        """Answer the request of a file."""
        ...


def prompt_facts(prompt: str, seed: int | None) -> dict[str, str]:
    """Prompt and seed of an answer; the seed is text, as readers of JSON round large numbers."""
    return {"prompt": prompt, **({} if seed is None else {"seed": str(seed)})}


def robot_header(settings: LiveSettings) -> dict[str, Any]:
    """The header of a robot's stream, before the first frame."""
    robot = robot_named(settings.robot or "")
    return {
        "format": ROBOT_FORMAT,
        "version": STREAM_VERSION,
        "robot": robot.name,
        "note": CAUTION,
        "rate": settings.rate,
        "fps": settings.fps,
        "joints": list(robot.joint_names),
        **settings.facts,
    }


def stream_header(settings: LiveSettings) -> dict[str, Any]:
    """The header of the stream, before the first frame."""
    return {
        "format": STREAM_FORMAT,
        "version": STREAM_VERSION,
        "rate": settings.rate,
        "fps": settings.fps,
        "joints": list(JOINT_NAMES),
        "parents": list(PARENTS),
        "rest": np.round(rest_offsets(), 6).tolist(),
        "frame_bytes": FRAME_DTYPE.itemsize,
        **settings.facts,
    }
