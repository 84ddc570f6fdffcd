"""The box of the prompt line: its place in the picture, its look, and clicks into it."""

from __future__ import annotations

import bisect
import functools
from typing import Final, NamedTuple

from PIL import Image, ImageDraw

from ..stage.prompt_line import PromptText
from .lettering import Lettering
from .text import ACCENT, DIM_TEXT, VEIL, WHITE_TEXT, Panel, scale_of
from .typeface import Rgba

_HINT: Final = "describe a movement, Enter sends it"
_INVITATION: Final = "Enter, / or a click: write a prompt"
_EXAMPLE: Final = "describe a movement, such as: "
_OTHER_EXAMPLE: Final = "Enter, / or a click: write a prompt, such as: "
_EDGE: Final = (255, 255, 255, 46)
_UNFOCUSED: Final = (14, 16, 21, 120)
_HEIGHT: Final = 38  # pixels of the design
_WIDEST: Final = 860


class PromptBox(NamedTuple):
    """A box at the lower edge of a picture: left, top, width, height in pixels."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def of(cls, width: int, height: int) -> PromptBox:
        """The box in a picture of this size."""
        scale = scale_of(height)
        margin, tall = round(22 * scale), round(_HEIGHT * scale)
        return cls(
            margin,
            height - round(32 * scale) - tall,
            min(width - 2 * margin, round(_WIDEST * scale)),
            tall,
        )

    def holds(self, x: float, y: float) -> bool:
        """True if a click at x, y (from the top) is meant for the line."""
        return self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height

    @property
    def _face(self) -> Lettering:
        return Lettering(round(self.height * 0.46))

    @property
    def _inset(self) -> int:
        return round(self.height * 0.40)

    def panel(self, line: PromptText) -> Panel:
        """The box with the line in it; a line that is too long shows the part around the cursor."""
        image = Image.new("RGBA", (self.width, self.height))
        draw = ImageDraw.Draw(image)
        back, edge = (VEIL, ACCENT) if line.focused else (_UNFOCUSED, _EDGE)
        frame = (0, 0, self.width - 1, self.height - 1)
        draw.rounded_rectangle(
            frame, radius=self.height // 3, fill=back, outline=edge, width=max(1, self.height // 22)
        )
        words, colour = self._words(line)
        inside = Image.new("RGBA", (self.width - 2 * self._inset, self.height))
        place = (-self._shift(line), (self.height - self._face.height) / 2)
        self._face.draw(inside, place, words, colour)
        image.alpha_composite(inside, (self._inset, 0))
        return Panel(image, self.x, self.y)

    def cursor(self, line: PromptText) -> Panel:
        """The text cursor."""
        at = self.x + self._inset + self._face.length(line.text[: line.cursor]) - self._shift(line)
        image = _stroke(max(2, self.height // 20), round(self.height * 0.6))
        if not line.text:
            at -= image.width + 1  # beside the hint, not on its first letter
        return Panel(image, round(at), self.y + (self.height - image.height) // 2)

    def letters_before(self, line: PromptText, x: float) -> int:
        """The number of letters before a click at pixel x."""
        face, goal = self._face, x - self.x - self._inset + self._shift(line)
        after = bisect.bisect_left(
            range(len(line.text)), goal, key=lambda count: face.length(line.text[:count])
        )
        return min(
            max(0, after - 1),
            after,
            key=lambda count: abs(face.length(line.text[:count]) - goal),
        )

    def _words(self, line: PromptText) -> tuple[str, Rgba]:
        if line.text:
            return line.text, WHITE_TEXT
        if line.example:
            return f"{_EXAMPLE if line.focused else _OTHER_EXAMPLE}{line.example}", DIM_TEXT
        return (_HINT if line.focused else _INVITATION), DIM_TEXT

    def _shift(self, line: PromptText) -> float:
        """Pixels of the line left of the box, so that the cursor stays in sight."""
        face, room = self._face, self.width - 2 * self._inset
        return max(0.0, face.length(line.text[: line.cursor]) - room + self.height / 10)


@functools.lru_cache(maxsize=4)
def _stroke(width: int, height: int) -> Image.Image:
    return Image.new("RGBA", (width, height), WHITE_TEXT)
