"""Words on the picture, drawn by Pillow for every renderer: caption, thought, status, messages, key help, time bar.

No system font library is needed; DejaVu is used where it is installed, else the font inside Pillow.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from kinetoken.errors import MissingPackageError

from .promptline import Line
from .shot import Pixels

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:  # pragma: no cover - the extra brings it
    raise MissingPackageError("Pillow", "viewer") from error

Rgba = tuple[int, int, int, int]

WHITE: Final = (240, 242, 245, 255)
SOFT: Final = (176, 184, 196, 255)
DIM: Final = (140, 148, 160, 255)
AMBER: Final = (255, 200, 110, 255)
VEIL: Final = (14, 16, 21, 215)
ACCENT: Final = (61, 139, 253, 255)
DESIGN_HEIGHT: Final = 720  # pixels: sizes below are for this height and scale with the picture
THOUGHT_LINES: Final = 4
GAP: Final = "   "  # between the parts of the status
_FONTS: Final = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf")
_MOTION: Final = re.compile(r"<move>.*?(?:</move>|$)|<m_\d+_\d+>|</?move>", re.DOTALL)

KEYS: Final = (
    ("space", "pause or play"),
    ("left / right", "one frame back or on"),
    ("down / up", "slower or faster"),
    ("R", "start again"),
    ("L", "loop on or off"),
    ("F", "follow the body on or off"),
    ("1 2 3 4 5", "three-quarter, front, left, back, top"),
    ("drag", "orbit; right or shift drag pans; wheel zooms"),
    ("time bar", "click or drag to scrub"),
    ("H", "this help"),
    ("Q, Esc", "close"),
)


@dataclass(frozen=True)
class Words:
    """Everything written on one picture."""

    prompt: str = ""
    thought: str = ""
    status: str = ""
    """One line at the bottom left."""
    message: str = ""
    """What needs attention: waiting, a failure."""
    help: bool = False
    line: Line | None = None
    """The prompt line, where there is one."""


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


class TimeBar(NamedTuple):
    """Where the time bar lies: left, top, width, height in pixels."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, width: int, height: int) -> TimeBar:
        """In a picture of this size."""
        scale = scale_of(height)
        margin = 22 * scale
        return cls(margin, height - 20 * scale, width - 2 * margin, 4 * scale)

    def share(self, x: float) -> float:
        """Pixel x as a share of the bar, 0 to 1."""
        return min(1.0, max(0.0, (x - self.x) / self.width))

    def holds(self, x: float, y: float) -> bool:
        """Whether a click at x, y is meant for the bar: it is easier to hit than it looks."""
        return self.x - 8 <= x <= self.x + self.width + 8 and abs(y - self.y) <= 4 * self.height

    def bars(self, played: float, arrived: float) -> list[Bar]:
        """The rectangles to draw for two shares, 0 to 1."""
        knob = self.height * 1.5
        at = self.x + self.width * played
        return [
            Bar(self.x, self.y, self.width, self.height, (255, 255, 255, 30)),
            Bar(self.x, self.y, self.width * arrived, self.height, (255, 255, 255, 60)),
            Bar(self.x, self.y, self.width * played, self.height, ACCENT),
            Bar(at - knob, self.y + self.height / 2 - knob, 2 * knob, 2 * knob, WHITE),
        ]


def spoken(text: str) -> str:
    """The thought in an answer: its words without the motion tokens, on one line."""
    return " ".join(_MOTION.sub(" ", text).split())


def scale_of(height: int) -> float:
    """How much larger than in the design the words are."""
    return max(0.66, height / DESIGN_HEIGHT)


