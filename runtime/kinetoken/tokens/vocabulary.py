"""The meaning of each token id: the only place that knows ids."""

from __future__ import annotations

from dataclasses import dataclass

from ..manifest.schema import Manifest


@dataclass(frozen=True)
class Vocabulary:
    """The ids of plain text, block markers, the codes of every level, and the end of a turn."""

    text: tuple[range, ...]
    move_start: int
    move_end: int
    levels: tuple[range, ...]
    """One range per level, coarsest first; the id of code v is `levels[k][v]`."""
    end_of_turn: tuple[int, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> Vocabulary:
        """The vocabulary of a checked manifest."""
        return cls(
            text=tuple(range(*ids) for ids in manifest.tokenizer.text_ids),
            move_start=manifest.motion.move_start,
            move_end=manifest.motion.move_end,
            levels=tuple(range(*ids) for ids in manifest.motion.levels),
            end_of_turn=manifest.tokenizer.end_of_turn,
        )

    @property
    def codes(self) -> int:
        """Codes per level."""
        return len(self.levels[0])

    def is_text(self, token: int) -> bool:
        """Tell if the id is a piece of plain text."""
        return any(token in ids for ids in self.text)

    def code(self, token: int) -> tuple[int, int] | None:
        """(level, code) of a motion token; None for any other id."""
        for level, ids in enumerate(self.levels):
            if token in ids:
                return level, token - ids.start
        return None

    def id_of(self, level: int, code: int) -> int:
        """The token id of a code. IndexError outside the codebooks."""
        return self.levels[level][code]
