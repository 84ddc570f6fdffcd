"""An example as token ids in Qwen's chat format, with the weight of each token in the loss."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from kinetoken.tokens.markup import DEFAULT_MARKUP

from ...checkpoint.motion_tokens import SYSTEM_PROMPT
from ...codecs.source import Codes
from ..words.captions import Captions
from ..words.phrases import KEEP_GOING, NEXT_THOUGHTS
from ..words.tokenizer import id_of
from .lm_data import Example

_LEVEL_WEIGHTS: Final = (1.0, 0.6, 0.4, 0.3)  # coarse levels carry the action
# </move> is one token in a hundred and decides the length; more would close too early
CLOSE_WEIGHT: Final = 1.5
_SPLIT_SHARE: Final = 0.12  # single motions written as two blocks with a thought between
_SHORTEST_BLOCK: Final = 3  # code frames
# answers written with fewer levels, so that `levels=` finds the model prepared
_COARSE_SHARE: Final = 0.2

Ids = NDArray[np.int64]
Weights = NDArray[np.float32]


class ChatCoder:
    """Examples to (ids, weights); a weight of 0 marks what the model is given."""

    def __init__(self, tokenizer: Tokenizer, captions: Captions) -> None:
        self.tokenizer, self.captions = tokenizer, captions
        self.random = np.random.default_rng(captions.random.integers(1 << 31))
        self.move_start, self.move_end = (id_of(tokenizer, m) for m in DEFAULT_MARKUP.markers)
        self.end = id_of(tokenizer, "<|im_end|>")
        self.firsts = [id_of(tokenizer, f"<m_{q}_0>") for q in range(len(_LEVEL_WEIGHTS))]
        # As a Hugging Face chat template gives it: <move> and </move> in the system prompt become
        # the special tokens.
        self.system = self.text(f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n")

    def encode(self, example: Example) -> tuple[Ids, Weights]:
        """One way to ask for an example, one thought, and its motion tokens."""
        several = len(example.windows) > 1
        caption = (
            self.captions.pair(*example.windows)
            if several
            else self.captions.caption(example.windows[0])
        )
        prompt = self.system + self._user(caption) + self.text("<|im_start|>assistant\n")
        ids, weights = list(prompt), [0.0] * len(prompt)
        levels = self._levels()
        for thought, codes in self._blocks(example):
            words = self.text(thought + "\n")
            ids += words
            weights += [1.0] * len(words)
            self._motion(codes[:, :levels], ids, weights)
        ids.append(self.end)
        weights.append(1.0)
        return np.array(ids, dtype=np.int64), np.array(weights, dtype=np.float32)

    def text(self, text: str) -> list[int]:
        """Token ids of a text, specials recognised."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _user(self, content: str) -> list[int]:
        return self.text("<|im_start|>user\n") + self._plain(content) + self.text("<|im_end|>\n")

    def _plain(self, content: str) -> list[int]:
        """Token ids of user text, in which special tokens stay plain text."""
        self.tokenizer.encode_special_tokens = True
        ids = self.text(content)
        self.tokenizer.encode_special_tokens = False
        return ids

    def _blocks(self, example: Example) -> list[tuple[str, Codes]]:
        thoughts = [self.captions.thought(w) for w in example.windows]
        if len(thoughts) > 1:
            opener = NEXT_THOUGHTS[int(self.random.integers(len(NEXT_THOUGHTS)))]
            return [
                (thoughts[0], example.codes[0]),
                ("\n" + opener + thoughts[1], example.codes[1]),
            ]
        codes = example.codes[0]
        if self.random.random() < _SPLIT_SHARE and len(codes) >= 2 * _SHORTEST_BLOCK + 2:
            cut = int(self.random.integers(_SHORTEST_BLOCK, len(codes) - _SHORTEST_BLOCK))
            more = KEEP_GOING[int(self.random.integers(len(KEEP_GOING)))]
            return [(thoughts[0], codes[:cut]), ("\n" + more, codes[cut:])]
        return [(thoughts[0], codes)]

    def _levels(self) -> int:
        fewer = self.random.random() < _COARSE_SHARE
        return int(self.random.integers(1, len(_LEVEL_WEIGHTS))) if fewer else len(_LEVEL_WEIGHTS)

    def _motion(self, codes: Codes, ids: list[int], weights: list[float]) -> None:
        ids.append(self.move_start)
        weights.append(1.0)
        for frame in codes:
            ids += [first + int(code) for first, code in zip(self.firsts, frame, strict=False)]
            weights += _LEVEL_WEIGHTS[: len(frame)]
        ids.append(self.move_end)
        weights.append(CLOSE_WEIGHT)
