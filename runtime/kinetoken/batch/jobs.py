"""What a batch is made of: a prompt with its options, and what became of it."""

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
    """Digest of everything that was asked; a seed that was not given is no part of it."""

    @classmethod
    def of(cls, line: int, name: str, prompt: str, options: GenerateOptions) -> Job:
        """A job as it is asked for."""
        text = json.dumps({"prompt": prompt, **given(options)}, sort_keys=True)
        return cls(line, name, prompt, options, hashlib.sha256(text.encode()).hexdigest()[:16])

    def seeded(self, base: int) -> Job:
        """The same with a seed: its own, else one that follows from the batch's and its name, whatever else is in the file."""
        if self.options.seed is not None:
            return self
        drawn = hashlib.sha256(f"{base}/{self.name}".encode()).digest()
        return replace(
            self, options=replace(self.options, seed=int.from_bytes(drawn[:4], "big") >> 1)
        )

    def problem(self, reason: object) -> Problem:
        """Why there is no clip of it."""
        return Problem(self.line, str(reason), self.name, self.prompt, self.request)


def given(options: GenerateOptions) -> dict[str, Any]:
    """The options that are not left to the bundle."""
    return {key: value for key, value in asdict(options).items() if value is not None}


@dataclass(frozen=True)
class Problem:
    """Why a line gave no clip."""

    line: int
    message: str
    name: str | None = None
    """Of the clip that there would be; None where the line does not tell."""
    prompt: str | None = None
    request: str | None = None
    """As the job's, where it became one."""

    @property
    def row(self) -> dict[str, Any]:
        """Of the report: what is known of it."""
        known = {
            "id": self.name,
            "line": self.line,
            "prompt": self.prompt,
            "error": self.message,
            "request": self.request,
        }
        return {key: value for key, value in known.items() if value is not None}


class Answer(Protocol):
    """A job that came to its end."""

    @property
    def job(self) -> Job:
        """What was asked."""
        ...

    @property
    def frames(self) -> int:
        """Frames of motion; 0 where the answer is words alone."""
        ...

    @property
    def seconds(self) -> float:
        """Their duration."""
        ...

    @property
    def thought(self) -> str:
        """The words."""
        ...

    def save(self, path: Path) -> None:
        """Write the clip, whole or not at all. OutputError."""
        ...


@dataclass(frozen=True)
class ClipAnswer:
    """An answer that was made here."""

    job: Job
    clip: Clip
    thought: str

    @property
    def frames(self) -> int:
        """Frames of motion; 0 where the answer is words alone."""
        return len(self.clip)

    @property
    def seconds(self) -> float:
        """Their duration."""
        return self.clip.seconds

    def save(self, path: Path) -> None:
        """Write the clip, whole or not at all. OutputError."""
        self.clip.save(path)
