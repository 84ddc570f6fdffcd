"""The protocols of an inference engine: models are shared and frozen, runs change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..tokens.allowed_ids import Allowed
from .prompt_items import EncodedImage, PromptItem

SequenceInput = tuple[int, Sequence[int], Allowed]
"""Input of one sequence of a batch: its number, the tokens to feed, the ids that may come next."""


class LmRun(Protocol):
    """One answer being written: the tokens so far, and their cache."""

    @property
    def length(self) -> int:
        """Cells of the cache that are taken: one for each token, and those of images."""
        ...

    def look(self, image: EncodedImage) -> None:
        """Feed an image. EngineError if it does not fit, or the engine takes none."""
        ...

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; returns the logits of the allowed next ids, concatenated in order.

        The next push may reuse the array. EngineError if the context is full or the engine fails.
        """
        ...

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens. ValueError beyond what was fed."""
        ...

    def state(self) -> bytes:
        """The cache of the tokens so far, for `restore` in another run, even of a later process."""
        ...

    def restore(self, state: bytes) -> None:
        """Take a state in place of what this run holds.

        EngineError if it is not one of this model's; the run is then empty.
        """
        ...


class LmBatch(Protocol):
    """Several answers being written at once, each a sequence with a number from 0."""

    def push(self, wants: Sequence[SequenceInput]) -> list[NDArray[np.float32]]:
        """Feed tokens to some sequences, each at most once; returns the logits of each.

        The next push may reuse the arrays. EngineError if a context is full or the engine fails.
        """
        ...

    def drop(self, sequence: int) -> None:
        """Forget a sequence, so that its number is free for another."""
        ...


class LanguageModel(Protocol):
    """A loaded language model; any number of runs may be under way at once."""

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        ...

    @property
    def device(self) -> str:
        """The device that computes: "cpu", a kind of graphics card, or "server"."""
        ...

    @property
    def engine(self) -> str:
        """Name and version of what computes, as a clip's notes give it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Identity of what a run's state depends on beside the model's file.

        That is the engine, its version, and the form of the cache.
        """
        ...

    def start(self) -> LmRun:
        """A new, empty run."""
        ...

    def start_batch(self, size: int) -> LmBatch:
        """Room for so many sequences, all empty. EngineError if there is not enough memory."""
        ...


ProgressCallback = Callable[[float], None]
"""Is told which share of long work is done, 0 to 1."""


class Vision(Protocol):
    """A vision tower: turns pixels into what a language model takes."""

    @property
    def pixels(self) -> int:
        """Width and height of one cell; images measure a multiple of it."""
        ...

    @property
    def identity(self) -> str:
        """Identity of the tower; its images carry it."""
        ...

    def see(self, image: NDArray[np.uint8], watch: ProgressCallback | None = None) -> EncodedImage:
        """Encode an image (height, width, 3) of whole cells. EngineError; Ctrl-C ends it soon."""
        ...


def feed_items(run: LmRun, what: Sequence[PromptItem], allowed: Allowed) -> NDArray[np.float32]:
    """Feed tokens and images, a token last; returns the logits of the allowed next ids."""
    ids: list[int] = []
    for piece in what:
        if not isinstance(piece, EncodedImage):
            ids.append(piece)
            continue
        if ids:
            run.push(ids, allowed)
        run.look(piece)
        ids = []
    return run.push(ids, allowed)
