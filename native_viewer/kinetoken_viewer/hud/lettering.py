"""Text of any script at one size: each letter in the first font that has it.

The viewer's own font comes first, then those of the machine. A letter that none of them has is
drawn as a box with its number in Unicode, so that one can look up what is missing.
"""

from __future__ import annotations

import bisect
import functools
import unicodedata
from typing import Any, Final, NamedTuple

from PIL import Image, ImageDraw

from .typeface import Rgba, Typeface, own_typeface, system_typeface

_JOINER: Final = "\u200d"
_NO_TEXT: Final = "\ufffd"  # for halves of letters that are no text
_SMALL_DIGITS: Final = 0.46  # of the text's size, in the box of a letter that no font has


class _Run(NamedTuple):
    """Letters in one font; a letter that no font has stands alone, without a face."""

    text: str
    face: Typeface | None


class Lettering:
    """Measures and draws lines of text at a size in pixels."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._own = own_typeface(size)

    def length(self, text: str) -> float:
        """Width of the line in pixels."""
        return sum(self._length(run) for run in _runs(text, self.size))

    def fitting(self, text: str, width: float) -> int:
        """The number of letters that fit into so many pixels; one at least."""
        most = 8
        while most < len(text) and self.length(text[:most]) <= width:
            most *= 2  # a long text is never measured whole
        counts = range(2, min(most, len(text)) + 1)
        return 1 + bisect.bisect_right(counts, width, key=lambda n: self.length(text[:n]))

    def draw(
        self, image: Image.Image, place: tuple[float, float], text: str, fill: Rgba, **edge: Any
    ) -> None:
        """Draws the line from its upper left corner; `edge` goes to Pillow's ImageDraw.text."""
        x, baseline = place[0], place[1] + self._own.ascent
        for run in _runs(text, self.size):
            if run.face is not None:
                run.face.draw(image, x, baseline, run.text, fill, **edge)
            else:
                self._draw_box(image, x, baseline, run.text, fill)
            x += self._length(run)

    @property
    def height(self) -> float:
        """Pixels from the top of the highest letters to the bottom of the lowest."""
        return self._own.ascent + self._own.descent

    def _length(self, run: _Run) -> float:
        return _box_width(run.text, self.size) if run.face is None else run.face.length(run.text)

    def _draw_box(
        self, image: Image.Image, x: float, baseline: float, letter: str, fill: Rgba
    ) -> None:
        small, gap = _digits(self.size), 0.1 * self.size
        width, top = _box_width(letter, self.size), baseline - 0.95 * self.size
        frame = (x + gap, top, x + width - gap, baseline + 0.12 * self.size)
        ImageDraw.Draw(image).rounded_rectangle(
            frame, radius=gap, outline=fill, width=max(1, self.size // 20)
        )
        step = (frame[3] - frame[1]) / 2
        for index, row in enumerate(_code_rows(letter)):
            left = x + (width - small.length(row)) / 2
            small.draw(image, left, top + (index + 0.85) * step, row, fill)


def _digits(size: int) -> Typeface:
    return own_typeface(max(5, round(_SMALL_DIGITS * size)))


@functools.lru_cache(maxsize=256)
def _box_width(letter: str, size: int) -> float:
    return max(_digits(size).length(row) for row in _code_rows(letter)) + 0.5 * size


def _code_rows(letter: str) -> tuple[str, str]:
    """The letter's number in Unicode, in two rows of hexadecimal digits."""
    code = f"{ord(letter):04X}"
    half = (len(code) + 1) // 2
    return code[:half], code[half:]


@functools.lru_cache(maxsize=256)
def _runs(text: str, size: int) -> tuple[_Run, ...]:
    """The text as pieces of one font each."""
    text, own = unicodedata.normalize("NFC", text), own_typeface(size)
    if own.has(text):
        return (_Run(text, own),)
    runs: list[_Run] = []
    for cluster in _clusters(text):
        last = runs[-1].face if runs else None
        for run in _faced(cluster, size, last):
            if runs and run.face is not None and runs[-1].face is run.face:
                runs[-1] = _Run(runs[-1].text + run.text, run.face)
            else:
                runs.append(run)
    return tuple(_joined(runs, own))


def _clusters(text: str) -> list[str]:
    """Letters with the marks on them."""
    out: list[str] = []
    for letter in text:
        kind = unicodedata.category(letter)
        if kind == "Cs":
            out.append(_NO_TEXT)
        elif out and (kind[0] == "M" or kind == "Cf" or out[-1].endswith(_JOINER)):
            out[-1] += letter
        elif kind not in ("Cc", "Cf"):
            out.append(letter)
    return out


def _faced(cluster: str, size: int, last: Typeface | None) -> list[_Run]:
    """A cluster in one font, if there is one for all of it; else letter by letter."""
    drawn = "".join(letter for letter in cluster if not _unseen(letter))
    own = own_typeface(size)
    if own.has(drawn):
        return [_Run(drawn, own)]
    face = last if last is not None and last.has(drawn) else system_typeface(drawn, size)
    if face is not None:
        return [_Run(cluster, face)]
    if len(drawn) == 1:
        return [_Run(drawn, None)]
    return [run for letter in drawn for run in _faced(letter, size, last)]


def _unseen(letter: str) -> bool:
    """True for what only says how others are drawn: joiners, directions, variants."""
    return unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"


def _joined(runs: list[_Run], own: Typeface) -> list[_Run]:
    """The runs, where spaces and marks between two of another font belong to it.

    A script that is written from right to left is laid out as a whole.
    """
    out: list[_Run] = []
    for index, run in enumerate(runs):
        before = out[-1].face if out else None
        after = runs[index + 1].face if index + 1 < len(runs) else None
        foreign = before is not None and before is not own
        between = run.face is own and foreign and before is after and _neutral(run.text)
        if (
            foreign
            and before is not None
            and (run.face is before or (between and before.has(run.text)))
        ):
            out[-1] = _Run(out[-1].text + run.text, before)
        else:
            out.append(run)
    return out


def _neutral(text: str) -> bool:
    return all(unicodedata.category(letter)[0] in "ZPSN" for letter in text)
