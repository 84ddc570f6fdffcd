"""Motion tokens as text, <move><m_0_123><m_1_54>...</move>, written and read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..base.errors import TokenError

MOVE_START: Final = "<move>"
MOVE_END: Final = "</move>"
_TOKEN: Final = re.compile(r"<move>|</move>|<m_[^<>\s]*>?")
MOTION_TOKEN: Final = re.compile(r"<m_(\d{1,6})_(\d{1,9})>", re.ASCII)
"""A motion token; its groups are the level and the code."""
_BEGUN: Final = re.compile(r"<(?:/?(?:m(?:o(?:ve?)?)?)?|m_(?:\d{1,6}(?:_\d{0,9})?)?)", re.ASCII)


def spell(level: int, code: int) -> str:
    """The text of a motion token."""
    return f"<m_{level}_{code}>"


def spell_frame(frame: Sequence[int]) -> str:
    """The text of a code frame; missing levels (-1) are left out."""
    return "".join(spell(level, code) for level, code in enumerate(frame) if code >= 0)


def may_begin_token(text: str) -> bool:
    """Tell if a text is the beginning of a marker or motion token that is not complete yet."""
    return _BEGUN.fullmatch(text) is not None


@dataclass(frozen=True)
class Reading:
    """The motion in a text."""

    frames: list[tuple[int, ...]] = field(default_factory=list)
    """Code frames of Q codes, -1 for missing levels."""
    left_out: list[str] = field(default_factory=list)
    """One line for each token that fits nowhere: where, what, why. Empty when read strictly."""
    partial: int = 0
    """Frames kept without their last levels. 0 when read strictly."""


def read_strictly(text: str, total_levels: int, codes: int, levels: int | None = None) -> Reading:
    """Read whole frames of `levels` codes in closed blocks; refuse any other motion token.

    TokenError names the first token that does not fit, and what was expected.
    """
    reader = _Reader(text, total_levels, codes, levels or total_levels, strict=True)
    return reader.read()


def salvage(text: str, total_levels: int, codes: int, levels: int | None = None) -> Reading:
    """Read every frame that can be had, in a block or not.

    A frame that stops early is kept with the levels it has.
    """
    reader = _Reader(text, total_levels, codes, levels or total_levels, strict=False)
    return reader.read()


class _Reader:
    """One pass over a text."""

    def __init__(
        self, text: str, total_levels: int, codes: int, levels: int, *, strict: bool
    ) -> None:
        self._text, self._strict = text, strict
        self._total, self._codes, self._levels = total_levels, codes, levels
        self._open = False
        self._frame: list[int] = []
        self._frames: list[tuple[int, ...]] = []
        self._left_out: list[str] = []
        self._partial = 0

    def read(self) -> Reading:
        for found in _TOKEN.finditer(self._text):
            token, at = found.group(), found.start()
            if token in (MOVE_START, MOVE_END):
                self._marker(token, at)
            else:
                self._motion(token, at)
        if self._open:
            self._odd(len(self._text), "the end of the text", f"expected {MOVE_END}")
        self._end_frame(len(self._text), "the end of the text")
        return Reading(self._frames, self._left_out, self._partial)

    def _marker(self, token: str, at: int) -> None:
        opens = token == MOVE_START
        if opens == self._open:
            why = "the block before it is still open" if opens else "no block is open"
            self._odd(at, token, why)
        self._end_frame(at, token)
        self._open = opens

    def _motion(self, token: str, at: int) -> None:
        place = MOTION_TOKEN.fullmatch(token)
        if not place:
            return self._odd(at, token, "expected <m_LEVEL_CODE>")
        level, code = int(place[1]), int(place[2])
        if level >= self._total or code >= self._codes:
            return self._odd(
                at, token, f"expected levels 0..{self._total - 1} and codes 0..{self._codes - 1}"
            )
        if self._strict and not self._open:
            return self._odd(at, token, f"expected {MOVE_START} before it")
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
        self._frame.clear()

    def _odd(self, at: int, token: str, why: str) -> None:
        before = self._text[:at]
        where = f"line {before.count(chr(10)) + 1}, column {at - before.rfind(chr(10))}"
        if self._strict:
            raise TokenError(f"{where}: {token[:40]}: {why}; --salvage keeps what fits")
        self._left_out.append(f"{where}: {token[:40]}: {why}")
