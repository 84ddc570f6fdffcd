"""tokenizer.json under other ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import FormatError

from ..json_file import read_json

_HARMLESS: Final = ("ByteLevel",)  # post-processors without ids


def write_renumbered(tokenizer: Path, moved: Mapping[int, int], path: Path) -> None:
    """Write a tokenizer.json after some tokens `moved` (old id to new id)."""
    data = read_json(tokenizer)
    write_tokenizer_json(renumbered_tokenizer(data, _Moved(moved), tokenizer), path)


class _Moved(dict[int, int]):
    """Old id to new id; an id that is not listed stays."""

    def __missing__(self, number: int) -> int:
        return number


def write_tokenizer_json(data: Mapping[str, Any], path: Path) -> None:
    """Write tokenizer.json, whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def renumbered_tokenizer(
    data: Mapping[str, Any], numbers: Mapping[int, int], path: Path
) -> dict[str, Any]:
    """A tokenizer.json under the ids in `numbers`.

    FormatError for parts that cannot be renumbered.
    """
    model = dict(data["model"])
    if isinstance(model["vocab"], Mapping):
        model["vocab"] = {token: numbers[old] for token, old in model["vocab"].items()}
    elif any(numbers[old] != old for old in range(len(model["vocab"]))):
        model["vocab"] = _renumbered_list(data, numbers, path)
        if model.get("unk_id") is not None:
            model["unk_id"] = numbers[model["unk_id"]]
    out = dict(data) | {"model": model}
    out["added_tokens"] = sorted(
        (token | {"id": numbers[token["id"]]} for token in data["added_tokens"]),
        key=lambda token: int(token["id"]),
    )
    out["post_processor"] = _renumbered(data.get("post_processor"), numbers, path)
    if data.get("padding"):
        out["padding"] = data["padding"] | {"pad_id": numbers[data["padding"]["pad_id"]]}
    return out


def _renumbered_list(
    data: Mapping[str, Any], numbers: Mapping[int, int], path: Path
) -> list[list[Any]]:
    """The words of a Unigram tokenizer with their scores, in the order of their new ids.

    An added token that comes to stand among them needs a place in the list: there it has the
    score of SentencePiece's own user-defined words, and text is never cut into it, as added tokens
    are found before.
    """
    words = {numbers[old]: word for old, word in enumerate(data["model"]["vocab"])}
    added = {numbers[token["id"]]: [token["content"], 0.0] for token in data["added_tokens"]}
    last = max(words)
    missing = next((i for i in range(last) if i not in words and i not in added), None)
    if missing is not None:
        raise FormatError(
            f"{path}: expected a token for every id up to {last}, found none for {missing}: save "
            "the tokenizer with transformers again"
        )
    return [words.get(i) or added[i] for i in range(last + 1)]


def _renumbered(processor: Any, numbers: Mapping[int, int], path: Path) -> Any:
    """A post-processor with new ids in it."""
    if processor is None or processor["type"] in _HARMLESS:
        return processor
    if processor["type"] == "Sequence":
        return processor | {
            "processors": [_renumbered(p, numbers, path) for p in processor["processors"]]
        }
    if processor["type"] != "TemplateProcessing":
        raise FormatError(
            f"{path}: a post-processor {processor['type']} cannot be renumbered: "
            "export without pruning"
        )
    specials = processor["special_tokens"]
    renewed = {
        name: token | {"ids": [numbers[i] for i in token["ids"]]}
        for name, token in specials.items()
    }
    return processor | {"special_tokens": renewed}
