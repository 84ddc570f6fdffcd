"""What a gesture is: keys on the way in, keys that are repeated, and how it may be varied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..keyframes import Key


@dataclass(frozen=True)
class Gesture:
    """One way of doing an action."""

    action: str
    """With {side} where the side belongs to the name: wave_{side}."""
    enter: tuple[Key, ...] = ()
    cycle: tuple[Key, ...] = ()
    """Done once for each repetition."""
    after: tuple[Key, ...] = ()
    """Done once, after the repetitions."""
    counts: tuple[int, ...] = ()
    """Numbers of repetitions; empty where nobody counts them: the cycle is then done `times`."""
    times: tuple[int, ...] = (1,)
    """Repetitions of a cycle that nobody counts."""
    hold: tuple[float, float] = (0.6, 1.8)
    """Shortest and longest LONG hold, seconds."""
    leave: float = 0.65
    """Seconds of the way back to rest."""
    side: Literal["main", "none", "both"] = "main"
    """Whose side the window states: that of the main arm, none, or both."""
    styles: tuple[str, ...] = ()
    tremble: float = 0.0
    """Degrees of trembling that belong to the action itself."""
