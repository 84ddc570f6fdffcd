"""The meaning of each token id: the only place that knows ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..manifest.schema import Manifest
from .allowed_ids import merged_ranges
from .markup import DEFAULT_MARKUP, Markup


@dataclass(frozen=True)
class Vocabulary:
    """The ids of plain text, block markers, the codes of every level, and the end of a turn."""

    text: tuple[range, ...]
    """Ids of words, the added ones among them."""
    move_start: int | None
    """Opens a block; None: its first code does."""
    move_end: int | None
    """Closes a block; None: the first word behind it does."""
    levels: tuple[range, ...]
    """One range per level, coarsest first; the id of code v is `levels[k][v]`."""
    end_of_turn: tuple[int, ...]
    markup: Markup = DEFAULT_MARKUP
    """The text of motion tokens."""
    added_words: Mapping[str, int] = field(default_factory=dict)
    """Ordinary added tokens that a model may write, such as <think>."""

    @classmethod
    def of(cls, manifest: Manifest) -> Vocabulary:
        """The vocabulary of a checked manifest."""
        return cls(
            text=merged_ranges(
                [
                    *(range(*ids) for ids in manifest.tokenizer.text_ids),
                    *(range(i, i + 1) for i in manifest.tokenizer.added_words.values()),
                ]
            ),
            move_start=manifest.motion.move_start,
            move_end=manifest.motion.move_end,
            levels=tuple(range(*ids) for ids in manifest.motion.levels),
            end_of_turn=manifest.tokenizer.end_of_turn,
            markup=Markup(manifest.motion.spelling),
            added_words=manifest.tokenizer.added_words,
        )

    @property
    def markers(self) -> tuple[int, ...]:
        """Ids of what opens and closes a block, as far as there are such tokens."""
        return tuple(i for i in (self.move_start, self.move_end) if i is not None)

    @property
    def codes(self) -> int:
        """Codes per level."""
        return len(self.levels[0])

    def is_text(self, token: int) -> bool:
        """Tell if the id is a piece of text that a model writes."""
        return any(token in ids for ids in self.text)

    def is_plain(self, token: int) -> bool:
        """Tell if the id is a piece of plain text, such as a user types: no added word."""
        return self.is_text(token) and token not in self.added_words.values()

    def code(self, token: int) -> tuple[int, int] | None:
        """(level, code) of a motion token; None for any other id."""
        for level, ids in enumerate(self.levels):
            if token in ids:
                return level, token - ids.start
        return None

    def id_of(self, level: int, code: int) -> int:
        """The token id of a code. IndexError outside the codebooks."""
        return self.levels[level][code]
