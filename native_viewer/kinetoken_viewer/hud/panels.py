"""All words of a picture as panels: prompt, thought, status, messages, or the key help."""

from __future__ import annotations

from typing import Final

from ..stage.words import STATUS_GAP, PictureWords
from .key_help import help_image
from .prompt_box import PromptBox
from .text import (
    AMBER,
    SOFT_TEXT,
    WHITE_TEXT,
    Panel,
    first_lines,
    framed,
    scale_of,
    text_image,
    wrap,
    wrap_parts,
)

THOUGHT_LINES: Final = 4
SMALL_HEIGHT: Final = 400  # pixels, below which words leave more of the picture to the body
_SMALL_THOUGHT_LINES: Final = 2
_MARGIN: Final = 22  # pixels of the design between words and the picture's edge


def word_panels(words: PictureWords, width: int, height: int) -> list[Panel]:
    """The words as pictures with their places; the key help stands alone."""
    scale = scale_of(height)
    if words.help:
        image = help_image(scale, width, height, words.about)
        return [Panel(image, (width - image.width) // 2, (height - image.height) // 2)]
    out = _top(words, width, height, scale)
    bottom = height - round(32 * scale)
    if words.line is not None:
        box = PromptBox.of(width, height)
        out.append(box.panel(words.line))
        bottom = round(box.y - 6 * scale)
    margin = round(_MARGIN * scale)
    if words.status:
        size = round(14 * scale)
        lines = wrap_parts(words.status.split(STATUS_GAP), STATUS_GAP, size, width - 2 * margin)
        image = text_image(tuple(lines), size, SOFT_TEXT)
        bottom -= image.height
        out.append(Panel(image, margin, bottom))
    if words.message:
        out.append(_message(words.message, width, bottom - round(4 * scale), height))
    if words.note:
        size = round(15 * scale)
        lines = wrap(words.note, size, round(width * 0.6))
        image = framed(text_image(tuple(lines), size, WHITE_TEXT), round(8 * scale))
        out.append(Panel(image, width - margin - image.width, margin))
    return out


def _top(words: PictureWords, width: int, height: int, scale: float) -> list[Panel]:
    """Prompt or title, and the thought."""
    out, margin, small = [], round(_MARGIN * scale), height < SMALL_HEIGHT
    y, room = margin, width - 2 * margin
    title = f"“{words.prompt}”" if words.prompt else words.title
    if title:
        size = round((20 if small else 26) * scale)
        lines = first_lines(wrap(title, size, room), 1 if small else 2)
        out.append(Panel(text_image(tuple(lines), size, WHITE_TEXT), margin, y))
        y += out[-1].image.height + round((2 if small else 6) * scale)
    if words.thought:
        size, most = round(16 * scale), _SMALL_THOUGHT_LINES if small else THOUGHT_LINES
        lines = wrap(words.thought, size, min(room, round(720 * scale)))
        if len(lines) > most:  # the end is what is being written now
            lines = ["… " + lines[-most], *lines[-most + 1 :]]
        out.append(Panel(text_image(tuple(lines), size, SOFT_TEXT), margin, y))
    return out


def _message(text: str, width: int, bottom: int, height: int) -> Panel:
    """The message on the right, its lower edge at `bottom`; beside the body in a small picture."""
    scale = scale_of(height)
    small = height < SMALL_HEIGHT
    size = round((14 if small else 16) * scale)
    room = max(width * (0.3 if small else 0.42), 110 if small else 300)
    rows, widest = text.split("\n"), round(min(width * 0.8, room))
    most = max(len(rows) if small else len(rows) + 4, 8 if small else 5)
    lines = first_lines([line for row in rows for line in wrap(row, size, widest)], most)
    image = framed(text_image(tuple(lines), size, AMBER), round((8 if small else 12) * scale))
    return Panel(image, width - round(_MARGIN * scale) - image.width, bottom - image.height)
