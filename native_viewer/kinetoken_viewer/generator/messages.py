"""Messages between the window and the generator's process, both ways."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from kinetoken.engines.load_options import LoadOptions
from kinetoken.generation.image_file import ImageFile
from kinetoken.generation.options import GenerateOptions
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.playback import Sample


@dataclass(frozen=True)
class GeneratorJob:
    """The model to load and the talk to begin with."""

    prompt: str
    """The first prompt; empty: the process loads the model and waits for one."""
    options: GenerateOptions
    bundle: str | None = None
    loading: LoadOptions = field(default_factory=LoadOptions)
    turn: int = 1
    """Number of the first answer."""
    history: int | None = None
    """Earlier turns that the model is shown; None: the bundle's choice."""
    history_file: str | None = None
    """File that keeps the talk, and that it is resumed from."""
    image: ImageFile | None = None
    """Picture that the model sees before the prompts."""


@dataclass(frozen=True)
class AskPrompt:
    """Answer this prompt now, in place of an answer under way."""

    turn: int
    prompt: str
    options: GenerateOptions


@dataclass(frozen=True)
class StopAnswer:
    """Give up the answer under way."""


@dataclass(frozen=True)
class ModelReady:
    """The model is loaded."""

    fps: float
    about: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """Parts of the bundle and their licences, in words."""
    levels: int | None = field(default=None, compare=False)
    """Most codes of a frame."""
    examples: tuple[str, ...] = field(default=(), compare=False)
    """Prompts that the model does well."""


@dataclass(frozen=True)
class AnswerStarted:
    """An answer begins."""

    seed: int
    fps: float
    turn: int = 1


@dataclass(frozen=True)
class ThoughtArrived:
    """Text of the thought, as it is written."""

    text: str
    turn: int = 1
    pace: Sample | None = None


@dataclass(frozen=True)
class MotionArrived:
    """Final frames, and the real-time factor so far."""

    chunk: MotionChunk
    rtf: float
    turn: int = 1
    pace: Sample | None = None


@dataclass(frozen=True)
class AnswerEnded:
    """An answer is complete."""

    clip: Clip
    rtf: float
    turn: int = 1
    note: str = ""
    """A remark for the user."""


@dataclass(frozen=True)
class GeneratorFailed:
    """An answer, or the whole process, failed; the reason is one line."""

    reason: str
    exit_code: int = 1
    turn: int | None = None
    """Number of the answer that failed; None: the process is over, and the next prompt starts
    another."""


@dataclass(frozen=True)
class PersonMessage:
    """A message about one person of several, who answer side by side."""

    person: int
    """Index of the person, first from the left."""
    message: AnswerStarted | MotionArrived | AnswerEnded
    turn: int = 1


Message = (
    ModelReady | AnswerStarted | ThoughtArrived | MotionArrived | AnswerEnded | GeneratorFailed
    | PersonMessage
)  # fmt: skip
GeneratorOrder = AskPrompt | StopAnswer


class MessageSource(Protocol):
    """A generator that sends messages."""

    def poll(self) -> list[Message]:
        """Messages that have come, in order; never waits."""
        ...

    def close(self) -> None:
        """Ends the generator."""
        ...


class PromptTaker(MessageSource, Protocol):
    """A generator that answers prompt after prompt."""

    @property
    def turn(self) -> int:
        """Number of the last prompt."""
        ...

    @property
    def over(self) -> bool:
        """True once the generator is gone; the next prompt starts another."""
        ...

    def ask(self, prompt: str, options: GenerateOptions, *, anew: bool = False) -> int:
        """Sends the next prompt and returns its number. `anew`: replace a generator that hangs."""
        ...

    def stop(self) -> None:
        """Gives up the answer under way."""
        ...
