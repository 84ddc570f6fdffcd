"""Text as pictures, drawn by Pillow for every renderer."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ..render.pixels import Pixels
from .lettering import Lettering
from .typeface import Rgba

WHITE_TEXT: Final = (240, 242, 245, 255)
SOFT_TEXT: Final = (176, 184, 196, 255)
DIM_TEXT: Final = (140, 148, 160, 255)
AMBER: Final = (255, 200, 110, 255)
VEIL: Final = (14, 16, 21, 215)
ACCENT: Final = (61, 139, 253, 255)
_DESIGN_HEIGHT: Final = 720  # pixels: sizes of the design are for this height
_SMALLEST_SCALE: Final = 0.8  # of the design's text, if the picture is large enough to hold it


class Panel(NamedTuple):
    """A picture with transparency and its place, pixels from the top left."""

    image: Image.Image
    x: int
    y: int


class Bar(NamedTuple):
    """A filled rectangle, pixels from the top left."""

    x: float
    y: float
    width: float
    height: float
    colour: Rgba


def scale_of(height: int) -> float:
    """Scale of the design in a picture of this height; text does not shrink with small ones."""
    return max(height / _DESIGN_HEIGHT, min(_SMALLEST_SCALE, max(0.5, height / 400)))


def wrap(text: str, size: int, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces; a longer word is broken anywhere."""
    face = Lettering(size)
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if face.fitting(longer, width) == len(longer):
            line = longer
            continue
        if line:
            lines.append(line)
        while (fits := face.fitting(word, width)) < len(word):
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines


def wrap_parts(parts: Sequence[str], gap: str, size: int, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken only between parts, which `gap` holds apart."""
    face, lines = Lettering(size), [""]
    for part in parts:
        longer = f"{lines[-1]}{gap}{part}" if lines[-1] else part
        if lines[-1] and face.length(longer) > width:
            lines.append(part)
        else:
            lines[-1] = longer
    return lines


def first_lines(lines: list[str], most: int) -> list[str]:
    """The first lines, with an ellipsis if there are more."""
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1] + " …"]


@functools.lru_cache(maxsize=64)
def text_image(lines: tuple[str, ...], size: int, colour: Rgba) -> Image.Image:
    """Lines of text on nothing, with a soft dark edge that keeps them legible over the body."""
    face = Lettering(size)
    step = round(size * 1.36)
    edge = max(1, size // 12)
    width = max(int(face.length(line)) for line in lines) + 4 * edge
    image = Image.new("RGBA", (width, step * len(lines) + 2 * edge), (12, 14, 18, 0))
    shade = (12, 14, 18, 110)
    for row, line in enumerate(lines):
        place = (edge, edge + row * step)
        face.draw(image, place, line, colour, stroke_width=edge, stroke_fill=shade)
        face.draw(image, place, line, colour)
    return image


def framed(inside: Image.Image, margin: int, back: Rgba = VEIL) -> Image.Image:
    """The picture on a rounded ground with a margin."""
    image = Image.new("RGBA", (inside.width + 2 * margin, inside.height + 2 * margin))
    ground = (0, 0, image.width - 1, image.height - 1)
    ImageDraw.Draw(image).rounded_rectangle(ground, radius=margin, fill=back)
    image.alpha_composite(inside, (margin, margin))
    return image


def stamp(picture: Pixels, panels: Sequence[Panel], bars: Sequence[Bar] = ()) -> Pixels:
    """The picture (h, w, 3) with panels and rectangles over it; a new array."""
    image = Image.fromarray(picture).convert("RGBA")
    if bars:
        layer = Image.new("RGBA", image.size)
        draw = ImageDraw.Draw(layer)
        for bar in bars:
            draw.rectangle((bar.x, bar.y, bar.x + bar.width, bar.y + bar.height), fill=bar.colour)
        image.alpha_composite(layer)
    for panel in panels:
        image.alpha_composite(panel.image, (max(0, panel.x), max(0, panel.y)))
    return np.asarray(image.convert("RGB"))
