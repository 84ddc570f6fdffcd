"""Token ids to text as they come, without characters that are not complete yet."""

from __future__ import annotations

from ..tokens.tokenizer import Tokenizer

REPLACEMENT_CHARACTER = "\ufffd"
LONGEST_CHARACTER_BYTES = 4
"""The longest UTF-8 character; a byte-level token holds at least one byte."""


class TextRun:
    """One text being written."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._held: list[int] = []

    def push(self, token: int) -> str:
        """The text that becomes complete with this token; often empty within a character."""
        self._held.append(token)
        text = self._tokenizer.decode(self._held)
        if text.endswith(REPLACEMENT_CHARACTER) and len(self._held) < LONGEST_CHARACTER_BYTES:
            return ""
        self._held.clear()
        return text

    def finish(self) -> str:
        """The text that was held back, with U+FFFD for a broken character."""
        text = self._tokenizer.decode(self._held) if self._held else ""
        self._held.clear()
        return text