def panels(words: Words, width: int, height: int) -> list[Panel]:
    """The words as pictures with their places."""
    scale = scale_of(height)
    margin = round(22 * scale)
    out: list[Panel] = []
    y = margin
    if words.prompt:
        lines = wrap(f"“{words.prompt}”", round(26 * scale), width - 2 * margin)[:2]  # fmt: skip
        out.append(Panel(text_image(tuple(lines), round(26 * scale), WHITE), margin, y))
        y += out[-1].image.height + round(6 * scale)
    if words.thought:
        size = round(16 * scale)
        lines = wrap(words.thought, size, min(width - 2 * margin, round(720 * scale)))
        if len(lines) > THOUGHT_LINES:  # the end is what is being written now
            lines = ["… " + lines[-THOUGHT_LINES], *lines[-THOUGHT_LINES + 1 :]]
        out.append(Panel(text_image(tuple(lines), size, SOFT), margin, y))
    bottom = height - round(32 * scale)
    if words.line is not None:
        from .linebox import LineBox  # it is made of what stands here

        box = LineBox.of(width, height)
        out.append(box.panel(words.line))
        bottom = round(box.y - 6 * scale)
    if words.status:
        size = round(14 * scale)
        image = text_image(tuple(rows(words.status, size, width - 2 * margin)), size, SOFT)
        bottom -= image.height
        out.append(Panel(image, margin, bottom))
    if words.message:
        out.append(_message(words.message, width, bottom - round(4 * scale), scale))
    if words.help:
        image = _help_image(scale)
        if image.width > width or image.height > height:
            image = image.resize((min(width, image.width), min(height, image.height)))
        out.append(Panel(image, (width - image.width) // 2, (height - image.height) // 2))
    return out


def stamp(picture: Pixels, placed: list[Panel], bars: list[Bar] | None = None) -> Pixels:
    """The picture (h, w, 3) with panels and rectangles over it; a new array."""
    image = Image.fromarray(picture).convert("RGBA")
    if bars:
        layer = Image.new("RGBA", image.size)
        draw = ImageDraw.Draw(layer)
        for bar in bars:
            draw.rectangle((bar.x, bar.y, bar.x + bar.width, bar.y + bar.height), fill=bar.colour)
        image.alpha_composite(layer)
    for panel in placed:
        image.alpha_composite(panel.image, (max(0, panel.x), max(0, panel.y)))
    return np.asarray(image.convert("RGB"))


@functools.lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A legible font of this many pixels."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def wrap(text: str, size: int, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces; a word longer than a line is broken anywhere."""
    face = font(size)
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if face.getlength(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while face.getlength(word) > width and len(word) > 1:
            fits = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or face.getlength(word[:n]) <= width)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines


@functools.lru_cache(maxsize=64)
def text_image(lines: tuple[str, ...], size: int, colour: Rgba) -> Image.Image:
    """Lines of text on nothing, with a soft dark edge that keeps them legible over the body."""
    face = font(size)
    step = round(size * 1.36)
    edge = max(1, size // 12)
    width = max(int(face.getlength(line)) for line in lines) + 4 * edge
    image = Image.new("RGBA", (width, step * len(lines) + 2 * edge), (12, 14, 18, 0))
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        place = (edge, edge + row * step)
        draw.text(place, line, font=face, fill=colour, stroke_width=edge, stroke_fill=(12, 14, 18, 110))
        draw.text(place, line, font=face, fill=colour)
    return image


def rows(status: str, size: int, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken only between the parts of a status, which three spaces hold apart."""
    face, lines = font(size), [""]
    for part in status.split(GAP):
        longer = f"{lines[-1]}{GAP}{part}" if lines[-1] else part
        if lines[-1] and face.getlength(longer) > width:
            lines.append(part)
        else:
            lines[-1] = longer
    return lines


def _message(text: str, width: int, bottom: int, scale: float) -> Panel:
    """Its lower edge at `bottom`, on the right."""
    lines = wrap(text, round(16 * scale), round(max(width * 0.42, min(width * 0.8, 300))))[:5]
    image = _framed(text_image(tuple(lines), round(16 * scale), AMBER), round(12 * scale))
    return Panel(image, width - round(22 * scale) - image.width, bottom - image.height)


@functools.lru_cache(maxsize=4)
def _help_image(scale: float) -> Image.Image:
    size = round(15 * scale)
    step, gap = round(size * 1.6), round(150 * scale)
    face = font(size)
    width = gap + max(int(face.getlength(what)) for _, what in KEYS) + 4
    image = Image.new("RGBA", (width, step * len(KEYS)), (12, 14, 18, 0))
    draw = ImageDraw.Draw(image)
    for row, (key, what) in enumerate(KEYS):
        draw.text((0, row * step), key, font=face, fill=WHITE)
        draw.text((gap, row * step), what, font=face, fill=SOFT)
    return _framed(image, round(20 * scale))


def _framed(inside: Image.Image, margin: int) -> Image.Image:
    image = Image.new("RGBA", (inside.width + 2 * margin, inside.height + 2 * margin))
    ImageDraw.Draw(image).rounded_rectangle((0, 0, image.width - 1, image.height - 1), radius=margin, fill=VEIL)
    image.alpha_composite(inside, (margin, margin))
    return image
