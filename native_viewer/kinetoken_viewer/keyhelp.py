"""The keys and what they do, as a panel that fits the picture."""

from __future__ import annotations

import functools
from typing import Final

from PIL import Image, ImageDraw

from .hud import SOFT, WHITE, font, framed

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


def help_image(scale: float, width: int, height: int) -> Image.Image:
    """In one column or two, whichever can be larger, and no larger than the picture."""
    sizes = {columns: _drawn(scale, columns).size for columns in (1, 2)}
    fits = {columns: min(1.0, 0.98 * width / w, 0.98 * height / h) for columns, (w, h) in sizes.items()}
    best = max(fits, key=lambda columns: (fits[columns], -columns))
    scale *= fits[best]
    image = _drawn(scale, best)
    while scale > 0.3 and (image.width > width or image.height > height):  # letters come in whole pixels
        scale *= 0.95
        image = _drawn(scale, best)
    return image


@functools.lru_cache(maxsize=64)
def _drawn(scale: float, columns: int) -> Image.Image:
    size = max(6, round(15 * scale))
    face, step = font(size), round(size * 1.6)
    gap = max(int(face.getlength(key)) for key, _ in KEYS) + round(18 * scale)
    column = gap + max(int(face.getlength(what)) for _, what in KEYS) + round(24 * scale)
    rows = -(-len(KEYS) // columns)
    image = Image.new("RGBA", (column * columns, step * rows), (12, 14, 18, 0))
    draw = ImageDraw.Draw(image)
    for index, (key, what) in enumerate(KEYS):
        x, y = column * (index // rows), step * (index % rows)
        draw.text((x, y), key, font=face, fill=WHITE)
        draw.text((x + gap, y), what, font=face, fill=SOFT)
    return framed(image, round(20 * scale))
