"""A talk with a generator that is not there: its messages are scripted, its orders are noted."""

from __future__ import annotations

from kinetoken.generation.options import GenerateOptions
from kinetoken_viewer.generator.messages import Message


class Talk:
    """Stands for a Feed: hands out messages as told, remembers what it was asked."""

    def __init__(self, prompt: str = "") -> None:
        self.turn = 1 if prompt else 0
        self.over = self.stopped = False
        self.asked: list[tuple[str, bool]] = []
        self.left: list[Message] = []
        self.polls = 0

    def say(self, *messages: Message) -> None:
        self.left += messages

    def ask(self, prompt: str, options: GenerateOptions, *, anew: bool = False) -> int:
        self.turn += 1
        self.asked.append((prompt, anew))
        self.left.clear()
        self.over = False
        return self.turn

    def stop(self) -> None:
        self.stopped = True

    def poll(self) -> list[Message]:
        self.polls += 1
        out, self.left = self.left[:4], self.left[4:]
        return out

    def close(self) -> None:
        """Nothing is held."""
