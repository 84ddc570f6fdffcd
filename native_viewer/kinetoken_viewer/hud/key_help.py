"""The keys and what they do, as a panel that fits the picture."""

from __future__ import annotations

import functools
from typing import Final

from PIL import Image

from .lettering import Lettering
from .text import SOFT_TEXT, WHITE_TEXT, framed

_KeyList = tuple[tuple[str, str], ...]

ALL_KEYS: Final = (
    ("Enter, / or click", "write a prompt; Enter sends it, Esc leaves the line"),
    ("backspace", "stop the answer"),
    ("space", "pause or play"),
    ("left / right", "one frame back or on; with shift a second"),
    ("down / up", "slower or faster"),
    ("R, Home / End", "to the start / to the end"),
    ("L", "loop on or off"),
    ("I / O / X", "play from here / to here / all of it again"),
    ("time bar", "click or drag to scrub; shift drag plays that part"),
    ("drag, wheel", "orbit; right or shift drag pans; wheel zooms"),
    ("F / A", "follow the body / frame everything"),
    ("1 to 6", "three-quarter, front, left, right, back, top"),
    ("T / G / C", "trail / ghost poses / contacts"),
    ("K", "foot lock on or off"),
    ("S / V", "save a picture / start or end a film"),
    ("H", "this help"),
    ("Q, Esc", "close"),
)

FEW_KEYS: Final = (
    ("Enter", "write a prompt"),
    ("backspace", "stop the answer"),
    ("space", "pause or play"),
    ("left / right", "one frame back or on"),
    ("down / up", "slower or faster"),
    ("R / L", "to the start / loop"),
    ("I / O / X", "from here / to here / all"),
    ("drag, wheel", "orbit, zoom"),
    ("F / A / 1 to 6", "follow / all / sides"),
    ("T / G / C / K", "trail, ghosts, contacts, lock"),
    ("S / V", "picture / film"),
    ("H / Q", "this help / close"),
)
"""The most useful keys, for a small picture."""
LEGIBLE_PIXELS: Final = 9  # of a letter, below which the short list is shown instead
_OPAQUE: Final = (14, 16, 21, 250)  # nothing under the panel may be read with it


def help_image(scale: float, width: int, height: int, about: _KeyList = ()) -> Image.Image:
    """All keys in one column or two, whichever is larger; in a small picture only a few.

    `about`: more lines, of what is loaded.
    """
    size, image = fitted((*ALL_KEYS, *about), (1, 2), scale, width, height)
    if size >= LEGIBLE_PIXELS:
        return image
    return fitted((*FEW_KEYS, *about), (1,), scale, width, height)[1]


def fitted(
    keys: _KeyList, columns: tuple[int, ...], scale: float, width: int, height: int
) -> tuple[int, Image.Image]:
    """Pixels of a letter, and the largest picture of the keys that fits."""
    sizes = {count: _drawn(keys, scale, count).size for count in columns}
    fits = {count: min(1.0, 0.98 * width / w, 0.98 * height / h) for count, (w, h) in sizes.items()}
    best = max(fits, key=lambda count: (fits[count], -count))
    scale *= fits[best]
    image = _drawn(keys, scale, best)
    # Letters come in whole pixels, so the first guess may be too large.
    while scale > 0.3 and (image.width > width or image.height > height):
        scale *= 0.95
        image = _drawn(keys, scale, best)
    return _letter_pixels(scale), image


def _letter_pixels(scale: float) -> int:
    return max(6, round(15 * scale))


@functools.lru_cache(maxsize=64)
def _drawn(keys: _KeyList, scale: float, columns: int) -> Image.Image:
    size = _letter_pixels(scale)
    face, step = Lettering(size), round(size * 1.6)
    gap = max(int(face.length(key)) for key, _ in keys) + round(18 * scale)
    column = gap + max(int(face.length(effect)) for _, effect in keys) + round(24 * scale)
    rows = -(-len(keys) // columns)
    image = Image.new("RGBA", (column * columns, step * rows), (12, 14, 18, 0))
    for index, (key, effect) in enumerate(keys):
        x, y = column * (index // rows), step * (index % rows)
        face.draw(image, (x, y), key, WHITE_TEXT)
        face.draw(image, (x + gap, y), effect, SOFT_TEXT)
    return framed(image, round(min(20 * scale, size)), _OPAQUE)
