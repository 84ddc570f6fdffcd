"""What every way out has in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from ..motion.skeleton import JOINT_NAMES, N_JOINTS, PARENTS
from .rig import rest_offsets
from .settings import LiveSettings
from .timeline import Pose

FORMAT: Final = "kinetoken-live"
VERSION: Final = 1
HEAD: Final = np.dtype([("index", "<u4"), ("flags", "<u4"), ("time", "<f8")])
FRAME: Final = np.dtype(
    [*HEAD.descr, ("joints", "<f4", (N_JOINTS, 3)), ("rotations", "<f4", (N_JOINTS, 4))]
)
WAITING: Final = 1  # a flag: the generator has not come so far, the pose holds still


class LostError(Exception):
    """A way out that can be used no more; one line, and the exit code that it means."""

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Frame:
    """One moment to be sent."""

    index: int
    """Counts the frames sent, from 0, whatever the motion does."""
    pose: Pose
    waiting: bool = False

    def to_bytes(self) -> bytes:
        """The 632 bytes of a binary frame, as docs/live.md has them."""
        row = np.zeros((), FRAME)
        row["index"], row["flags"], row["time"] = self.index, WAITING * self.waiting, self.pose.time
        row["joints"], row["rotations"] = self.pose.joints, self.pose.rotations
        return row.tobytes()

    def to_json(self) -> str:
        """The same as a line of JSON, to a hundredth of a millimetre."""
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


class Target(Protocol):
    """A way out. Nothing here may wait for whoever listens."""

    @property
    def note(self) -> str:
        """One line for the user: where it goes."""
        ...

    def send(self, frame: Frame) -> None:
        """One frame leaves now; LostError where nothing will leave any more."""
        ...

    def ask(self, prompt: str, seed: int | None) -> None:
        """What is answered from here on; the thought begins again."""
        ...

    def say(self, text: str) -> None:
        """Words of the thought."""
        ...

    def close(self) -> None:
        """The end: what is still under way is delivered, within a second."""
        ...


def asked(prompt: str, seed: int | None) -> dict[str, str]:
    """What is said of an answer: its prompt, and its seed where there is one, as text, since JSON's readers round it."""
    return {"prompt": prompt, **({} if seed is None else {"seed": str(seed)})}


def header(settings: LiveSettings) -> dict[str, Any]:
    """What a reader needs to know before the first frame."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "rate": settings.rate,
        "fps": settings.fps,
        "joints": list(JOINT_NAMES),
        "parents": list(PARENTS),
        "rest": np.round(rest_offsets(), 6).tolist(),
        "frame_bytes": FRAME.itemsize,
        **settings.facts,
    }
