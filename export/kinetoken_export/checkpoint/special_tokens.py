"""Tokens that begin a text and end an answer, by what a checkpoint's files say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import FormatError

from .json_file import read_json

TURN_ENDS: Final = (
    "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>",
)  # fmt: skip
"""What ends a turn or a text in the families that are known, the ends of turns first."""
_BEGINS: Final = ("<|begin_of_text|>", "<bos>", "<s>", "<|endoftext|>")
_PADS: Final = ("<|endoftext|>", "<pad>", "<|finetune_right_pad_id|>")


@dataclass(frozen=True)
class SpecialTokens:
    """Spelled out, so that they are found again where ids change."""

    ends: tuple[str, ...]
    """Each ends an answer; the first one ends a turn."""
    begin: str | None
    pad: str | None
    notes: tuple[str, ...] = ()
    """What is unusual, a line each."""


def read_special_tokens(folder: Path, added: Mapping[str, int]) -> SpecialTokens:
    """Special tokens of the checkpoint in `folder`; `added`: the added tokens and their ids."""
    names = {number: token for token, number in added.items()}
    known = known_special_tokens(added)
    ids = dict.fromkeys(_end_ids(folder))
    said = (names[number] for number in ids if number in names)
    begin = _named(folder, "bos_token")
    return replace(
        known,
        ends=tuple(dict.fromkeys((*known.ends, *said))),
        begin=begin if begin in added else known.begin,
        notes=tuple(
            f"eos_token_id {number} is no added token: answers do not end with it"
            for number in ids
            if number not in names
        ),
    )


def known_special_tokens(added: Mapping[str, int]) -> SpecialTokens:
    """Special tokens by their names in the families that are known."""
    return SpecialTokens(
        tuple(token for token in TURN_ENDS if token in added),
        next((token for token in _BEGINS if token in added), None),
        next((token for token in _PADS if token in added), None),
    )


def _end_ids(folder: Path) -> Iterator[int]:
    """eos_token_id, a number or several, as transformers finds it."""
    for path in (folder / "generation_config.json", folder / "config.json"):
        if path.is_file():
            found: Any = read_json(path).get("eos_token_id")
            numbers = found if isinstance(found, list) else [] if found is None else [found]
            if not all(isinstance(number, int) for number in numbers):
                raise FormatError(f"{path}: expected numbers as eos_token_id, got {found!r}")
            yield from numbers


def _named(folder: Path, field: str) -> str | None:
    """A token that tokenizer_config.json names, as text or as an object."""
    path = folder / "tokenizer_config.json"
    found = read_json(path).get(field) if path.is_file() else None
    found = found.get("content") if isinstance(found, Mapping) else found
    return found if isinstance(found, str) else None
