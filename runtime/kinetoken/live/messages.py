"""What passes between the process that makes motion and the one that sends it."""

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
    """Of the generator, 0 where unknown."""


@dataclass(frozen=True)
class Words:
    """Part of the thought."""

    text: str


@dataclass(frozen=True)
class Asked:
    """What is answered from here on; the thought begins again."""

    prompt: str
    seed: int | None = None


@dataclass(frozen=True)
class Shown:
    """One pose to be sent as it is: another clock, a window's, decides what is seen."""

    joints: NDArray[np.float32]
    """(22, 3) metres."""
    time: float
    """Seconds into the motion."""
    waiting: bool = False
    """Whether it holds still, or idles, because the generator has not come so far."""


@dataclass(frozen=True)
class Finish:
    """No more will come."""


@dataclass(frozen=True)
class Begin:
    """Another answer of an endless motion: what was not shown of the one before is forgotten."""

    expected: float = 0.0
    """Seconds of it to come, where it is known."""


@dataclass(frozen=True)
class End:
    """All frames of the answer have been sent."""


Order = Motion | Words | Asked | Shown | Finish | Begin | End


@dataclass(frozen=True)
class Ready:
    """Every way out is open."""

    notes: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """A way out cannot be opened: one line."""

    reason: str
    exit_code: int


@dataclass(frozen=True)
class Gone:
    """A way out has closed, the others go on."""

    reason: str
    exit_code: int


@dataclass(frozen=True)
class Report:
    """The last message: how it went."""

    frames: int = 0
    """Frames that were sent."""
    holds: int = 0
    """How often the motion rested because the generator had not come so far."""
    late: float = 0.0
    """Median, seconds after their moment that frames left."""
    late_most: float = 0.0
    """The 99th percentile of the same."""


@dataclass(frozen=True)
class Rested:
    """So many answers of an endless motion are over and shown."""

    answers: int


News = Ready | Refused | Gone | Report | Rested
