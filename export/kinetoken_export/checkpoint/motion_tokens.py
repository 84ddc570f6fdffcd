"""The motion vocabulary of a checkpoint, read from its tokenizer and checked.

Nothing about it is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import read_input_text
from kinetoken.base.json_text import parse_json
from kinetoken.manifest.schema import MotionInfo

from .find_spelling import AskedSpelling, codes_by_level, find_spelling
from .json_file import read_json, refuse_lfs_pointer

# What the model card of the target asks for; training and inference have to agree on every
# character.
SYSTEM_PROMPT: Final = (
    "You are an embodied AI. You reason about your physical state and output precise motor actions "
    "inside <move></move> tags."
)
_NO_MARKERS: Final = (
    "no tokens around a block were found: if there are any, name them with --move START END"
)
_MOST_IDS: Final = 1 << 24  # no tokenizer has as many
_ROLES: Final = ("bos", "eos", "unk", "pad", "sep", "cls", "mask")


@dataclass(frozen=True)
class CheckpointVocabulary:
    """What the tokenizer of a checkpoint says, with the ids that the bundle has."""

    motion: MotionInfo
    text_ids: tuple[tuple[int, int], ...]
    """Half-open ranges of plain-text tokens."""
    added: dict[str, int]
    """Added tokens and their ids."""
    added_words: dict[str, int] = field(default_factory=dict)
    """Ordinary ones among them, which a thought may use."""
    moved: Mapping[int, int] = field(default_factory=dict)
    """Id in the checkpoint to id here, of tokens that have to move so that codes lie in a row."""
    notes: tuple[str, ...] = ()
    """What was assumed, a line each."""

    @property
    def added_before(self) -> dict[str, int]:
        """Added tokens and their ids in the checkpoint, as its other files name them."""
        before = {new: old for old, new in self.moved.items()}
        return {content: before.get(i, i) for content, i in self.added.items()}


def read_vocabulary(folder: Path, asked: AskedSpelling | None = None) -> CheckpointVocabulary:
    """Read motion and text ids of `folder`/tokenizer.json.

    FormatError for missing motion tokens or a gap in their codes. The codes of a level may lie at
    any ids: `moved` says which tokens go where.
    """
    path = folder / "tokenizer.json"
    try:
        refuse_lfs_pointer(path)
        data = parse_json(read_input_text(path))
        tokens = {str(token["content"]): token for token in data["added_tokens"]}
        added = {content: token["id"] for content, token in tokens.items()}
        words = _words(data["model"]["vocab"])
        # Runs of spaces and line breaks are added tokens in some tokenizers, and words like others.
        merged = {"".join(_halves(merge)) for merge in data["model"].get("merges") or ()}
        _check_ids(path, data["added_tokens"], words)
    except OSError as error:
        raise InputError(
            f"{path}: expected the checkpoint's tokenizer, cannot read it ({error.strerror})"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(
            f"{path}: expected a fast tokenizer's tokenizer.json, got something else ({error!r})"
        ) from error
    ids = {**words, **added}
    spelling = find_spelling(list(added), list(words), path, asked or AskedSpelling())
    levels = codes_by_level(ids, spelling, path)
    markers = [ids[text] for text in (spelling.start, spelling.end) if text]
    motion = [*markers, *(i for level in levels for i in level)]
    ordinary = _ordinary(tokens, folder, {spelling.start, spelling.end}) - set(motion)
    built = {i for word, i in words.items() if word in merged}
    plain = set(words.values()) - (set(added.values()) - (ordinary & built)) - set(motion)
    moved = {} if _in_rows(levels) else _moves(set(ids.values()), motion, plain)
    new = {i: moved.get(i, i) for i in ids.values()}
    start, end = (new[i] for i in markers) if markers else (None, None)
    rows = tuple((new[level[0]], new[level[0]] + len(level)) for level in levels)
    return CheckpointVocabulary(
        MotionInfo(start, end, rows, spelling),
        _ranges({new[i] for i in plain}),
        {content: new[i] for content, i in added.items()},
        {content: new[i] for content, i in added.items() if i in ordinary - plain},
        moved,
        () if markers or (asked and asked.around) else (_NO_MARKERS,),
    )


def _check_ids(path: Path, added: Sequence[Mapping[str, Any]], words: Mapping[str, int]) -> None:
    """FormatError unless each added token has one id, and each id one added token."""
    contents: dict[int, str] = {}
    ids: dict[str, int] = {}
    for token in added:
        content, number = str(token["content"]), token["id"]
        if not isinstance(number, int) or not 0 <= number < _MOST_IDS:
            raise FormatError(
                f"{path}: expected an id of 0 to {_MOST_IDS - 1} for {content}, got {number!r}"
            )
        if contents.setdefault(number, content) != content:
            raise FormatError(
                f"{path}: expected one token with the id {number}, got {contents[number]} and "
                f"{content}: save the tokenizer once more"
            )
        other = ids.setdefault(content, words.get(content, number))
        if other != number:
            raise FormatError(
                f"{path}: expected one id for {content}, got {other} and {number}: save the "
                "tokenizer once more"
            )


def pruned_vocabulary(
    vocabulary: CheckpointVocabulary, kept: NDArray[np.int64]
) -> CheckpointVocabulary:
    """The vocabulary with new ids for the tokens that are kept (old ids), all added ones included."""
    new = {int(old): number for number, old in enumerate(kept)}
    motion = vocabulary.motion
    start, end = (None if i is None else new[i] for i in (motion.move_start, motion.move_end))
    levels = tuple((new[first], new[stop - 1] + 1) for first, stop in motion.levels)
    words = {new[i] for first, stop in vocabulary.text_ids for i in range(first, stop) if i in new}
    return CheckpointVocabulary(
        MotionInfo(start, end, levels, motion.spelling),
        _ranges(words),
        {content: new[i] for content, i in vocabulary.added.items()},
        {content: new[i] for content, i in vocabulary.added_words.items()},
    )


def _words(vocab: Any) -> dict[str, int]:
    """Words and their ids: an object, or, in a Unigram tokenizer, a list of words with scores."""
    if isinstance(vocab, list):
        return {str(word): number for number, (word, _) in enumerate(vocab)}
    return {str(word): int(number) for word, number in vocab.items()}


def _halves(merge: str | list[str]) -> list[str]:
    return merge.split(" ") if isinstance(merge, str) else merge


def _in_rows(levels: Sequence[Sequence[int]]) -> bool:
    return all(ids == list(range(ids[0], ids[0] + len(ids))) for ids in levels)


def _moves(named: set[int], motion: Sequence[int], plain: set[int]) -> dict[int, int]:
    """The moves after which motion tokens lie in a row, in this order.

    Other tokens keep their order. Motion comes where the first of it lies now, but behind all
    words: words keep fewer bits in some recipes.
    """
    last, first = max(named), min(motion)
    moving = set(motion)
    others = [i for i in range(last + 1) if i not in moving]
    last_word = max(plain, default=-1)
    before = [i for i in others if i < first or i <= last_word]
    order = [*before, *motion, *others[len(before) :]]
    return {old: new for new, old in enumerate(order) if old != new}


def _ordinary(tokens: Mapping[str, Any], folder: Path, markers: set[str]) -> set[int]:
    """Ids of added tokens that are words: not special, not <|name|>, with no part of their own."""
    path = folder / "tokenizer_config.json"
    config = read_json(path) if path.is_file() else {}
    named = {
        text for role in _ROLES if (text := token_content(config.get(f"{role}_token")))
    } | markers
    return {
        int(token["id"])
        for content, token in tokens.items()
        if not token.get("special")
        and content
        and not (content.startswith("<|") and content.endswith("|>"))
        and content not in named
    }


def token_content(token: Any) -> str | None:
    """The text of a token in tokenizer_config.json, which may be an object; else None."""
    given = token.get("content") if isinstance(token, Mapping) else token
    return given if isinstance(given, str) else None


def _ranges(ids: set[int]) -> tuple[tuple[int, int], ...]:
    out: list[list[int]] = []
    for i in sorted(ids):
        if out and out[-1][1] == i:
            out[-1][1] = i + 1
        else:
            out.append([i, i + 1])
    return tuple((a, b) for a, b in out)
