"""Where an answer's tokens come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .engines import Allowed, Fed, LmRun, feed, nth
from .sampling.sampler import SamplerRun


class Speaker(Protocol):
    """One answer's tokens, one after another."""

    def next(self, allowed: Allowed) -> int | None:
        """The next token, one of the allowed ids; None where no more will come. EngineError."""
        ...


class LocalSpeaker:
    """A language model in this process, and the choice among the ids that are allowed."""

    def __init__(self, run: LmRun, chooser: SamplerRun, ids: Sequence[Fed]) -> None:
        """`ids`, and images among them, are fed before the first choice: what the run has not seen of the chat."""
        self._run, self._chooser = run, chooser
        self._fed: Sequence[Fed] = ids

    def next(self, allowed: Allowed) -> int:
        """The next token, one of the allowed ids."""
        token = nth(allowed, self._chooser.pick(feed(self._run, self._fed, allowed)))
        self._fed = [token]
        return token
