"""Engines without a model: logits and features come from functions. For tests, demonstrations and adversaries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engines import Allowed, take
from ..errors import EngineError
from .in_turn import TurnBatch

Score = Callable[[Sequence[int]], NDArray[np.float32]]
"""All tokens so far to logits (vocab,)."""


@dataclass(frozen=True)
class ScriptedLanguageModel:
    """A language model that says what a function says."""

    score: Score
    context: int = 1 << 20

    def start(self) -> ScriptedRun:
        """A new, empty run."""
        return ScriptedRun(self)

    def start_batch(self, size: int) -> TurnBatch:
        """So many runs in turn."""
        return TurnBatch(self.start, size)

    @classmethod
    def writing(
        cls, answer: Sequence[int], vocab_size: int, prompt: int, context: int = 1 << 20
    ) -> ScriptedLanguageModel:
        """A model that wants to write exactly `answer` after a prompt of so many tokens, then has no wish."""

        def score(history: Sequence[int]) -> NDArray[np.float32]:
            logits = np.zeros(vocab_size, np.float32)
            at = len(history) - prompt
            if 0 <= at < len(answer):
                logits[answer[at]] = 1e6
            return logits

        return cls(score, context)


class ScriptedRun:
    """The tokens fed so far."""

    def __init__(self, model: ScriptedLanguageModel) -> None:
        self._model = model
        self.history: list[int] = []

    @property
    def length(self) -> int:
        """Tokens fed so far."""
        return len(self.history)

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; logits of the allowed next ids. EngineError where the context is full."""
        if len(self.history) + len(ids) > self._model.context:
            raise EngineError(f"the context of {self._model.context} tokens is full; ask for less")
        self.history.extend(ids)
        return take(self._model.score(self.history), allowed)


@dataclass(frozen=True)
class FunctionSession:
    """A graph that is a function."""

    function: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def run(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """One forward pass."""
        return self.function(value)
