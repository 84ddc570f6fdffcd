"""The tokenizer of a pruned vocabulary: the tokens that a text needs, and a smaller tokenizer.json.

Byte-pair encoding joins the pair of lowest rank, again and again. If every pair that it joins on
the way to a token is kept, it joins the same pairs in the smaller vocabulary, because a removed
pair was never the lowest. So a text whose tokens are all kept is cut exactly as before. Any other
text falls into smaller kept pieces, at worst into single bytes, and decodes to the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

from tokenizers import pre_tokenizers

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import read_typed_text
from kinetoken.cli.terminal import ProgressBar, progress
from kinetoken.engines.tokenizer import call_tokenizer, open_tokenizer

from ..json_file import read_json
from .renumber_tokenizer import renumbered_tokenizer, write_tokenizer_json

_Result = TypeVar("_Result")
BYTES: Final = frozenset(pre_tokenizers.ByteLevel.alphabet())
"""The letters in which byte-level BPE writes the 256 bytes."""
_CURLY: Final = r"\u2018\u2019\u201c\u201d"  # typographic quotes
_DASHES: Final = r"\u2013\u2014\u2026"
# One word in one case, with the one sign before it that English sets without a space; else signs,
# digits and white space.
_ENGLISH: Final = re.compile(
    rf"""[ "'(\-{_CURLY}{_DASHES}]?(?:[a-z]+|[A-Z][a-z]*|[A-Z]+)|"""
    rf"""[\s0-9.,:;!?'"()\-/&%${_CURLY}{_DASHES}]+"""
)
# Here no word of the pre-tokenizer is cut in two: a line break ends one, a letter or digit begins
# one.
_SEAM: Final = re.compile(r"(?<=\n)(?=[^\W_])")
_PIECE: Final = 1 << 16  # characters
_BPE_OPTIONS: Final = (
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "byte_fallback",
    "ignore_merges",
    "dropout",
)


class BpeTokenizer:
    """A byte-level BPE tokenizer.json, opened to see how its tokens come about."""

    def __init__(self, path: Path) -> None:
        """FormatError where the file is no tokenizer of this kind."""
        self.path, self.data, self._tried = path, read_json(path), False
        try:
            model = self.data["model"]
            odd = [name for name in _BPE_OPTIONS if model.get(name)]
            self.vocab: Mapping[str, int] = model["vocab"]
            self.added = {
                str(token["content"]): int(token["id"]) for token in self.data["added_tokens"]
            }
            self._ranks = {merge_pair(merge): rank for rank, merge in enumerate(model["merges"])}
            self._tokenizer = open_tokenizer(self.data)
        except Exception as error:  # the library raises bare Exception
            raise FormatError(
                f"{path}: expected a byte-level BPE tokenizer.json, got something else ({error})"
            ) from error
        if odd or not set(self.vocab) >= BYTES or self._tokenizer.pre_tokenizer is None:
            why = odd[0] if odd else "no token for some byte"
            raise FormatError(
                f"{path}: expected plain byte-level BPE, found {why}: its vocabulary cannot be "
                "pruned"
            )
        self._split = re.compile(
            "|".join(map(re.escape, sorted(self.added, key=len, reverse=True))) or r"(?!)"
        )

    def encode(self, text: str) -> list[int]:
        """Ids of a text, added tokens recognised."""
        return self._called(
            lambda: list(self._tokenizer.encode_batch([text], add_special_tokens=False)[0].ids)
        )

    def words(self, text: str) -> set[str]:
        """The different words, in byte letters, that BPE gets to see; added tokens are no words."""
        if not self._tried:  # only in this way the library can be stopped, see call_tokenizer
            self.encode(text)
            self._tried = True
        normalizer, cut = self._tokenizer.normalizer, self._tokenizer.pre_tokenizer
        pieces = [piece for piece in self._split.split(text) if piece]

        def found() -> set[str]:
            plain = [normalizer.normalize_str(piece) if normalizer else piece for piece in pieces]
            return {word for piece in plain for word, _ in cut.pre_tokenize_str(piece)}

        return self._called(found)

    def _called(self, work: Callable[[], _Result]) -> _Result:
        """The library's answer. FormatError where the tokenizer's steps fail on a text."""
        try:
            return call_tokenizer(work)
        except ValueError as error:
            raise FormatError(
                f"{self.path}: it fails on a text ({error}): do not trust it"
            ) from error

    def way(self, word: str) -> list[str]:
        """Every token that BPE passes through while it cuts a word of byte letters."""
        parts, seen = list(word), list(word)
        while len(parts) > 1:
            rank, at = min(
                (self._ranks.get((parts[i], parts[i + 1]), len(self._ranks)), i)
                for i in range(len(parts) - 1)
            )
            if rank == len(self._ranks):
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
            seen.append(parts[at])
        return seen


