"""Messages between the process that makes motion and the one that sends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Motion:
    """Final frames, in order."""

    joints: NDArray[np.float32]
    """(n, 22, 3) metres."""
    rtf: float = 0.0
    """Real-time factor of the generator, 0 if unknown."""
    person: int = 0
    """Number of the person that moves, of several endless ones."""


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
    person: int = 0


@dataclass(frozen=True)
class AnswerEnds:
    """The end of an answer of endless motion: all its frames have been sent."""

    person: int = 0


@dataclass(frozen=True)
class PeopleNumber:
    """The number of endless bodies from here on; the last ones come and go."""

    number: int


@dataclass(frozen=True)
class PageNews:
    """JSON for the pages that take prompts."""

    news: dict[str, Any] | None = None
    """A message to send now, to all pages."""
    lasting: dict[str, Any] = field(default_factory=dict)
    """Keys of the header of pages that come later."""
    client: int | None = None
    """The one page that the message is for."""


@dataclass(frozen=True)
class PageFile:
    """The answer to `FileAsked`."""

    number: int
    body: bytes | None
    """None: there is no such file."""
    name: str = ""
    """Name to save it under, ASCII."""


SenderOrder = (
    Motion
    | ThoughtText
    | NewPrompt
    | WindowPose
    | Finish
    | AnswerBegins
    | AnswerEnds
    | PeopleNumber
    | PageNews
    | PageFile
)


@dataclass(frozen=True)
class TargetsOpen:
    """All targets are open."""

    notes: tuple[str, ...]
    page: str = ""
    """URL of the page, if there is one."""


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
    """The number of answers of endless motion that are over and shown, of each person."""

    answers: tuple[int, ...]


@dataclass(frozen=True)
class PageAsked:
    """A message of a page that takes prompts, as it came."""

    client: int
    text: str


@dataclass(frozen=True)
class FileAsked:
    """The request of a file that only the generator's process can make."""

    number: int
    name: str
    """Such as "clips/3.glb"."""


PageRequest = PageAsked | FileAsked
SenderNews = (
    TargetsOpen | TargetsRefused | TargetLost | SenderReport | AnswersShown | PageAsked | FileAsked
)
