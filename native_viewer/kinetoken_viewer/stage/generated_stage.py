"""Stages whose motion comes from a generator: they listen to it, and say what they wait for."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final

from kinetoken.live.live_output import LiveOutput

from ..generator.messages import GeneratorFailed, Message, MessageSource, ThoughtArrived
from .answers import AnswerProgress
from .stage import Stage

LONGEST_BUFFER: Final = 30.0  # seconds of motion in hand, beyond which the generator has to wait
STALLED_SECONDS: Final = 10.0  # without a message, after which the picture says so
_SLOW_START_SECONDS: Final = 3.0  # of loading or thinking, after which they are counted


class GeneratedStage(Stage):
    """The part that all generated motion shares: messages, and the words about them."""

    def __init__(
        self,
        prompt: str,
        feed: MessageSource,
        *,
        expected: float = 0.0,
        live: LiveOutput | None = None,
    ) -> None:
        """`expected`: seconds of motion in an answer, if known."""
        super().__init__(prompt, live=live)
        self.progress = AnswerProgress()
        """Everything known about the answer under way."""
        self._feed, self._expected = feed, expected
        self._started = False  # an answer has begun

    @property
    def failure(self) -> GeneratorFailed | None:
        """The reason why no more motion will come."""
        return self.progress.failure

    @abstractmethod
    def take(self, message: Message) -> None:
        """Takes one message of the generator."""

    def listen(self, seconds: float, ahead: float, to_come: float) -> None:
        """Takes what has come, unless there is so much in hand that the generator may wait.

        ahead: seconds of motion in hand. to_come: seconds of motion still to be made.
        """
        progress = self.progress
        full = ahead > max(LONGEST_BUFFER, progress.buffer.goal(progress.rtf, to_come))
        messages = [] if full else self._feed.poll()
        idle = full or messages or not self.busy
        progress.silence = 0.0 if idle else progress.silence + seconds
        for message in messages:
            self.take(message)

    def hear(self, message: ThoughtArrived) -> None:
        """Takes a piece of the thought."""
        self.progress.hear(message)
        if self._live is not None:
            self._live.say(message.text)

    def close(self) -> None:
        """Ends the generator."""
        self._feed.close()

    def thought(self) -> str:
        """The thought so far."""
        return self.progress.thought.strip()

    def facts(self) -> list[str]:
        """Pace, detail and seed."""
        return [*self.progress.status(), *self.seeds()]

    def seeds(self) -> list[str]:
        """Part of the status: the seed."""
        return [] if self.progress.seed is None else [f"seed {self.progress.seed}"]

    def counted(self, activity: str) -> str:
        """The activity with its seconds, once it takes long."""
        silence = self.progress.silence
        return f"{activity}, {silence:.0f} s" if silence > _SLOW_START_SECONDS else activity

    def buffering(self, ahead: float, to_come: float) -> str:
        """The reason why the motion waits, and for how long."""
        rtf = self.progress.rtf
        if not 0.0 < rtf < 1.0:
            return "buffering"
        left = self.progress.buffer.wait(ahead, rtf, to_come)
        return f"slower than real time ({rtf:.1f} times): {left:.0f} s until it moves on"
