"""Vectors of English words from a trained encoder, for a language model to begin with.

Words that no caption holds then mean something from the start. Source: the input vectors of a BERT
such as all-MiniLM-L6-v2 (Apache-2.0), centred, of length one, cut to fewer dimensions by PCA.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from tokenizers import Tokenizer

from kinetoken.base.errors import InputError
from kinetoken.base.input_file import read_input_text

_NAME: Final = "embeddings.word_embeddings.weight"
_PIECE: Final = "##"  # marks what stands inside a word

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class WordVectors:
    """A vocabulary of words and pieces of words, the most frequent first, and their vectors."""

    words: tuple[str, ...]
    table: Vectors
    """(len(words), D), each of length one."""

    def frequent(self, most: int) -> list[str]:
        """Whole words of letters, the most frequent first."""
        found = [w for w in self.words if len(w) > 1 and w.isascii() and w.isalpha()]
        return found[:most]

    def of_tokens(self, tokenizer: Tokenizer, count: int, width: int) -> tuple[Vectors, NDArray]:  # type: ignore[type-arg]
        """Vectors (count, width) of a tokenizer's first tokens, and which of them (count,) have one.

        Scaled so that the mean square of their numbers is one. A token that is a word or a piece in
        the vocabulary has its vector.
        """
        places = {word: i for i, word in enumerate(self.words)}
        found = np.full(count, -1)
        for token in range(count):
            text = tokenizer.decode([token], skip_special_tokens=False).lower()
            word = text.strip()
            if word and text.startswith(" "):
                found[token] = places.get(word, -1)
            elif word:
                found[token] = places.get(word, places.get(_PIECE + word, -1))
        known = found >= 0
        mine = self.table[found[known]]
        axes = np.linalg.svd(mine - mine.mean(0), full_matrices=False)[2][:width]
        cut = (mine - mine.mean(0)) @ axes.T
        out = np.zeros((count, width), np.float32)
        out[known, : cut.shape[1]] = cut / np.sqrt(np.mean(cut**2))
        return out, known


def read_word_vectors(folder: Path) -> WordVectors:
    """Read vocab.txt and model.safetensors of a BERT. InputError where they are not there."""
    vocabulary, weights = folder / "vocab.txt", folder / "model.safetensors"
    for path in (vocabulary, weights):
        if not path.is_file():
            raise InputError(
                f"expected {path.name} in {folder}, found none: give --vectors the folder of a BERT "
                "such as all-MiniLM-L6-v2"
            )
    words = tuple(read_input_text(vocabulary).splitlines())
    with safe_open(weights, "numpy") as file:
        names = [name for name in file.keys() if name.endswith(_NAME)]  # noqa: SIM118
        if len(names) != 1:
            raise InputError(f"expected one tensor {_NAME} in {weights}, found {len(names)}")
        table = file.get_tensor(names[0]).astype(np.float32)
    table -= table.mean(0)
    return WordVectors(words, table / np.linalg.norm(table, axis=1, keepdims=True).clip(1e-6))
