"""A chat as token ids in Qwen's chat format, with the weight of each token in the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from kinetoken.tokens.markup import DEFAULT_MARKUP

from ...checkpoint.motion_tokens import SYSTEM_PROMPT
from ...codecs.source import Codes
from ..words.thoughts import OFFER
from ..words.tokenizer import id_of

_LEVEL_WEIGHTS: Final = (1.0, 0.6, 0.4, 0.3)  # coarse levels carry the action
# </move> is one token in a hundred and decides the length; more closes too early
CLOSE_WEIGHT: Final = 1.0
_OFFER_WEIGHT: Final = 0.15
# Words: a dozen among hundreds of codes, and they decide what is done, and what is done next.
_WORD_WEIGHT: Final = 2.0
_LATER_WORD_WEIGHT: Final = 5.0

Ids = NDArray[np.int64]
Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A chat as the model sees it."""

    ids: Ids
    weights: Weights
    """Of each token in the loss; 0 marks what the model is given."""
    text: str
    """The first request."""
    asked: int
    """How many of the ids are given before the first answer."""


@dataclass(frozen=True)
class Block:
    """Words before a motion, and the motion."""

    words: str
    """Empty where a block follows another without words."""
    codes: Codes | None
    """(n, Q), as many levels as are shown; None: the motion is not there yet, nor learnt."""


@dataclass(frozen=True)
class ChatTurn:
    """A request and its answer."""

    prompt: str
    blocks: tuple[Block, ...]


class ChatCoder:
    """Chats to examples."""

    def __init__(self, tokenizer: Tokenizer, asked: Tokenizer | None = None) -> None:
        """`asked`: the tokenizer of what users say, where another one is to cut it into pieces."""
        self.tokenizer, self._asked = tokenizer, asked or tokenizer
        self.move_start, self.move_end = (id_of(tokenizer, m) for m in DEFAULT_MARKUP.markers)
        self.end = id_of(tokenizer, "<|im_end|>")
        self.firsts = [id_of(tokenizer, f"<m_{q}_0>") for q in range(len(_LEVEL_WEIGHTS))]
        self._newline = self.text("\n")
        self._user = self.text("<|im_start|>user\n")
        self._after_user = self.text("<|im_end|>\n<|im_start|>assistant\n")
        # As a Hugging Face chat template gives it: <move> and </move> in the system prompt become
        # the special tokens.
        self.system = self.text(f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n") + self._user
        """The ids that every chat begins with, up to the user's first words."""

    def encode(self, turns: Sequence[ChatTurn]) -> Example:
        """All that follows `system`: the words of the first request, its answer, the next turns."""
        ids: list[int] = []
        weights: list[float] = []
        asked = 0
        for number, turn in enumerate(turns):
            given = (self._newline + self._user if number else []) + self.plain(turn.prompt)
            given += self._after_user
            ids += given
            weights += [0.0] * len(given)
            asked = asked or len(given)
            for place, block in enumerate(turn.blocks):
                self._block(block, place > 0, ids, weights)
            ids.append(self.end)
            weights.append(self._word_weight(ids))
        return _example(ids, weights, turns[0].prompt, asked)

    def question(self, text: str) -> Example:
        """A request alone, of which no answer is learnt."""
        ids = [*self.prompt(text), self.move_start]
        return _example(ids, [0.0] * len(ids), text, len(ids) - 1)

    def prompt(self, text: str) -> list[int]:
        """The ids between `system` and the answer to one request."""
        return self.plain(text) + self._after_user

    def text(self, text: str) -> list[int]:
        """Token ids of a text, specials recognised."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def plain(self, content: str) -> list[int]:
        """Token ids of user text, in which special tokens stay plain text."""
        self._asked.encode_special_tokens = True
        ids: list[int] = self._asked.encode(content, add_special_tokens=False).ids
        self._asked.encode_special_tokens = False
        return ids

    def _word_weight(self, before: Sequence[int]) -> float:
        """The weight of a word behind these tokens."""
        moved = any(token >= self.firsts[0] for token in before)
        return _LATER_WORD_WEIGHT if moved else _WORD_WEIGHT

    def _word_weights(self, words: str, later: bool, count: int) -> list[float]:
        """Little of what the body offers, which is drawn by chance."""
        said, offer, _ = words.partition(OFFER)
        if not offer:
            return [1.0] * count
        sure = len(self.text(("\n" if later else "") + said))
        return [1.0] * sure + [_OFFER_WEIGHT] * (count - sure)

    def _block(self, block: Block, later: bool, ids: list[int], weights: list[float]) -> None:
        if block.words:
            words = self.text(("\n" if later else "") + block.words + "\n")
            weight = self._word_weight(ids)
            ids += words
            weights += [weight * w for w in self._word_weights(block.words, later, len(words))]
        ids.append(self.move_start)
        weights.append(1.0)
        if block.codes is None:
            ids.append(self.move_end)
            weights.append(0.0)
            return
        for frame in block.codes:
            ids += [first + int(code) for first, code in zip(self.firsts, frame, strict=False)]
            weights += _LEVEL_WEIGHTS[: len(frame)]
        ids.append(self.move_end)
        weights.append(CLOSE_WEIGHT)


def _example(ids: list[int], weights: list[float], text: str, asked: int) -> Example:
    return Example(np.array(ids, dtype=np.int64), np.array(weights, dtype=np.float32), text, asked)
