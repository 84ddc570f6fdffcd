"""The sets of ids that the grammar allows together, each made once."""

from __future__ import annotations

from ..tokens.allowed_ids import Allowed, merged_ranges
from ..tokens.vocabulary import Vocabulary


class AllowedSets:
    """Makes each set when it is first asked for."""

    def __init__(self, words: Vocabulary) -> None:
        self._ends = [range(i, i + 1) for i in words.end_of_turn]
        start, close = words.move_start, words.move_end
        self._start = words.levels[0] if start is None else range(start, start + 1)
        self._close = () if close is None else (range(close, close + 1),)
        self._words = words
        self.codes = tuple(merged_ranges([ids]) for ids in words.levels)
        self._made: dict[tuple[object, ...], Allowed] = {}

    def between(self, text: bool, open_: bool, end: bool) -> Allowed:
        """The set between blocks: words, the start of a block, the end of the answer."""
        key = ("between", text, open_, end)
        if key not in self._made:
            parts = [
                *(self._words.text if text else ()),
                *([self._start] if open_ else []),
                *(self._ends if end else []),
            ]
            self._made[key] = merged_ranges(parts)
        return self._made[key]

    def inside(
        self,
        deeper: int | None,
        another: bool,
        close: bool,
        *,
        text: bool = False,
        end: bool = False,
    ) -> Allowed:
        """The set in a block: the next level of the frame, another frame, the end of the block.

        Words (`text`) and the end of the answer (`end`) come directly behind a frame where nothing
        closes a block.
        """
        key = ("inside", deeper, another, close, text, end)
        if key not in self._made:
            levels = self._words.levels
            parts = [
                *([] if deeper is None else [levels[deeper]]),
                *([levels[0]] if another else []),
                *(self._close if close else ()),
                *(self._words.text if text else ()),
                *(self._ends if end else []),
            ]
            self._made[key] = merged_ranges(parts)
        return self._made[key]
