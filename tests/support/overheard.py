"""What a language model is fed, noted; and answers run to their end."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import kinetoken
from kinetoken.engines.protocols import LanguageModel, LmRun
from kinetoken.generation.bundle import Bundle
from kinetoken.generation.generator import Generation, Generator
from kinetoken.tokens.allowed_ids import Allowed

PROMPTS = [
    "a person walks forward",
    "wave with the left hand",
    "now jump",
    "turn around",
    "walk back",
]
SHORT: dict[str, Any] = {"seconds": 0.6, "max_thought": 4}


class Overheard:
    """A language model that notes how many tokens its runs are fed."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.fed = model, list[list[int]]()

    @property
    def context(self) -> int:
        return self.model.context

    @property
    def device(self) -> str:
        return self.model.device

    @property
    def engine(self) -> str:
        return self.model.engine

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint

    def start(self) -> LmRun:
        return OverheardRun(self.model.start(), self.fed)


class OverheardRun:
    def __init__(self, run: LmRun, fed: list[list[int]]) -> None:
        self._run, self._fed = run, fed

    @property
    def length(self) -> int:
        return self._run.length

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        self._fed.append(list(ids))
        return self._run.push(ids, allowed)

    def rewind(self, length: int) -> None:
        self._run.rewind(length)

    def state(self) -> bytes:
        return self._run.state()

    def restore(self, state: bytes) -> None:
        self._run.restore(state)


def overheard(parts: Bundle) -> tuple[Generator, list[list[int]]]:
    model = Overheard(parts.language_model)
    return Generator(dataclasses.replace(parts, language_model=model)), model.fed


def whole(turn: Generation) -> kinetoken.Clip:
    for _ in turn:
        pass
    return turn.clip()
