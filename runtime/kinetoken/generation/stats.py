"""Figures of an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stats:
    """Figures of an answer under way.

    Time counts only while the generator works, not while its caller does.
    """

    text_tokens: int = 0
    motion_tokens: int = 0
    """Codes and block markers."""
    frames: int = 0
    """Frames of motion that are final."""
    seconds_of_motion: float = 0.0
    elapsed: float = 0.0
    """Seconds of work, on the prompt too."""
    time_to_first_pose: float | None = None
    """Seconds of work until the first frame was final."""
    levels: int = 0
    """Codes per frame of the open block, or of the last."""

    @property
    def rtf(self) -> float:
        """Real-time factor: seconds of motion made per second of work; above 1 keeps up."""
        return self.seconds_of_motion / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Tokens of every kind per second of work."""
        return (self.text_tokens + self.motion_tokens) / self.elapsed if self.elapsed > 0 else 0.0
