"""What an inference engine must offer. What is loaded is shared and frozen; what changes is a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Allowed = tuple[range, ...]
"""Ids that may come next: ascending, disjoint ranges, never empty."""
Want = tuple[int, Sequence[int], Allowed]
"""Of a sequence of a batch: its number, the tokens to feed, the ids that may come next."""


@dataclass(frozen=True)
class LoadOptions:
    """How a bundle is loaded; None leaves the choice to the bundle or the engine."""

    threads: int | None = None
    """Of the engines; None: $KINETOKEN_THREADS, else the engine's choice."""
    lookahead: int | None = None
    """Latent frames that the decoder waits for; fewer bring the pose sooner, as the manifest's lookahead_errors say."""
    gpu_layers: int | None = None
    """Layers of a GGUF model on the graphics card; None: all."""
    provider: str | None = None
    """Of ONNX Runtime: "cpu", "cuda", "tensorrt"; None or "auto": CUDA where it is there."""
    engine: str | None = None
    """URL of a server that runs the language model instead; the bundle's own is then neither loaded nor needed."""
    engine_kind: str | None = None
    """What that server is, where it does not say so itself: "llama-server", "llama-cpp-python", "vllm" or "openai"."""
    engine_model: str | None = None
    """Its name for the model, where it has several."""
    engine_timeout: float | None = None
    """Seconds of silence after which it is given up; None: 60."""


class LmRun(Protocol):
    """One answer being written: the tokens so far and their cache."""

    @property
    def length(self) -> int:
        """Tokens fed so far."""
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

    def push(self, wants: Sequence[Want]) -> list[NDArray[np.float32]]:
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
    def fingerprint(self) -> str:
        """What a run's state depends on beside the model's file: the engine, its version, the form of the cache."""
        ...

    def start(self) -> LmRun:
        """A new, empty run."""
        ...

    def start_batch(self, size: int) -> LmBatch:
        """Room for so many sequences, all empty; EngineError where there is not the memory for it."""
        ...


class TensorSession(Protocol):
    """A graph with one input and one output."""

    def run(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """One forward pass."""
        ...


class Tokenizer(Protocol):
    """Text to ids and back."""

    def encode_text(self, text: str) -> list[int]:
        """What a person typed: special tokens spelled in it stay plain text."""
        ...

    def encode_template(self, text: str) -> list[int]:
        """What the bundle says around it: special tokens are recognised."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids; U+FFFD where a character is not whole yet."""
        ...


def width(allowed: Allowed) -> int:
    """How many ids are allowed."""
    return sum(len(ids) for ids in allowed)


def nth(allowed: Allowed, index: int) -> int:
    """The id at an index of the concatenated ranges; IndexError beyond them."""
    for ids in allowed:
        if index < len(ids):
            return ids[index]
        index -= len(ids)
    raise IndexError(index)


def take(row: NDArray[np.float32], allowed: Allowed) -> NDArray[np.float32]:
    """The allowed entries of a full row of logits (vocab,); a view where one range is allowed."""
    if len(allowed) == 1:
        return row[allowed[0].start : allowed[0].stop]
    return np.concatenate([row[ids.start : ids.stop] for ids in allowed])
