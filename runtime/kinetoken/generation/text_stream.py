"""Token ids to text as they come, without characters that are not complete yet."""

from __future__ import annotations

import unicodedata
from collections import deque
from typing import Final

from ..tokens.tokenizer import Tokenizer

REPLACEMENT_CHARACTER = "\ufffd"
LONGEST_CHARACTER_BYTES = 4
"""The longest UTF-8 character; a byte-level token holds at least one byte."""

_JOINERS: Final = ("'", "\u2019", "-", REPLACEMENT_CHARACTER)
_ZERO_WIDTH_JOINER: Final = "\u200d"
_ZERO_WIDTH_NON_JOINER: Final = "\u200c"


class TextRun:
    """One text being written."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._held: list[int] = []
        self._last: deque[int] = deque(maxlen=2 * LONGEST_CHARACTER_BYTES)

    def push(self, token: int) -> str:
        """The text that becomes complete with this token; often empty within a character."""
        self._held.append(token)
        self._last.append(token)
        text = self._tokenizer.decode(self._held)
        if text.endswith(REPLACEMENT_CHARACTER) and len(self._held) < LONGEST_CHARACTER_BYTES:
            return ""
        self._held.clear()
        return text

    def continues(self, token: int) -> bool:
        """Tell whether a text token goes on with the word before it: by letters, or half of one."""
        before = self._tokenizer.decode(self._last)
        if before.endswith(REPLACEMENT_CHARACTER):
            return True
        after = self._tokenizer.decode([*self._last, token])
        if not after.startswith(before):
            return False
        added = after[len(before) :]
        if not (before and added):
            return False
        if _is_mark(added[0]) or before[-1] == _ZERO_WIDTH_JOINER:
            return True
        return _is_in_word(before[-1]) and _is_in_word(added[0])

    def finish(self) -> str:
        """The text that was held back, with U+FFFD for a broken character."""
        text = self._tokenizer.decode(self._held) if self._held else ""
        self._held.clear()
        return text


def _is_mark(letter: str) -> bool:
    """Tell if a character belongs to the one before: a vowel sign, an accent, a joiner."""
    return letter in (_ZERO_WIDTH_JOINER, _ZERO_WIDTH_NON_JOINER) or unicodedata.category(
        letter
    ).startswith("M")


def _is_in_word(letter: str) -> bool:
    """Tell if a character stands within words of a script that has spaces between them."""
    if letter in _JOINERS or _is_mark(letter):
        return True
    wide = unicodedata.east_asian_width(letter) in "WF"
    return letter.isalnum() and (not wide or unicodedata.name(letter, "").startswith("HANGUL"))
