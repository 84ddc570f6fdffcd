"""A checkpoint with a smaller vocabulary: its tokenizer, and the rows of embedding and head.

Kept are all 256 bytes, every added token (the motion vocabulary among them), the text that the chat
template puts around a prompt, and the tokens of a corpus with all tokens that BPE passes through on
the way to them. The order of the ids stays, so the codes of a level stay in a row and `</move>`
stays directly before `<m_0_0>` where it was there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError
from kinetoken.manifest.architectures import Architecture

from .model_shape import LanguageModelShape
from .motion_tokens import SYSTEM_PROMPT
from .prune_tokens import BYTES, BpeTokenizer, corpus_tokens, english_tokens, ids_of, write_pruned
from .tensors import Float32Array, TensorSource

# What stands around every prompt; special tokens in it are kept anyway.
KEPT_TEXTS: Final = (
    f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
)
_SPAN: Final = 4096  # rows read at once while gathering


@dataclass(frozen=True)
class PrunedSource:
    """A checkpoint with some rows of its embedding and head; other tensors are the original's."""

    original: TensorSource
    kept: NDArray[np.int64]
    """(n,): the old id of each new id, ascending."""

    @property
    def architecture(self) -> Architecture:
        """The original's."""
        return self.original.architecture

    @property
    def shape(self) -> LanguageModelShape:
        """Numbers of the language model, the smaller vocabulary among them."""
        return replace(self.original.shape, vocab_size=len(self.kept))

    @property
    def config(self) -> Mapping[str, Any]:
        """config.json with the new size and the new ids."""
        numbers = {int(old): new for new, old in enumerate(self.kept)}
        return _renumbered(self.original.config, numbers, len(self.kept))

    @property
    def vision_config(self) -> Mapping[str, Any] | None:
        """The original's."""
        return self.original.vision_config

    def names(self, prefix: str = "") -> list[str]:
        """Names of the tensors that begin with a prefix."""
        return self.original.names(prefix)

    def has(self, name: str) -> bool:
        """Tell whether there is such a tensor."""
        return self.original.has(name)

    def dims(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        dims = self.original.dims(name)
        return (len(self.kept), *dims[1:]) if self._per_token(name) else dims

    def tensor(self, name: str) -> Float32Array:
        """A whole tensor as float32."""
        return (
            self.rows(name, 0, len(self.kept))
            if self._per_token(name)
            else self.original.tensor(name)
        )

    def rows(self, name: str, start: int, stop: int) -> Float32Array:
        """Rows [start, stop) of a matrix as float32."""
        if not self._per_token(name):
            return self.original.rows(name, start, stop)
        ids = self.kept[start:stop]
        out = np.empty((len(ids), self.original.dims(name)[1]), np.float32)
        for first, last in _spans(ids):
            low = int(ids[first])
            out[first:last] = self.original.rows(name, low, int(ids[last - 1]) + 1)[
                ids[first:last] - low
            ]
        return out

    def _per_token(self, name: str) -> bool:
        """Tell whether a matrix has a row for each token."""
        return name in (self.architecture.embedding, self.architecture.head)

    @property
    def dropped(self) -> int:
        """Tokens and unused rows that are gone."""
        return self.original.shape.vocab_size - len(self.kept)

    def saved_bytes(self, embedding_bits: float, head_bits: float | None = None) -> int:
        """Bytes saved at so many bits for each number of the embedding; a tied head counts once."""
        bits = embedding_bits if self.shape.tied else embedding_bits + (head_bits or embedding_bits)
        return int(self.dropped * self.shape.hidden * bits / 8)

    def summary(self) -> str:
        """One line for the user."""
        before, after = self.original.shape.vocab_size, len(self.kept)
        sizes = ", ".join(
            f"{self.saved_bytes(bits) / 1e6:.1f} MB at {bits} bits" for bits in (16, 8, 4)
        )
        return f"vocabulary {before:,} -> {after:,}: saves {sizes}"


def prune_vocabulary(
    source: TensorSource,
    tokenizer: Path,
    corpus: Path | str,
    out_tokenizer: Path,
    always: Sequence[str] = (),
) -> PrunedSource:
    """Write the smaller tokenizer.json to `out_tokenizer`; return the checkpoint that fits it.

    `corpus` is a text file, or "english" for the tokens that English can be spelled with. `always`
    are texts, besides Qwen's own template, that must be cut into the same tokens as before,
    whatever the corpus. FormatError where the tokenizer is no byte-level BPE or does not fit the
    checkpoint, InputError where the corpus is no text.
    """
    bpe = BpeTokenizer(tokenizer)
    fixed = (*KEPT_TEXTS, *([always] if isinstance(always, str) else always))
    kept = _kept(bpe, corpus, fixed)
    if kept[-1] >= source.shape.vocab_size:
        raise FormatError(
            f"{tokenizer}: expected ids below {source.shape.vocab_size}, the rows of the "
            f"embedding, got {kept[-1]}: "
            "it belongs to another checkpoint"
        )
    numbers = {int(old): new for new, old in enumerate(kept)}
    write_pruned(bpe, numbers, out_tokenizer)
    _check(bpe, BpeTokenizer(out_tokenizer), numbers, fixed)
    return PrunedSource(source, kept)


def _kept(bpe: BpeTokenizer, corpus: Path | str, always: Sequence[str]) -> NDArray[np.int64]:
    """Old ids that stay, ascending."""
    tokens = english_tokens(bpe) if corpus == "english" else corpus_tokens(bpe, Path(corpus))
    tokens |= {step for text in always for word in bpe.words(text) for step in bpe.way(word)}
    return np.array(sorted(ids_of(bpe, tokens | BYTES) | set(bpe.added.values())), np.int64)


def _check(
    old: BpeTokenizer, new: BpeTokenizer, numbers: Mapping[int, int], always: Sequence[str]
) -> None:
    """Refuse a tokenizer that cuts a fixed text into other tokens than the model knows."""
    for text in always:
        if [numbers.get(i) for i in old.encode(text)] != new.encode(text):
            raise FormatError(
                f"{old.path}: pruned, it cuts {text[:40]!r} into other tokens: export without "
                "pruning"
            )


def _spans(ids: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut ascending ids into [first, last) whose rows lie near one another."""
    first = 0
    while first < len(ids):
        last = int(np.searchsorted(ids, ids[first] + _SPAN))
        yield first, last
        first = last


def _renumbered(config: Mapping[str, Any], numbers: Mapping[int, int], size: int) -> dict[str, Any]:
    """A config with new ids and vocabulary size, nested ones too; lost ids become None."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        if key.endswith("_token_id") and isinstance(value, int):
            value = numbers.get(value)
        elif key.endswith("_token_id") and isinstance(value, list):
            value = [numbers[i] for i in value if i in numbers]
        elif isinstance(value, Mapping):
            value = _renumbered(value, numbers, size)
        out[key] = size if key == "vocab_size" else value
    return out
