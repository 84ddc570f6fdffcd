"""What an inference engine must offer. What is loaded is shared and frozen; what changes is a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..base.errors import EngineError

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


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image as a language model takes it. Two are equal where model and pixels are, so a history may hold it among ids."""

    cells: int
    """Places of the cache that it takes, one a row and column of its grid."""
    columns: int
    """Of its grid; cells come row by row."""
    digest: str
    """Of the pixels that were looked at, and of what looked at them."""
    embeddings: NDArray[np.float32]
    """(cells, hidden)."""
    seconds: float = 0.0
    """Time that looking at it took."""
    tower: str = ""
    """Identity of what looked at it: another model's numbers mean nothing to this one."""

    @property
    def rows(self) -> int:
        """Of its grid."""
        return self.cells // self.columns

    @property
    def positions(self) -> int:
        """How far the next token stands behind its first cell: M-RoPE counts rows and columns beside each other."""
        return max(self.rows, self.columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EncodedImage) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


Fed = int | EncodedImage
"""What a chat is made of: token ids, and images between them."""


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


Watch = Callable[[float], None]
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

    def see(self, image: NDArray[np.uint8], watch: Watch | None = None) -> EncodedImage:
        """An image (height, width, 3) of whole cells. EngineError; a KeyboardInterrupt ends it soon."""
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


NO_IMAGES: Final = (
    "this language model takes no images; use a GGUF bundle of a vision-language checkpoint"
)


def feed(run: LmRun, what: Sequence[Fed], allowed: Allowed) -> NDArray[np.float32]:
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


def cells(what: Sequence[Fed]) -> int:
    """How many places of the cache they take."""
    return sum(piece.cells if isinstance(piece, EncodedImage) else 1 for piece in what)


def only_ids(what: Sequence[Fed]) -> list[int]:
    """The same where all are token ids; EngineError where an image is among them."""
    ids = [piece for piece in what if not isinstance(piece, EncodedImage)]
    if len(ids) < len(what):
        raise EngineError(NO_IMAGES)
    return ids


def within(what: Sequence[Fed], length: int) -> list[Fed]:
    """The first of them, as many as fill no more than `length` cells."""
    taken = accumulate(cells([piece]) for piece in what)
    return [piece for piece, end in zip(what, taken, strict=True) if end <= length]


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
