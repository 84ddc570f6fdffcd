"""Text with motion tokens in it to token ids, however the text is cut on its way."""

from __future__ import annotations

import re
from typing import Final

from .tokenizer import Tokenizer
from .vocabulary import Vocabulary

UNKNOWN_CODE: Final = -1
"""Stands for a motion token that the model does not have; never allowed."""


class TokenReader:
    """Reads one text, piece by piece."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: Tokenizer) -> None:
        self._vocabulary, self._tokenizer = vocabulary, tokenizer
        self._known = {tokenizer.decode([token]): token for token in vocabulary.end_of_turn}
        self._known |= vocabulary.added_words
        self._known |= dict(zip(vocabulary.markup.markers, vocabulary.markers, strict=True))
        known = sorted(self._known, key=len, reverse=True)
        patterns = [*map(re.escape, known), vocabulary.markup.token.pattern]
        self._token = re.compile("|".join(patterns), re.ASCII)
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
        longest = max(map(len, self._known), default=0)
        begun = (
            at
            for at in range(max(0, len(text) - longest), len(text))
            if any(word.startswith(text[at:]) and word != text[at:] for word in self._known)
        )
        return min(next(begun, len(text)), self._vocabulary.markup.begins_token(text))

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
        if spelled in self._known:
            return self._known[spelled]
        level, code = vocabulary.markup.place(found)
        known = level < len(vocabulary.levels) and code < vocabulary.codes
        return vocabulary.id_of(level, code) if known else UNKNOWN_CODE
