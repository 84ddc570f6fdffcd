"""One font at one size: the viewer's own, or one of the machine's."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import MissingPackageError

from .system_fonts import FontFile, fonts_for

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:  # pragma: no cover - the extra brings it
    raise MissingPackageError("Pillow", "viewer") from error

Rgba = tuple[int, int, int, int]
OWN_FONT: Final = FontFile(str(Path(__file__).parent / "fonts" / "NotoSans-Regular.ttf"))
"""Latin, Greek and Cyrillic, so that these look the same on every machine."""
_NO_LETTER: Final = "\U0010ffff"  # no font has a picture of it but the one for missing letters
_SHAPED: Final = (
    (0x0590, 0x109F), (0x1200, 0x1CFF), (0xA800, 0xABFF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFF),
    (0x10800, 0x11FFF), (0x1F000, 0x1FAFF),
)  # fmt: skip
"""Letters whose look or place depends on their neighbours: Arabic, Indic scripts, emoji."""
_BITMAP_PIXELS: Final = (109, 136, 128, 160, 96, 64)  # sizes of fonts that hold pictures: emoji


class Typeface:
    """A font file at a size in pixels. OSError if it cannot be read."""

    def __init__(self, file: FontFile, size: int, layout: ImageFont.Layout | None) -> None:
        """`layout`: the shaping of letters; None is the best that Pillow has here."""
        self._face, self._scale = _opened(file, size, layout)
        self._missing = self._picture(_NO_LETTER)
        self._known: dict[str, bool] = {}
        self.ascent = self._face.getmetrics()[0] * self._scale
        self.descent = self._face.getmetrics()[1] * self._scale

    def has(self, letters: str) -> bool:
        """True if the font has all of these letters."""
        known = self._known
        for letter in letters:
            if letter not in known:
                known[letter] = self._picture(letter) != self._missing
            if not known[letter]:
                return False
        return True

    def _picture(self, letter: str) -> tuple[tuple[int, int], bytes]:
        mask = self._face.getmask(letter, mode="L")
        return mask.size, bytes(mask)

    def length(self, text: str) -> float:
        """Pixels from the text's beginning to the next one's."""
        return self._face.getlength(text) * self._scale

    def draw(
        self, image: Image.Image, x: float, baseline: float, text: str, fill: Rgba, **edge: Any
    ) -> None:
        """Draws the text over the picture; `edge` goes to Pillow's ImageDraw.text."""
        if self._scale == 1.0:
            ImageDraw.Draw(image).text(
                (x, baseline), text, fill, self._face, "ls", embedded_color=True, **edge
            )
            return
        ascent, descent = self._face.getmetrics()
        large = Image.new("RGBA", (max(1, round(self._face.getlength(text))), ascent + descent))
        ImageDraw.Draw(large).text((0, ascent), text, fill, self._face, "ls", embedded_color=True)
        size = (max(1, round(large.width * self._scale)), max(1, round(large.height * self._scale)))
        place = (max(0, round(x)), max(0, round(baseline - ascent * self._scale)))
        image.alpha_composite(large.resize(size, Image.Resampling.LANCZOS), place)


def _opened(
    file: FontFile, size: int, layout: ImageFont.Layout | None
) -> tuple[ImageFont.FreeTypeFont, float]:
    """The font, and the factor by which its pictures are scaled, if it has them in few sizes."""
    try:
        return ImageFont.truetype(file.path, size, file.number, layout_engine=layout), 1.0
    except OSError:
        for pixels in _BITMAP_PIXELS:
            try:
                face = ImageFont.truetype(file.path, pixels, file.number, layout_engine=layout)
            except OSError:
                continue
            return face, size / pixels
        raise


@functools.lru_cache(maxsize=64)
def own_typeface(size: int) -> Typeface:
    """The viewer's own font, laid out in the one way that Pillow has everywhere."""
    return Typeface(OWN_FONT, size, ImageFont.Layout.BASIC)


@functools.lru_cache(maxsize=1024)
def system_typeface(letters: str, size: int) -> Typeface | None:
    """A font of the machine that has all of these letters; None if there is none."""
    for file in fonts_for(letters):
        face = _usable(file, size, shaped=any(map(_needs_shaping, letters)))
        if face is not None and face.has(letters):
            return face
    return None


@functools.lru_cache(maxsize=256)
def _usable(file: FontFile, size: int, *, shaped: bool) -> Typeface | None:
    # Shaping takes ten milliseconds a line in a font of many thousand letters.
    layout = None if shaped else ImageFont.Layout.BASIC
    try:
        return Typeface(file, size, layout)
    except (OSError, ValueError):
        return None


def _needs_shaping(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _SHAPED)
