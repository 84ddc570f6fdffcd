"""What an inference engine must offer. What is loaded is shared and frozen; what changes is a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..tokens.allowed_ids import Allowed
from .prompt_items import EncodedImage, PromptItem

SequenceInput = tuple[int, Sequence[int], Allowed]
"""Of a sequence of a batch: its number, the tokens to feed, the ids that may come next."""


class LmRun(Protocol):
    """One answer being written: the tokens so far and their cache."""

    @property
    def length(self) -> int:
        """Cells of the cache that are taken: one a token, and those of images."""
        ...

    def look(self, image: EncodedImage) -> None:
        """Feed an image. EngineError where it does not fit, and where the engine takes none."""
        ...

    def push(self, ids: Sequence[int], allowed: Allowed) -> NDArray[np.float32]:
        """Feed tokens; logits of the allowed next ids, concatenated in order. The array may be reused by the next push.

        EngineError where the context is full or the engine fails.
        """
        ...

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens; ValueError beyond what was fed. The next push goes on from there."""
        ...

    def state(self) -> bytes:
        """The cache of the tokens so far, for `restore` in another run of the same model, in this process or a later one."""
        ...

    def restore(self, state: bytes) -> None:
        """Take up a state instead of what this run holds. EngineError where it is none of this model's; the run is then empty."""
        ...


class LmBatch(Protocol):
    """Several answers being written at once, each a sequence with a number from 0."""

    def push(self, wants: Sequence[SequenceInput]) -> list[NDArray[np.float32]]:
        """Feed tokens to some sequences, each at most once; for each the logits of its allowed next ids.

        The arrays may be reused by the next push. EngineError where a context is full or the engine fails.
        """
        ...

    def drop(self, sequence: int) -> None:
        """Forget a sequence: its number is free for another."""
        ...


class LanguageModel(Protocol):
    """A loaded language model; any number of runs may go on at once."""

    @property
    def context(self) -> int:
        """Tokens that a run can hold."""
        ...

    @property
    def device(self) -> str:
        """Where it computes: "cpu", a kind of graphics card, or "server"."""
        ...

    @property
    def fingerprint(self) -> str:
        """Identity of all that a run's state depends on beside the model's file: engine, version,
        form of the cache."""
        ...

    def start(self) -> LmRun:
        """A new, empty run."""
        ...

    def start_batch(self, size: int) -> LmBatch:
        """Room for so many sequences, all empty; EngineError where there is not the memory for it."""
        ...


ProgressCallback = Callable[[float], None]
"""Hears of long work which share of it is done, 0 to 1."""


class Vision(Protocol):
    """What turns pixels into what a language model takes."""

    @property
    def pixels(self) -> int:
        """Width and height of one cell: images have multiples of it."""
        ...

    @property
    def identity(self) -> str:
        """What tells it from others; its images carry it."""
        ...

    def see(self, image: NDArray[np.uint8], watch: ProgressCallback | None = None) -> EncodedImage:
        """An image (height, width, 3) of whole cells. EngineError; a KeyboardInterrupt ends it soon."""
        ...


def feed_items(run: LmRun, what: Sequence[PromptItem], allowed: Allowed) -> NDArray[np.float32]:
    """Feed tokens and images, a token last; logits of the allowed next ids."""
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
