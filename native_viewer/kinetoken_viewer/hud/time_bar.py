"""The time bar at the lower edge of a picture."""

from __future__ import annotations

from typing import NamedTuple

from .text import ACCENT, AMBER, WHITE_TEXT, Bar, scale_of


class TimeBar(NamedTuple):
    """Place of the bar: left, top, width, height in pixels."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, width: int, height: int) -> TimeBar:
        """The bar in a picture of this size."""
        scale = scale_of(height)
        margin = 22 * scale
        return cls(margin, height - 20 * scale, width - 2 * margin, 4 * scale)

    def share(self, x: float) -> float:
        """Pixel x as a share of the bar, 0 to 1."""
        return min(1.0, max(0.0, (x - self.x) / self.width))

    def holds(self, x: float, y: float) -> bool:
        """True if a click at x, y is meant for the bar, which is easier to hit than it looks."""
        return self.x - 8 <= x <= self.x + self.width + 8 and abs(y - self.y) <= 4 * self.height

    def bars(
        self, played: float, arrived: float, span: tuple[float, float] | None = None
    ) -> list[Bar]:
        """The rectangles to draw for two shares, 0 to 1.

        `span`: the part that is played, if it is not all.
        """
        knob = self.height * 1.5
        at = self.x + self.width * played
        begin, end = span or (0.0, 1.0)
        done = max(0.0, min(played, end) - begin)
        return [
            Bar(self.x, self.y, self.width, self.height, (255, 255, 255, 30)),
            Bar(self.x, self.y, self.width * arrived, self.height, (255, 255, 255, 60)),
            *(self._span(begin, end) if span is not None else ()),
            Bar(self.x + self.width * begin, self.y, self.width * done, self.height, ACCENT),
            Bar(at - knob, self.y + self.height / 2 - knob, 2 * knob, 2 * knob, WHITE_TEXT),
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
