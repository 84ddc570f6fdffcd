"""Jobs of a batch, each a prompt with its options, and their answers and problems."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ..generation.options import GenerateOptions
from ..motion.clip import Clip


@dataclass(frozen=True)
class Job:
    """One clip to make."""

    line: int
    """Of the prompts file, from 1."""
    name: str
    """Of the clip's file, without suffix; no two jobs have the same."""
    prompt: str
    options: GenerateOptions
    request: str
    """Digest of prompt and options; a seed that was not given is no part of it."""

    @classmethod
    def of(cls, line: int, name: str, prompt: str, options: GenerateOptions) -> Job:
        """A job with the digest of its request."""
        text = json.dumps({"prompt": prompt, **given_options(options)}, sort_keys=True)
        return cls(line, name, prompt, options, hashlib.sha256(text.encode()).hexdigest()[:16])

    def seeded(self, base: int) -> Job:
        """The same job with a seed: its own, or one derived from the batch's seed and its name."""
        if self.options.seed is not None:
            return self
        drawn = hashlib.sha256(f"{base}/{self.name}".encode()).digest()
        return replace(
            self, options=replace(self.options, seed=int.from_bytes(drawn[:4], "big") >> 1)
        )

    def problem(self, reason: object) -> Problem:
        """A record of why there is no clip."""
        return Problem(self.line, str(reason), self.name, self.prompt, self.request)


def given_options(options: GenerateOptions) -> dict[str, Any]:
    """The options that were set."""
    return {key: value for key, value in asdict(options).items() if value is not None}


@dataclass(frozen=True)
class Problem:
    """A line that gave no clip, and why."""

    line: int
    message: str
    name: str | None = None
    """Of the clip that there would be; None where the line does not give it."""
    prompt: str | None = None
    request: str | None = None
    """The job's, where the line became one."""

    @property
    def row(self) -> dict[str, Any]:
        """The row of the report, without what is unknown."""
        known = {
            "id": self.name,
            "line": self.line,
            "prompt": self.prompt,
            "error": self.message,
            "request": self.request,
        }
        return {key: value for key, value in known.items() if value is not None}


class JobAnswer(Protocol):
    """The answer to a job, made here or on another machine."""

    @property
    def job(self) -> Job:
        """The job it answers."""
        ...

    @property
    def frames(self) -> int:
        """Frames of motion; 0 for an answer of text alone."""
        ...

    @property
    def seconds(self) -> float:
        """Their duration."""
        ...

    @property
    def thought(self) -> str:
        """The text before the motion."""
        ...

    def save(self, path: Path) -> None:
        """Write the clip, whole or not at all. OutputError."""
        ...


@dataclass(frozen=True)
class ClipAnswer:
    """An answer made in this process."""

    job: Job
    clip: Clip
    thought: str

    @property
    def frames(self) -> int:
        """Frames of motion; 0 for an answer of text alone."""
        return len(self.clip)

    @property
    def seconds(self) -> float:
        """Their duration."""
        return self.clip.seconds

    def save(self, path: Path) -> None:
        """Write the clip, whole or not at all. OutputError."""
        self.clip.save(path)
