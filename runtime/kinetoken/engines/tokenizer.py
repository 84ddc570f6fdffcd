"""tokenizer.json through the tokenizers library; the only file that knows it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from ..base.errors import BundleError, InputError, MissingPackageError
from ..base.foreign_calls import stoppable
from ..base.input_file import read_input_text
from ..base.json_text import parse_json
from ..tokens.tokenizer_steps import check_steps, has_patterns, without_lengths
from .memory import return_freed_memory

# A prompt is one text: the library needs no threads for it, and warns of them where others fork.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
try:
    from tokenizers import Tokenizer
except ImportError as error:
    raise MissingPackageError("tokenizers") from error

_ODD: Final = ("single_word", "lstrip", "rstrip")
"""Flags of added tokens that mind the letters beside them; these are left to the library."""
LONGEST_TEXT_SECONDS: Final = 10.0
"""Of a text; a prompt takes a millisecond, but some regular expressions take centuries."""
_Result = TypeVar("_Result")


class HfTokenizer:
    """The library's tokenizer without its added tokens, for what people type.

    Added tokens are found here, and only in the bundle's own text. The library's own switch does
    not cover those that are not marked special, and a second tokenizer that knows them would take
    another 50 MB with a vocabulary of 150,000.
    """

    def __init__(self, path: Path) -> None:
        """BundleError if the file is not a tokenizer."""
        try:
            data = parse_json(read_input_text(path))
            added = data.get("added_tokens") or []
            odd = any(token.get(flag) for token in added for flag in _ODD) or _minds_start(data)
            self._joins, self._has_patterns = not _splits_words(data), has_patterns(data)
            self._full = open_tokenizer(data) if odd else None
            self._added = {str(token["content"]): int(token["id"]) for token in added}
            self._plain = open_tokenizer(_without_added(data))
        except Exception as error:  # the library raises bare Exception
            raise BundleError(
                f"{path} is not a tokenizer.json ({error}); export the bundle again"
            ) from error
        del data, added
        self._content = {token: content for content, token in self._added.items()}
        longest_first = sorted(self._added, key=len, reverse=True)
        self._split = re.compile(
            f"({'|'.join(map(re.escape, longest_first))})" if longest_first else "(?!)"
        )
        return_freed_memory()  # with a large vocabulary 90 MB

    def encode_text(self, text: str) -> list[int]:
        """Encode what a person typed: special tokens spelled in it stay plain text."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(
                "the prompt holds bytes that are not UTF-8 text; type it again"
            ) from None
        return self._ids(self._plain, text)

    def encode_template(self, text: str) -> list[int]:
        """Encode the bundle's own text: special tokens in it are recognised."""
        if self._full is not None:
            return self._ids(self._full, text)
        parts = (part for part in self._split.split(text) if part)
        known = self._added
        return [
            i
            for part in parts
            for i in ([known[part]] if part in known else self.encode_text(part))
        ]

    def encode_turn(self, before: str, typed: str, after: str) -> list[int]:
        """Encode what a person typed with the bundle's own text around it.

        Where the tokenizer joins words across the border, as those of SentencePiece do, all is
        encoded in one piece, as in training; but never if the person spelled a special token.
        """
        whole = before + typed + after
        apart = sum(len(self._split.findall(text)) for text in (before, after))
        if self._joins and len(self._split.findall(whole)) == apart:
            self.encode_text(typed)  # raises if it is no text
            return self.encode_template(whole)
        return [
            *self.encode_template(before),
            *self.encode_text(typed),
            *self.encode_template(after),
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids; U+FFFD stands for a character that is not complete yet."""
        known: Mapping[int, str] = self._content
        runs = (
            (is_added, list(run)) for is_added, run in itertools.groupby(ids, known.__contains__)
        )
        return "".join(
            "".join(known[i] for i in run) if is_added else self._words(run)
            for is_added, run in runs
        )

    def _words(self, ids: list[int]) -> str:
        return self._called(
            lambda: str(self._plain.decode_batch([ids], skip_special_tokens=False)[0])
        )

    def _ids(self, tokenizer: Tokenizer, text: str) -> list[int]:
        # In batches the library lets other threads run, so that one can end what takes for ever.
        return self._called(
            lambda: list(tokenizer.encode_batch([text], add_special_tokens=False)[0].ids)
        )

    def _called(self, work: Callable[[], _Result]) -> _Result:
        """The library's answer. BundleError where the tokenizer's steps fail on this text."""
        try:
            return call_tokenizer(work, may_panic=self._has_patterns)
        except ValueError as error:
            raise BundleError(
                f"the bundle's tokenizer fails on this text ({error}); do not trust this bundle"
            ) from error


def open_tokenizer(data: Mapping[str, Any]) -> Tokenizer:
    """The library's tokenizer of a tokenizer.json. Exception for one that is none."""
    check_steps(data)
    text = json.dumps(without_lengths(data))
    with _quiet():
        return _without_panic(lambda: Tokenizer.from_str(text))


def call_tokenizer(work: Callable[[], _Result], *, may_panic: bool = True) -> _Result:
    """The library's answer. ValueError where it panics.

    It cannot be asked to stop: the program ends when its patience does.
    """
    quiet = _quiet() if may_panic else contextlib.nullcontext(_nothing)
    with quiet as be_heard, stoppable("the tokenizer", be_heard, LONGEST_TEXT_SECONDS):
        return _without_panic(work)


def _without_panic(work: Callable[[], _Result]) -> _Result:
    """The library's answer. ValueError where it panics, which it raises as no Exception."""
    try:
        return work()
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(str(error).strip().partition("\n")[0][:200]) from None


@contextlib.contextmanager
def _quiet() -> Iterator[Callable[[], None]]:
    """Keep what the library prints when it panics, a page, from the terminal.

    Yields a function that ends this at once, for who has something to say.
    """
    try:
        before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no standard error
        yield _nothing
        return

    def be_heard() -> None:
        os.dup2(before, 2)

    try:
        os.dup2(nowhere, 2)
        yield be_heard
    finally:
        be_heard()
        os.close(before)
        os.close(nowhere)


def _nothing() -> None:
    """There is nothing to end."""


def _without_added(data: Mapping[str, Any]) -> dict[str, Any]:
    """A tokenizer that never makes an added token of a text.

    A Unigram tokenizer makes whatever is in its list: there the added tokens keep their places and
    are spelled as nobody can guess.
    """
    model, out = data["model"], {**data, "added_tokens": [], "post_processor": None}
    words, added = (
        model.get("vocab"),
        {token["content"] for token in data.get("added_tokens") or ()},
    )
    if not isinstance(words, list) or not added:
        return out
    secret = secrets.token_hex(16)
    hidden = [
        [f"{secret} {number}", score] if word in added else [word, score]
        for number, (word, score) in enumerate(words)
    ]
    return {**out, "model": {**model, "vocab": hidden}}


def _steps(part: Any) -> list[Mapping[str, Any]]:
    """A pre-tokenizer or normalizer, or those that it is a sequence of."""
    part = part or {}
    return list(part.get("pretokenizers") or part.get("normalizers") or [part])


def _splits_words(data: Mapping[str, Any]) -> bool:
    """Tell if words are cut apart before they become tokens, as byte-level tokenizers do."""
    return any(step.get("type") == "ByteLevel" for step in _steps(data.get("pre_tokenizer")))


def _minds_start(data: Mapping[str, Any]) -> bool:
    """Tell if a text's first word becomes other tokens than the same word behind a special one."""
    steps = _steps(data.get("pre_tokenizer"))
    return any(step.get("prepend_scheme") == "first" for step in steps)
