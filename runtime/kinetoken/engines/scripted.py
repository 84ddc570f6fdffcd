"""Engines without a model: functions give logits and features. For tests and demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tokens.allowed_ids import Allowed, take_allowed
from .one_at_a_time import SequentialBatch
from .prompt_items import EncodedImage
from .run_checks import check_push, check_rewind
from .saved_state import exactly_sized, pack_state, unpack_state

Score = Callable[[Sequence[int]], NDArray[np.float32]]
"""Gives logits (vocab,) for all tokens so far."""
IMAGE_CELL = -1
"""Stands in the history for a cell of an image."""


@dataclass(frozen=True)
class ScriptedLanguageModel:
    """A language model whose logits a function gives."""

    score: Score
    context: int = 1 << 20
    device: str = "cpu"

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return "scripted"

    @property
    def fingerprint(self) -> str:
        """Identity of what a run's state depends on."""
        return "scripted"

    def start(self) -> ScriptedRun:
        """A new, empty run."""
        return ScriptedRun(self)

    def start_batch(self, size: int) -> SequentialBatch:
        """So many runs, one after another."""
        return SequentialBatch(self.start, size)

    @classmethod
    def writing(
        cls, answer: Sequence[int], vocab_size: int, prompt: int, context: int = 1 << 20
    ) -> ScriptedLanguageModel:
        """A model that wants to write exactly `answer` after a prompt of so many tokens."""

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
        """Feed an image: cells that are no tokens."""
        check_push(image.cells, self.length, self._model.context)
        self.history.extend([IMAGE_CELL] * image.cells)

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; returns the logits of the allowed next ids. EngineError if it is full."""
        check_push(len(ids), self.length, self._model.context)
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
        """Take the tokens of a state."""
        self.history.clear()
        length, rest = unpack_state(self._model.fingerprint, state, self._model.context)
        history = np.frombuffer(exactly_sized(rest, 8 * length), np.int64)
        self.history.extend(int(token) for token in history)


@dataclass(frozen=True)
class FunctionSession:
    """A function as a graph."""

    function: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def run(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """One forward pass."""
        return self.function(value)
