"""Token ids to text as they come, holding back characters that are not whole yet."""

from __future__ import annotations

from ..tokens.tokenizer import Tokenizer

REPLACEMENT_CHARACTER = "\ufffd"
LONGEST_CHARACTER_BYTES = 4
"""Bytes of the longest UTF-8 character: a byte-level token holds at least one."""


class TextRun:
    """One stretch of text being written."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._held: list[int] = []

    def push(self, token: int) -> str:
        """The text that became whole with this token; often empty in the middle of a character."""
        self._held.append(token)
        text = self._tokenizer.decode(self._held)
        if text.endswith(REPLACEMENT_CHARACTER) and len(self._held) < LONGEST_CHARACTER_BYTES:
            return ""
        self._held.clear()
        return text

    def finish(self) -> str:
        """What was held back, a broken character as U+FFFD."""
        text = self._tokenizer.decode(self._held) if self._held else ""
        self._held.clear()
        return text
