"""A checkpoint with a smaller vocabulary: its tokenizer, and the rows of embedding and head.

Kept are all 256 bytes, every added token (the motion vocabulary among them), the text that the chat
template puts around a prompt, and the tokens of a corpus with all tokens that BPE passes through on
the way to them. The order of the ids stays, so the codes of a level stay in a row and `</move>`
stays directly before `<m_0_0>` where it was there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError

from ..motion_tokens import SYSTEM_PROMPT
from ..tensors import TensorSource
from .prune_tokens import BYTES, BpeTokenizer, corpus_tokens, english_tokens, ids_of, write_pruned
from .renumber import RenumberedSource

# What stands around every prompt; special tokens in it are kept anyway.
KEPT_TEXTS: Final = (
    f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
)


@dataclass(frozen=True)
class PrunedSource(RenumberedSource):
    """A checkpoint with some rows of its embedding and head."""

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
