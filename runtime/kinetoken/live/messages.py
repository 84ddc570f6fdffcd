"""Messages between the process that makes motion and the one that sends it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Motion:
    """Final frames, in order."""

    joints: NDArray[np.float32]
    """(n, 22, 3) metres."""
    rtf: float = 0.0
    """Real-time factor of the generator, 0 if unknown."""


@dataclass(frozen=True)
class ThoughtText:
    """A part of the thought."""

    text: str


@dataclass(frozen=True)
class NewPrompt:
    """The prompt that is answered from here on; the thought begins again."""

    prompt: str
    seed: int | None = None


@dataclass(frozen=True)
class WindowPose:
    """A pose to send as it is: the clock of a window decides what is shown."""

    joints: NDArray[np.float32]
    """(22, 3) metres."""
    time: float
    """Seconds into the motion."""
    waiting: bool = False
    """True while the pose holds still, or idles, because the generator is behind."""


@dataclass(frozen=True)
class Finish:
    """The end of all motion."""


@dataclass(frozen=True)
class AnswerBegins:
    """The begin of another answer of endless motion.

    What was not shown of the last is forgotten.
    """

    expected: float = 0.0
    """Its length in seconds, if known."""


@dataclass(frozen=True)
class AnswerEnds:
    """The end of an answer of endless motion: all its frames have been sent."""


SenderOrder = Motion | ThoughtText | NewPrompt | WindowPose | Finish | AnswerBegins | AnswerEnds


@dataclass(frozen=True)
class TargetsOpen:
    """All targets are open."""

    notes: tuple[str, ...]


@dataclass(frozen=True)
class TargetsRefused:
    """A target cannot be opened: one line why."""

    reason: str
    exit_code: int


@dataclass(frozen=True)
class TargetLost:
    """A target has failed; the others go on."""

    reason: str
    exit_code: int


@dataclass(frozen=True)
class SenderReport:
    """The last message: statistics of the whole."""

    frames: int = 0
    """Number of frames sent."""
    holds: int = 0
    """Number of times that the motion held still because the generator was behind."""
    late: float = 0.0
    """Median lateness of the frames, seconds."""
    late_most: float = 0.0
    """Its 99th percentile."""


@dataclass(frozen=True)
class AnswersShown:
    """The number of answers of endless motion that are over and shown."""

    answers: int


SenderNews = TargetsOpen | TargetsRefused | TargetLost | SenderReport | AnswersShown
