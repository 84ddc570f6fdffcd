"""The keys and what they do, as a panel that fits the picture."""

from __future__ import annotations

import functools
from typing import Final

from PIL import Image, ImageDraw

from .panels import SOFT, WHITE, font, framed

Keys = tuple[tuple[str, str], ...]
OPAQUE: Final = (14, 16, 21, 250)  # what lies under it would be read with it

KEYS: Final = (
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


SHORT: Final = (
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
"""What there is room for on a small panel."""
LEGIBLE: Final = 9  # pixels of a letter, below which the short list is shown instead


def help_image(scale: float, width: int, height: int) -> Image.Image:
    """All keys in one column or two, whichever can be larger; the most useful ones where all would be too small to read."""
    size, image = _fitted(KEYS, (1, 2), scale, width, height)
    return image if size >= LEGIBLE else _fitted(SHORT, (1,), scale, width, height)[1]


def _fitted(
    keys: Keys, columns: tuple[int, ...], scale: float, width: int, height: int
) -> tuple[int, Image.Image]:
    """Pixels of its letters, and the largest picture that is no larger than so much."""
    sizes = {count: _drawn(keys, scale, count).size for count in columns}
    fits = {count: min(1.0, 0.98 * width / w, 0.98 * height / h) for count, (w, h) in sizes.items()}
    best = max(fits, key=lambda count: (fits[count], -count))
    scale *= fits[best]
    image = _drawn(keys, scale, best)
    while scale > 0.3 and (
        image.width > width or image.height > height
    ):  # letters come in whole pixels
        scale *= 0.95
        image = _drawn(keys, scale, best)
    return letters(scale), image


def letters(scale: float) -> int:
    """Pixels of a letter of the help."""
    return max(6, round(15 * scale))


@functools.lru_cache(maxsize=64)
def _drawn(keys: Keys, scale: float, columns: int) -> Image.Image:
    size = letters(scale)
    face, step = font(size), round(size * 1.6)
    gap = max(int(face.getlength(key)) for key, _ in keys) + round(18 * scale)
    column = gap + max(int(face.getlength(what)) for _, what in keys) + round(24 * scale)
    rows = -(-len(keys) // columns)
    image = Image.new("RGBA", (column * columns, step * rows), (12, 14, 18, 0))
    draw = ImageDraw.Draw(image)
    for index, (key, what) in enumerate(keys):
        x, y = column * (index // rows), step * (index % rows)
        draw.text((x, y), key, font=face, fill=WHITE)
        draw.text((x + gap, y), what, font=face, fill=SOFT)
    return framed(image, round(min(20 * scale, size)), OPAQUE)
