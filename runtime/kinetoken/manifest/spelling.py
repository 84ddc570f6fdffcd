"""The text of motion tokens, as a template that a checkpoint's tokenizer is described by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

_NUMBERS: Final = ("{level}", "{code}")
_SPLIT: Final = re.compile(r"(\{level\}|\{code\})")


@dataclass(frozen=True)
class Spelling:
    """How motion tokens are written; see tokens/markup.py, which reads and writes them."""

    code: str = "<m_{level}_{code}>"
    """A code of a level. Without {level}: there is one level."""
    start: str = "<move>"
    """Opens a block; empty if nothing does: a block is then all codes up to the next word."""
    end: str = "</move>"
    """Closes a block; empty if nothing does."""

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """The template of a code, cut into literal text, "{level}" and "{code}"."""
        return tuple(filter(None, _SPLIT.split(self.code)))

    @property
    def has_level(self) -> bool:
        """True if a token says its level."""
        return "{level}" in self.pieces

    @property
    def problem(self) -> str | None:
        """Why no text can be read with it, in a few words; None if all is well."""
        pieces, what = (
            self.pieces,
            f"expected motion tokens such as <m_{{level}}_{{code}}>, got {self.code!r}",
        )
        if pieces.count("{code}") != 1 or pieces.count("{level}") > 1:
            return f"{what}: it needs {{code}} once, and {{level}} at most once"
        if pieces[0] in _NUMBERS or self.code.split() != [self.code]:
            return f"{what}: it has to begin with text, and to have no spaces"
        if any(a in _NUMBERS and (b in _NUMBERS or b[0].isdigit()) for a, b in pairwise(pieces)):
            return f"{what}: two numbers have to be kept apart"
        around = [self.start, self.end] if self.start or self.end else []
        if len(set(around)) != len(around) or any(text.split() != [text] for text in around):
            return (
                "expected two different texts without spaces around a block, or none, "
                f"got {self.start!r} and {self.end!r}"
            )
        return None

    def spell(self, level: int, code: int) -> str:
        """The text of a motion token."""
        return self.code.replace("{level}", str(level)).replace("{code}", str(code))

    @property
    def note(self) -> str:
        """The three texts in one line; `from_note` reads it."""
        return f"{self.code} {self.start} {self.end}".rstrip()

    @classmethod
    def from_note(cls, note: str) -> Spelling | None:
        """The spelling in a note; None if it is none."""
        code, start, end = (*note.split(" "), "", "", "")[:3]
        spelling = cls(code, start, end)
        return spelling if spelling.note == note and spelling.problem is None else None

    @property
    def shown(self) -> str:
        """The template for people: <m_LEVEL_CODE>."""
        return self.code.replace("{level}", "LEVEL").replace("{code}", "CODE")
