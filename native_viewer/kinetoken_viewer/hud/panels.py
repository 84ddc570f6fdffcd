"""Words on the picture, drawn by Pillow for every renderer: caption, thought, status, messages, key help, time bar.

No system font library is needed; DejaVu is used where it is installed, else the font inside Pillow.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from kinetoken.base.errors import MissingPackageError

from ..render.shot import Pixels
from ..stage.prompt_line import Line

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:  # pragma: no cover - the extra brings it
    raise MissingPackageError("Pillow", "viewer") from error

Rgba = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

WHITE: Final = (240, 242, 245, 255)
SOFT: Final = (176, 184, 196, 255)
DIM: Final = (140, 148, 160, 255)
AMBER: Final = (255, 200, 110, 255)
VEIL: Final = (14, 16, 21, 215)
ACCENT: Final = (61, 139, 253, 255)
DESIGN_HEIGHT: Final = 720  # pixels: sizes below are for this height and scale with the picture
SMALLEST: Final = 0.8  # of the design's words, where the picture is large enough to hold them
THOUGHT_LINES: Final = 4
SMALL: Final = 400  # pixels of height, below which words leave more of the picture to the body
SMALL_THOUGHT_LINES: Final = 2
MARGIN: Final = 22  # pixels of the design between words and the picture's edge
GAP: Final = "   "  # between the parts of the status
_FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
)
_WIDE_FONTS: Final = (
    "NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf",
    "msyh.ttc", "msgothic.ttc", "malgun.ttf", "Hiragino Sans GB.ttc", "Arial Unicode.ttf",
)  # fmt: skip
FIRST_WIDE: Final = "\u1100"  # Hangul, kana, ideographs, emoji: the usual fonts have none of them
_MOTION: Final = re.compile(r"<move>.*?(?:</move>|$)|<m_\d+_\d+>|</?move>", re.DOTALL)


@dataclass(frozen=True)
class Words:
    """Everything written on one picture."""

    prompt: str = ""
    """What was asked for, in quotation marks."""
    thought: str = ""
    status: str = ""
    """One line at the bottom left."""
    message: str = ""
    """What needs attention: waiting, a failure."""
    help: bool = False
    line: Line | None = None
    """The prompt line, where there is one."""
    title: str = ""
    """Where nothing was asked for: the name of what is shown."""
    note: str = ""
    """At the top right: what has just been saved, what is being recorded."""


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

    def bars(
        self, played: float, arrived: float, span: tuple[float, float] | None = None
    ) -> list[Bar]:
        """The rectangles to draw for two shares, 0 to 1; `span`: the part that is played, where it is not all."""
        knob = self.height * 1.5
        at = self.x + self.width * played
        begin, end = span or (0.0, 1.0)
        done = max(0.0, min(played, end) - begin)
        return [
            Bar(self.x, self.y, self.width, self.height, (255, 255, 255, 30)),
            Bar(self.x, self.y, self.width * arrived, self.height, (255, 255, 255, 60)),
            *(self._span(begin, end) if span is not None else ()),
            Bar(self.x + self.width * begin, self.y, self.width * done, self.height, ACCENT),
            Bar(at - knob, self.y + self.height / 2 - knob, 2 * knob, 2 * knob, WHITE),
        ]

    def _span(self, begin: float, end: float) -> list[Bar]:
        """The part from A to B, and a tick at either end."""
        x, width = self.x + self.width * begin, self.width * (end - begin)
        tick, tall = self.height / 2, 4 * self.height
        ticks = [
            Bar(at - tick / 2, self.y + (self.height - tall) / 2, tick, tall, AMBER)
            for at in (x, x + width)
        ]
        return [Bar(x, self.y, width, self.height, (255, 200, 110, 90)), *ticks]


def spoken(text: str) -> str:
    """The thought in an answer: its words without the motion tokens, on one line."""
    return " ".join(_MOTION.sub(" ", text).split())


def scale_of(height: int) -> float:
    """How much larger than in the design the words are: on a small panel not as small as the picture."""
    return max(height / DESIGN_HEIGHT, min(SMALLEST, max(0.5, height / 400)))


def panels(words: Words, width: int, height: int) -> list[Panel]:
    """The words as pictures with their places; the key help stands alone."""
    scale = scale_of(height)
    if words.help:
        from .key_help import help_image  # it is made of what stands here

        image = help_image(scale, width, height)
        return [Panel(image, (width - image.width) // 2, (height - image.height) // 2)]
    out = _top(words, width, height, scale)
    bottom = height - round(32 * scale)
    if words.line is not None:
        from .prompt_box import LineBox  # it is made of what stands here

        box = LineBox.of(width, height)
        out.append(box.panel(words.line))
        bottom = round(box.y - 6 * scale)
    margin = round(MARGIN * scale)
    if words.status:
        size = round(14 * scale)
        image = text_image(tuple(rows(words.status, size, width - 2 * margin)), size, SOFT)
        bottom -= image.height
        out.append(Panel(image, margin, bottom))
    if words.message:
        out.append(_message(words.message, width, bottom - round(4 * scale), height))
    if words.note:
        size = round(15 * scale)
        image = framed(
            text_image(tuple(wrap(words.note, size, round(width * 0.6))), size, WHITE),
            round(8 * scale),
        )
        out.append(Panel(image, width - margin - image.width, margin))
    return out


def _top(words: Words, width: int, height: int, scale: float) -> list[Panel]:
    """Prompt or title, and the thought."""
    out, margin, small = [], round(MARGIN * scale), height < SMALL
    y, room = margin, width - 2 * margin
    title = f"“{words.prompt}”" if words.prompt else words.title
    if title:
        size = round((20 if small else 26) * scale)
        out.append(
            Panel(
                text_image(tuple(cut(wrap(title, size, room), 1 if small else 2)), size, WHITE),
                margin,
                y,
            )
        )
        y += out[-1].image.height + round((2 if small else 6) * scale)
    if words.thought:
        size, most = round(16 * scale), SMALL_THOUGHT_LINES if small else THOUGHT_LINES
        lines = wrap(words.thought, size, min(room, round(720 * scale)))
        if len(lines) > most:  # the end is what is being written now
            lines = ["… " + lines[-most], *lines[-most + 1 :]]
        out.append(Panel(text_image(tuple(lines), size, SOFT), margin, y))
    return out


def cut(lines: list[str], most: int) -> list[str]:
    """The first lines, and a sign where there were more."""
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1] + " …"]


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


def font(size: int, text: str = "") -> Font:
    """A legible font of this many pixels, for a text one that has its letters, where there is any."""
    return _font(size, any(letter >= FIRST_WIDE for letter in text))


@functools.lru_cache(maxsize=64)
def _font(size: int, wide: bool) -> Font:
    for name in (*(_WIDE_FONTS if wide else ()), *_FONTS):
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def wrap(text: str, size: int, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces; a word longer than a line is broken anywhere."""
    face = font(size, text)
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
            fits = next(
                n
                for n in range(len(word) - 1, 0, -1)
                if n == 1 or face.getlength(word[:n]) <= width
            )
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines


