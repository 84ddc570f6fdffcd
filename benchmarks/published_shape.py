"""A language model that costs what it costs, and writes answers of the published model's shape.

So many words before each block, blocks of two and three latent frames in turn, the codes of a real
motion: by rule, whatever the weights say. So a model with random weights shows how long answers of
that shape take.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import kinetoken
from kinetoken import Generator
from kinetoken.engines.protocols import LanguageModel, LmRun
from kinetoken.tokens.allowed_ids import Allowed, take_allowed
from kinetoken.tokens.vocabulary import Vocabulary

TEXT: Final = " I step forward with my left foot, then with my right, and my arms swing with it"
WISH: Final = 9.0
"""Logit of what the rule wants; other ids that it mentions have 0, the rest far less."""


@dataclass(frozen=True)
class Shape:
    """The answer that the rule writes."""

    words: int
    """Text tokens before each block."""
    blocks: tuple[int, ...]
    """Latent frames of the blocks, in turn."""
    codes: NDArray[np.int64]
    """Codes (n, Q) of a motion, again and again."""
    text: tuple[int, ...]
    known: Vocabulary
    size: int
    """Entries of a row of logits."""

    def row(self, said: Sequence[int]) -> NDArray[np.float32]:
        """Logits (size,) after these tokens of the answer."""
        row = np.full(self.size, -30.0, np.float32)
        last = max((n for n, token in enumerate(said) if token in self.known.markers), default=-1)
        since = said[last + 1 :]
        if last >= 0 and said[last] == self.known.move_start:
            frames = sum(token in self.known.levels[0] for token in said)
            here = sum(token in self.known.levels[0] for token in since)
            blocks = sum(token == self.known.move_start for token in said)
            row[self.known.move_end] = (
                WISH if here >= self.blocks[blocks % len(self.blocks)] else -20
            )
            for level, ids in enumerate(self.known.levels):
                # The next frame's code of level 0, and the present one's of the others.
                frame = self.codes[(frames - bool(level)) % len(self.codes)]
                row[ids[int(frame[level]) % len(ids)]] = WISH - 1
        else:
            row[self.text[len(since) % len(self.text)]] = WISH / 2
            row[self.known.move_start] = WISH if len(since) >= self.words else 0.0
        return row


class ShapedRun:
    """A run of a real model, whose logits are the rule's."""

    def __init__(self, run: LmRun, shape: Shape) -> None:
        self._run, self._shape = run, shape
        self._said: list[int] | None = None  # the prompt comes first, in pieces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed the model, at its price; returns the rule's logits of the allowed ids."""
        self._run.push(ids, allowed)
        if self._said is None or len(ids) != 1:
            self._begun, self._said = self._run.length, []
        else:
            self._said.append(ids[0])
        return take_allowed(self._shape.row(self._said), allowed)

    def rewind(self, length: int) -> None:
        """Forget tokens."""
        self._run.rewind(length)
        if self._said is not None:
            del self._said[max(0, length - self._begun) :]


@dataclass(frozen=True)
class ShapedModel:
    """A real model, whose logits are the rule's."""

    model: LanguageModel
    shape: Shape

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def start(self) -> LmRun:
        """A new, empty run."""
        return ShapedRun(self.model.start(), self.shape)  # type: ignore[return-value]


def shaped(generator: Generator, words: int) -> Generator:
    """The bundle with a model that writes the published shape, at its own price."""
    bundle = generator.bundle
    demo = kinetoken.load()
    walk = demo.generate("a person walks forward", seconds=6, seed=1, max_thought=0)
    shape = Shape(
        words, (3, 2), np.asarray(walk.codes), tuple(bundle.tokenizer.encode_text(TEXT)),
        bundle.vocabulary, bundle.manifest.language_model.vocab_size,
    )  # fmt: skip
    return Generator(
        dataclasses.replace(bundle, language_model=ShapedModel(bundle.language_model, shape))
    )
