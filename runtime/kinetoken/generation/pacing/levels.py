"""Codes per frame that keep real time at a measured rate."""

from __future__ import annotations

from typing import Final

DROP_BELOW: Final = 1.05
"""Of the rate that a number of levels needs: below this, a level is dropped."""
RAISE_ABOVE: Final = 1.2
"""Of the rate that one more level needs: above this it comes back.

The gap between the two keeps a wavering rate from flickering.
"""


def sustained_levels(
    rate: float | None,
    most: int,
    frame_seconds: float,
    now: int | None = None,
    beside: float = 0.0,
) -> int:
    """Levels, 1 to `most`, that make a latent frame in `frame_seconds`, at `rate` codes a second.

    All of them if no rate is known. `now`: levels of the block before; if they still hold they
    stay, and more come back only if there is plenty of time. `beside`: seconds of a frame that do
    not depend on its levels.
    """
    if rate is None:
        return most
    held = min(most, max(1, int((frame_seconds / DROP_BELOW - beside) * rate)))
    if now is None or held <= now:
        return held
    return max(now, min(most, int((frame_seconds / RAISE_ABOVE - beside) * rate)))
