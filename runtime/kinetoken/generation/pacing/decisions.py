"""Decisions on levels and words, block by block, as text: in options and in a clip's notes.

4,2,1               levels of each block, the last for all later blocks
4,2,1/12,0          the same, and the most words before each block
auto4:4,2,1/12,0    what "auto" decided, with 4 levels at most
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ...base.errors import InputError

AUTO_DETAIL: Final = "auto"
FULL_DETAIL: Final = "full"
COARSE_DETAIL: Final = "coarse"
_NUMBERS: Final = "[0-9]{1,18}(?:,[0-9]{1,18})*"
_SPELLED: Final = re.compile(rf"(?:auto([1-9][0-9]{{0,17}}):)?({_NUMBERS})(?:/({_NUMBERS}))?")


@dataclass(frozen=True)
class Decisions:
    """Levels and words of an answer's blocks; the last of each is for all later blocks."""

    levels: tuple[int, ...]
    """Levels of each block, 1 or more."""
    words: tuple[int, ...] = ()
    """Most text tokens before each block, and behind the last one; empty: the grammar's own limit."""
    most: int | None = None
    """Most levels of a frame, where "auto" decided; None: the levels were spelled out.

    While "auto" decides, every block to come counts with the most levels, and what may be written
    depends on that if tokens are few.
    """

    @classmethod
    def asked(cls, detail: str | None) -> Decisions | None:
        """The decisions that a detail spells out; None if it is a word.

        InputError for anything else.
        """
        if detail in (None, AUTO_DETAIL, FULL_DETAIL, COARSE_DETAIL):
            return None
        said = _SPELLED.fullmatch(str(detail).replace(" ", ""))
        if said is None or not all(map(int, said[2].split(","))):
            raise InputError(
                "detail: expected auto, full, coarse or levels of each block such as 4,2,1, got "
                f"{detail!r:.60}"
            )
        words = tuple(map(int, said[3].split(","))) if said[3] else ()
        return cls(tuple(map(int, said[2].split(","))), words, int(said[1]) if said[1] else None)

    def __str__(self) -> str:
        """The text that `asked` reads."""
        auto = f"{AUTO_DETAIL}{self.most}:" if self.most else ""
        words = f"/{','.join(map(str, self.words))}" if self.words else ""
        return f"{auto}{','.join(map(str, self.levels))}{words}"

    @property
    def plan(self) -> tuple[int, ...]:
        """Levels of each block, the last for all later ones, if they are known from the start."""
        levels = () if self.most else self.levels
        while len(levels) > 1 and levels[-1] == levels[-2]:
            levels = levels[:-1]
        return levels

    def levels_of(self, block: int) -> int:
        """Levels of a block, counted from 0."""
        return self.levels[min(block, len(self.levels) - 1)]

    def words_before(self, block: int) -> int | None:
        """Most text tokens before a block; None: no limit of its own."""
        return self.words[min(block, len(self.words) - 1)] if self.words else None
