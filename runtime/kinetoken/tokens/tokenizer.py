"""The protocol of a tokenizer; engines/tokenizer.py has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Tokenizer(Protocol):
    """Text to ids and back."""

    def encode_text(self, text: str) -> list[int]:
        """Encode what a person typed: special tokens spelled in it stay plain text."""
        ...

    def encode_template(self, text: str) -> list[int]:
        """Encode the bundle's own text: special tokens in it are recognised."""
        ...

    def encode_turn(self, before: str, typed: str, after: str) -> list[int]:
        """Encode what a person typed with the bundle's own text around it."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids; U+FFFD stands for a character that is not complete yet."""
        ...
