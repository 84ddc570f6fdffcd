"""Text with motion tokens in it to token ids, however the text is cut on its way."""

from __future__ import annotations

import re
from typing import Final

from .markup import MOTION_TOKEN, MOVE_END, MOVE_START, may_begin_token
from .tokenizer import Tokenizer
from .vocabulary import Vocabulary

UNKNOWN_CODE: Final = -1
"""Stands for a motion token that the model does not have; never allowed."""


class TokenReader:
    """Reads one text, piece by piece."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: Tokenizer) -> None:
        self._vocabulary, self._tokenizer = vocabulary, tokenizer
        self._ends = {tokenizer.decode([token]): token for token in vocabulary.end_of_turn}
        special = "|".join(re.escape(text) for text in (MOVE_START, MOVE_END, *self._ends))
        self._token = re.compile(f"{special}|{MOTION_TOKEN.pattern}", re.ASCII)
        self._held = ""

    def push(self, text: str) -> list[int]:
        """Ids of the tokens that are complete with this text."""
        text = self._held + text
        cut = self._cut(text)
        self._held = text[cut:]
        return self._read(text[:cut])

    def finish(self) -> list[int]:
        """Ids of the text that was held back, as plain words."""
        held, self._held = self._held, ""
        return self._read(held)

    def _cut(self, text: str) -> int:
        """Index at which a token may have begun that is not complete yet; else the length."""
        at = text.rfind("<")
        tail = text[at:] if at >= 0 else ""
        begun = tail and (
            may_begin_token(tail) or any(end.startswith(tail) and end != tail for end in self._ends)
        )
        return at if begun else len(text)

    def _read(self, text: str) -> list[int]:
        tokens: list[int] = []
        at = 0
        for found in self._token.finditer(text):
            tokens += self._words(text[at : found.start()])
            tokens.append(self._id(found))
            at = found.end()
        return tokens + self._words(text[at:])

    def _words(self, text: str) -> list[int]:
        return self._tokenizer.encode_text(text) if text else []

    def _id(self, found: re.Match[str]) -> int:
        vocabulary, spelled = self._vocabulary, found.group()
        if spelled in (MOVE_START, MOVE_END):
            return vocabulary.move_start if spelled == MOVE_START else vocabulary.move_end
        if spelled in self._ends:
            return self._ends[spelled]
        level, code = int(found[1]), int(found[2])
        known = level < len(vocabulary.levels) and code < vocabulary.codes
        return vocabulary.id_of(level, code) if known else UNKNOWN_CODE
