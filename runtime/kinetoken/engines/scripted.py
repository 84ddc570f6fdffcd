"""Engines without a model: logits and features come from functions. For tests, demonstrations and adversaries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.errors import EngineError
from ..tokens.allowed_ids import Allowed, take_allowed
from .one_at_a_time import SequentialBatch
from .prompt_items import EncodedImage
from .saved_state import check_rewind, exactly_sized, pack_state, unpack_state

Score = Callable[[Sequence[int]], NDArray[np.float32]]
"""All tokens so far to logits (vocab,)."""
IMAGE_CELL = -1
"""What stands in the history for a cell of an image."""


@dataclass(frozen=True)
class ScriptedLanguageModel:
    """A language model that says what a function says."""

    score: Score
    context: int = 1 << 20
    device: str = "cpu"

    @property
    def fingerprint(self) -> str:
        """What a run's state depends on."""
        return "scripted"

    def start(self) -> ScriptedRun:
        """A new, empty run."""
        return ScriptedRun(self)

    def start_batch(self, size: int) -> SequentialBatch:
        """So many runs in turn."""
        return SequentialBatch(self.start, size)

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

    def look(self, image: EncodedImage) -> None:
        """Feed an image: cells that are no token."""
        if len(self.history) + image.cells > self._model.context:
            raise EngineError(f"the context of {self._model.context} tokens is full; ask for less")
        self.history.extend([IMAGE_CELL] * image.cells)

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; logits of the allowed next ids. EngineError where the context is full."""
        if len(self.history) + len(ids) > self._model.context:
            raise EngineError(f"the context of {self._model.context} tokens is full; ask for less")
        self.history.extend(ids)
        return take_allowed(self._model.score(self.history), allowed)

    def rewind(self, length: int) -> None:
        """Forget all but the first tokens."""
        check_rewind(length, self.length)
        del self.history[length:]

    def state(self) -> bytes:
        """The tokens themselves."""
        return pack_state(
            self._model.fingerprint, self.length, np.array(self.history, np.int64).tobytes()
        )

    def restore(self, state: bytes) -> None:
        """Take up the tokens of a state."""
        self.history.clear()
        length, rest = unpack_state(self._model.fingerprint, state, self._model.context)
        history = np.frombuffer(exactly_sized(rest, 8 * length), np.int64)
        self.history.extend(int(token) for token in history)


@dataclass(frozen=True)
class FunctionSession:
    """A graph that is a function."""

    function: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def run(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """One forward pass."""
        return self.function(value)