def merge_pair(merge: str | list[str]) -> tuple[str, str]:
    """The two halves of a merge, which older files write as one string."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def token_text(token: str) -> str | None:
    """Text of a token in byte letters; None where it is no whole characters."""
    try:
        return bytes(_BYTE_OF[letter] for letter in token).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return None


def _byte_of() -> dict[str, int]:
    """GPT-2's table inverted: printable bytes are themselves, others letters from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(rest)}


_BYTE_OF: Final = _byte_of()


def english_tokens(bpe: BpeTokenizer) -> set[str]:
    """Tokens that spell English text, by a rule (_ENGLISH): no corpus and no licence are needed."""
    wanted = (token for token in bpe.vocab if _ENGLISH.fullmatch(token_text(token) or ""))
    return {step for token in progress(list(wanted), "English tokens") for step in bpe.way(token)}


def corpus_tokens(bpe: BpeTokenizer, corpus: Path) -> set[str]:
    """Tokens that a text file (UTF-8) needs; InputError where it is none."""
    try:
        text = read_typed_text(corpus, None)
    except OSError as error:
        raise InputError(
            f"{corpus}: expected a text file as the corpus, cannot read it ({error.strerror})"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{corpus}: expected UTF-8 text as the corpus, got other bytes at {error.start}"
        ) from None
    if not text.strip():
        raise InputError(
            f"{corpus}: expected text as the corpus, got an empty file: give what the model must "
            "understand"
        )
    words: set[str] = set()
    with ProgressBar("corpus") as bar:
        for done, piece in _pieces(text):
            words |= bpe.words(piece)
            bar.show(done)
    return {step for word in progress(sorted(words), "corpus tokens") for step in bpe.way(word)}


def _pieces(text: str) -> Iterator[tuple[float, str]]:
    """Cut a long text where words end; each piece comes with the share done after it."""
    start = 0
    while start < len(text):
        seam = _SEAM.search(text, start + _PIECE)
        stop = seam.start() if seam else len(text)
        yield stop / len(text), text[start:stop]
        start = stop


def write_pruned(bpe: BpeTokenizer, numbers: Mapping[int, int], path: Path) -> None:
    """Write tokenizer.json with only the ids in `numbers`, renumbered.

    FormatError for parts that cannot be renumbered.
    """
    model = dict(bpe.data["model"])
    kept: Collection[str] = {token for token, old in bpe.vocab.items() if old in numbers}
    model["vocab"] = {token: bpe.vocab[token] for token in bpe.vocab if token in kept}
    model["merges"] = [merge for merge in model["merges"] if _stands(merge_pair(merge), kept)]
    data = dict(bpe.data) | {"model": model}
    write_tokenizer_json(renumbered_tokenizer(data, numbers, bpe.path), path)


def _stands(halves: tuple[str, str], kept: Collection[str]) -> bool:
    return halves[0] in kept and halves[1] in kept and "".join(halves) in kept


def ids_of(bpe: BpeTokenizer, tokens: Iterable[str]) -> set[int]:
    """Ids of tokens in byte letters."""
    return {bpe.vocab[token] for token in tokens}