@functools.lru_cache(maxsize=64)
def text_image(lines: tuple[str, ...], size: int, colour: Rgba) -> Image.Image:
    """Lines of text on nothing, with a soft dark edge that keeps them legible over the body."""
    face = font(size, "".join(lines))
    step = round(size * 1.36)
    edge = max(1, size // 12)
    width = max(int(face.getlength(line)) for line in lines) + 4 * edge
    image = Image.new("RGBA", (width, step * len(lines) + 2 * edge), (12, 14, 18, 0))
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        place = (edge, edge + row * step)
        draw.text(
            place, line, font=face, fill=colour, stroke_width=edge, stroke_fill=(12, 14, 18, 110)
        )
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


def _message(text: str, width: int, bottom: int, height: int) -> Panel:
    """Its lower edge at `bottom`, on the right; beside the body where the picture is small."""
    scale = scale_of(height)
    small = height < SMALL
    size, room = (
        round((14 if small else 16) * scale),
        max(width * (0.3 if small else 0.42), 110 if small else 300),
    )
    lines = wrap(text, size, round(min(width * 0.8, room)))
    image = framed(
        text_image(tuple(cut(lines, 8 if small else 5)), size, AMBER),
        round((8 if small else 12) * scale),
    )
    return Panel(image, width - round(MARGIN * scale) - image.width, bottom - image.height)


def framed(inside: Image.Image, margin: int, back: Rgba = VEIL) -> Image.Image:
    image = Image.new("RGBA", (inside.width + 2 * margin, inside.height + 2 * margin))
    ImageDraw.Draw(image).rounded_rectangle(
        (0, 0, image.width - 1, image.height - 1), radius=margin, fill=back
    )
    image.alpha_composite(inside, (margin, margin))
    return image
