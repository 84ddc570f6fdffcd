"""What the grammar asks of a pacing policy, and what it tells whoever chooses the tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ..tokens.allowed_ids import Allowed

LONGEST_WORD: Final = 12
"""Tokens by which a word may outlast the words that a policy allows."""

WORDS_UNASKED: Final = 2
"""Words at the start of an answer; the time of the first is the prompt's, that of the second is known."""


class Pacing(Protocol):
    """A policy that decides block by block; whatever it decides, the answer decodes."""

    def levels(self, block: int, frames: int, words: int) -> int:
        """Levels of a block, counted from 0; asked once, when it opens.

        `frames`: code frames before it; `words`: text tokens since the last block.
        """
        ...

    def words(self, block: int) -> int | None:
        """Most text tokens before a block, or behind the last; None: as many as the grammar allows.

        Asked once, where the block before has closed; before the first block, behind as many words
        as it takes to know how long one takes.
        """
        ...

    def continues(self, token: int) -> bool:
        """Tell whether a text token goes on with the word before it."""
        ...


@dataclass(frozen=True)
class Detour:
    """What to take where the model's choice would hold the body up, or would end it too soon.

    The model chooses among ids that may include the end of the answer, which is not allowed where
    motion is still owed. Where its choice is refused, one of the ids of `instead` is taken, all of
    which are allowed.
    """

    allowed: Allowed
    """The allowed ids and those that end the answer."""
    instead: Allowed
    """The ids that open a block, and those that end the answer where it may end."""
    refused: Callable[[int], bool]
    """Tells whether an id of `allowed` is refused here."""
