"""How far a training is, by its steps or its minutes, and its learning rate there."""

from __future__ import annotations

import math
import time

from kinetoken.cli.terminal import ProgressBar


class TrainingClock:
    """The steps and minutes of one training, those before a stop included."""

    def __init__(self, steps: int, minutes: float, spent: float) -> None:
        """`minutes`: all that it may take, 0 for as long as it takes; `spent`: those of before."""
        self._steps, self._minutes = steps, minutes
        self._began = time.monotonic() - 60 * spent

    @property
    def spent(self) -> float:
        """Minutes so far."""
        return (time.monotonic() - self._began) / 60

    @property
    def is_over(self) -> bool:
        """Tell whether the minutes are used up."""
        return bool(self._minutes) and self.spent >= self._minutes

    def done(self, step: int) -> float:
        """The share, 0 to 1, of the steps or of the minutes, whichever is larger."""
        by_time = self.spent / self._minutes if self._minutes else 0.0
        return min(1.0, max(step / self._steps, by_time))

    def bar(self, label: str, step: int) -> ProgressBar:
        """A bar of what is left after `step` steps: of steps or, where minutes are set, of both."""
        if self._minutes:
            return ProgressBar(label, before=self.done(step))
        return ProgressBar(label, self._steps, before=step)

    def show(self, bar: ProgressBar, step: int, note: object = "") -> None:
        """Show on `bar` that `step` steps are done."""
        bar.show(self.done(step) if self._minutes else step, note)

    def rate(self, step: int, peak: float, warm_up: int) -> float:
        """The learning rate: warm-up, then a cosine down to 3 %."""
        warm = min(1.0, (step + 1) / warm_up)
        return peak * warm * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * self.done(step))))
