"""How far a body that plays an answer at once is behind the motion that has been made."""

from __future__ import annotations

import time


class PlaybackClock:
    """Seconds of motion in hand, if playback began with the first pose and waits where none is left."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._seen: float | None = None

    def show(self, seconds: float) -> None:
        """Note seconds of motion that were handed out now."""
        self._ahead = self.ahead + seconds

    @property
    def ahead(self) -> float:
        """Seconds of motion that were handed out and not played yet."""
        now = time.perf_counter()
        passed = 0.0 if self._seen is None else now - self._seen
        self._seen = now
        self._ahead = max(0.0, self._ahead - passed)
        return self._ahead
