"""Motion tokens as text, <move><m_0_123><m_1_54>...</move>, written and read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from ..base.errors import TokenError
from ..manifest.spelling import Spelling

SPELLING_NOTE: Final = "motion_tokens"
"""Note of a clip that says how its text spells motion tokens, unless it is the usual way."""
_LEVEL_DIGITS: Final = 6
_CODE_DIGITS: Final = 9
_MOST: Final = {"{level}": _LEVEL_DIGITS, "{code}": _CODE_DIGITS}
"""Digits of each number; a token with more is none."""


class Markup:
    """Motion tokens as one model writes them."""

    def __init__(self, spelling: Spelling | None = None) -> None:
        """`spelling`: as the manifest says; None: <move><m_LEVEL_CODE></move>."""
        self.spelling = spelling = spelling or Spelling()
        self.start, self.end = spelling.start, spelling.end
        """What opens and closes a block; empty if nothing does."""
        number = {"{level}": r"(?P<level>\d{1,6})", "{code}": r"(?P<code>\d{1,9})"}
        self.token = re.compile(
            "".join(number.get(piece) or re.escape(piece) for piece in spelling.pieces), re.ASCII
        )
        """Matches a motion token; `place` reads the match."""
        self._longest = sum(_MOST.get(piece) or len(piece) for piece in spelling.pieces)
        self._longest = max(self._longest, len(self.start), len(self.end))
        self._any = re.compile("|".join([*self._marker_patterns, self._attempt]))

    @property
    def markers(self) -> tuple[str, ...]:
        """What opens and closes a block, as far as the model has it."""
        return (self.start, self.end) if self.start else ()

    @property
    def example(self) -> str:
        """A short text in this spelling, for messages."""
        return f"{self.start}{self.spell(0, 5)}...{self.end}"

    def spell(self, level: int, code: int) -> str:
        """The text of a motion token."""
        return self.spelling.spell(level, code)

    def spell_frame(self, frame: Sequence[int]) -> str:
        """The text of a code frame; missing levels (-1) are left out."""
        return "".join(self.spell(level, code) for level, code in enumerate(frame) if code >= 0)

    def place(self, found: re.Match[str]) -> tuple[int, int]:
        """Level and code of a match of `token`."""
        said = found.groupdict()
        return int(said.get("level") or 0), int(said["code"])

    def find_attempts(self, text: str) -> Iterator[re.Match[str]]:
        """Whatever looks as if it were a marker or motion token, one after another."""
        return self._any.finditer(text)

    def without_motion(self, text: str) -> str:
        """The words of an answer: spaces stand where blocks and motion tokens stood."""
        return self._motion.sub(" ", text)

    def begins_token(self, text: str) -> int:
        """Index in a text from which on a token may have begun that is not complete yet.

        The length of the text, if there is none.
        """
        for at in range(max(0, len(text) - self._longest), len(text)):
            if self.may_begin_token(text[at:]):
                return at
        return len(text)

    def may_begin_token(self, text: str) -> bool:
        """Tell if a text begins a marker or motion token that is not complete yet."""
        if any(marker.startswith(text) and marker != text for marker in self.markers):
            return True
        for piece in self.spelling.pieces:
            if piece not in _MOST:
                if len(text) < len(piece):
                    return piece.startswith(text)
                if not text.startswith(piece):
                    return False
                text = text[len(piece) :]
                continue
            digits = len(text) - len(text.lstrip("0123456789"))
            if digits > _MOST[piece] or (not digits and text):
                return False
            if digits == len(text):
                return True
            text = text[digits:]
        return False

    @cached_property
    def _motion(self) -> re.Pattern[str]:
        start, end = re.escape(self.start), re.escape(self.end)
        blocks = [f"{start}.*?(?:{end}|$)"] if self.start else []
        return re.compile(
            "|".join([*blocks, _ungrouped(self.token.pattern), *self._marker_patterns]),
            re.DOTALL | re.ASCII,
        )

    @property
    def _marker_patterns(self) -> list[str]:
        return [re.escape(marker) for marker in self.markers]

    @property
    def _attempt(self) -> str:
        """Pattern of whatever begins like a motion token, up to where it ends."""
        first, last = self.spelling.pieces[0], self.spelling.pieces[-1]
        if last in _MOST:
            return rf"{re.escape(first)}[^\W{re.escape(first[0])}]*"
        stop = re.escape(first[0] + last[0])
        return rf"{re.escape(first)}[^{stop}\s]*(?:{re.escape(last)})?"


def _ungrouped(pattern: str) -> str:
    return re.sub(r"\?P<\w+>", "?:", pattern)


DEFAULT_MARKUP: Final = Markup()
"""<move><m_LEVEL_CODE></move>, in which the bundles of the first exports are written."""


def markup_of_notes(notes: Mapping[str, str]) -> Markup:
    """The markup of a clip's text, by the clip's notes."""
    spelling = Spelling.from_note(notes.get(SPELLING_NOTE, ""))
    return DEFAULT_MARKUP if spelling is None else Markup(spelling)


def spelling_notes(spelling: Spelling) -> dict[str, str]:
    """Notes of a clip whose text is spelled so; none for the usual spelling."""
    return {} if spelling == DEFAULT_MARKUP.spelling else {SPELLING_NOTE: spelling.note}


@dataclass(frozen=True)
class Reading:
    """The motion in a text."""

    frames: list[tuple[int, ...]] = field(default_factory=list)
    """Code frames of Q codes, -1 for missing levels."""
    left_out: list[str] = field(default_factory=list)
    """One line for each token that fits nowhere: where, what, why. Empty when read strictly."""
    blocks: list[int] = field(default_factory=list)
    """Number of the block that each frame belongs to."""
    partial: int = 0
    """Frames kept without their last levels. 0 when read strictly."""


def read_strictly(
    text: str,
    total_levels: int,
    codes: int,
    levels: int | None = None,
    markup: Markup = DEFAULT_MARKUP,
) -> Reading:
    """Read whole frames of `levels` codes in closed blocks; refuse any other motion token.

    TokenError names the first token that does not fit, and what was expected.
    """
    reader = _Reader(text, total_levels, codes, levels or total_levels, markup, strict=True)
    return reader.read()


def salvage(
    text: str,
    total_levels: int,
    codes: int,
    levels: int | None = None,
    markup: Markup = DEFAULT_MARKUP,
) -> Reading:
    """Read every frame that can be had, in a block or not.

    A frame that stops early is kept with the levels it has.
    """
    reader = _Reader(text, total_levels, codes, levels or total_levels, markup, strict=False)
    return reader.read()


class _Reader:
    """One pass over a text."""

    def __init__(
        self,
        text: str,
        total_levels: int,
        codes: int,
        levels: int,
        markup: Markup,
        *,
        strict: bool,
    ) -> None:
        self._text, self._markup, self._strict = text, markup, strict
        self._total, self._codes, self._levels = total_levels, codes, levels
        self._open = False
        self._frame: list[int] = []
        self._frames: list[tuple[int, ...]] = []
        self._blocks: list[int] = []
        self._block = 0
        self._left_out: list[str] = []
        self._partial = 0
        self._seen, self._line, self._line_start = 0, 1, 0  # up to where lines were counted

    def read(self) -> Reading:
        markup, end = self._markup, 0
        for found in markup.find_attempts(self._text):
            token, at = found.group(), found.start()
            if not markup.markers and at != end:
                self._end_frame(at, "words")
                self._block += 1
            end = found.end()
            if token in markup.markers:
                self._marker(token, at)
            else:
                self._motion(token, at)
        if self._open:
            self._odd(len(self._text), "the end of the text", f"expected {markup.end}")
        self._end_frame(len(self._text), "the end of the text")
        return Reading(self._frames, self._left_out, self._blocks, self._partial)

    def _marker(self, token: str, at: int) -> None:
        opens = token == self._markup.start
        if opens == self._open:
            why = "the block before it is still open" if opens else "no block is open"
            self._odd(at, token, why)
        self._end_frame(at, token)
        self._open = opens
        self._block += opens

    def _motion(self, token: str, at: int) -> None:
        markup = self._markup
        place = markup.token.fullmatch(token)
        if not place:
            return self._odd(at, token, f"expected {markup.spelling.shown}")
        level, code = markup.place(place)
        if level >= self._total or code >= self._codes:
            return self._odd(
                at, token, f"expected levels 0..{self._total - 1} and codes 0..{self._codes - 1}"
            )
        if self._strict and markup.start and not self._open:
            return self._odd(at, token, f"expected {markup.start} before it")
        if level == 0 and self._frame:
            self._end_frame(at, token)
        if level != len(self._frame):
            return self._odd(
                at, token, f"expected level {len(self._frame)} of frame {len(self._frames)}"
            )
        self._frame.append(code)
        if len(self._frame) == self._levels:
            self._keep()
        return None

    def _end_frame(self, at: int, token: str) -> None:
        """Refuse a frame that stops early, or keep it with the levels it has."""
        if not self._frame:
            return
        if self._strict:
            self._odd(at, token, self._stopped_early())
        self._partial += 1
        self._keep()

    def _stopped_early(self) -> str:
        have, frame = len(self._frame), len(self._frames)
        hint = f"; if all frames have {have}, give --levels {have}" if frame == 0 else ""
        return f"frame {frame} has {have} of {self._levels} levels{hint}"

    def _keep(self) -> None:
        self._frames.append((*self._frame, *(-1,) * (self._total - len(self._frame))))
        self._blocks.append(self._block)
        self._frame.clear()

    def _where(self, at: int) -> str:
        """Line and column of a place; places come in order, so the text is gone through once."""
        text, begin = self._text, self._seen
        self._line += text.count("\n", begin, at)
        self._line_start = max(self._line_start, text.rfind("\n", begin, at) + 1)
        self._seen = at
        return f"line {self._line}, column {at - self._line_start + 1}"

    def _odd(self, at: int, token: str, why: str) -> None:
        where = self._where(at)
        if self._strict:
            raise TokenError(f"{where}: {token[:40]}: {why}; --salvage keeps what fits")
        self._left_out.append(f"{where}: {token[:40]}: {why}")
