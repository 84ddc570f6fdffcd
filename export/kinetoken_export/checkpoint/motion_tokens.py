"""The motion vocabulary of a checkpoint, read from its tokenizer and checked.

Nothing about it is assumed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kinetoken.base.errors import FormatError, InputError
from kinetoken.manifest.schema import MotionInfo
from kinetoken.tokens.markup import MOVE_END, MOVE_START

# What the model card of the target asks for; training and inference have to agree on every
# character.
SYSTEM_PROMPT: Final = (
    "You are an embodied AI. You reason about your physical state and output precise motor actions "
    "inside <move></move> tags."
)
_TOKEN: Final = re.compile(r"<m_(\d+)_(\d+)>\Z")


@dataclass(frozen=True)
class CheckpointVocabulary:
    """The vocabulary in the tokenizer of a checkpoint."""

    motion: MotionInfo
    text_ids: tuple[tuple[int, int], ...]
    """Half-open ranges of plain-text tokens."""
    added: dict[str, int]
    """Added tokens and their ids."""


def read_vocabulary(folder: Path) -> CheckpointVocabulary:
    """Read motion and text ids of `folder`/tokenizer.json.

    FormatError for missing motion tokens or a gap in them.
    """
    path = folder / "tokenizer.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        added = {token["content"]: int(token["id"]) for token in data["added_tokens"]}
        words = {int(i) for i in data["model"]["vocab"].values()} - set(added.values())
    except OSError as error:
        raise InputError(
            f"{path}: expected the checkpoint's tokenizer, cannot read it ({error.strerror})"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path}: expected a fast tokenizer's tokenizer.json, got something else ({error!r})"
        ) from error
    return CheckpointVocabulary(_motion(added, path), _ranges(words), added)


def _motion(added: dict[str, int], path: Path) -> MotionInfo:
    missing = [token for token in (MOVE_START, MOVE_END) if token not in added]
    levels: dict[int, dict[int, int]] = {}
    for token, number in added.items():
        match = _TOKEN.match(token)
        if match:
            levels.setdefault(int(match[1]), {})[int(match[2])] = number
    if missing or not levels:
        what = " and ".join(missing) or "<m_LEVEL_CODE>"
        raise FormatError(
            f"{path}: expected motion tokens, found no {what}: this checkpoint was not trained to "
            "move"
        )
    return MotionInfo(
        added[MOVE_START],
        added[MOVE_END],
        tuple(_level(levels, q, path) for q in range(len(levels))),
    )


def _level(levels: dict[int, dict[int, int]], q: int, path: Path) -> tuple[int, int]:
    if q not in levels:
        raise FormatError(
            f"{path}: expected motion levels 0..{len(levels) - 1}, level {q} is missing"
        )
    ids = levels[q]
    first = ids.get(0)
    if first is None or ids != {code: first + code for code in range(len(ids))}:
        gap = next(code for code in range(len(ids) + 1) if ids.get(code) != (first or 0) + code)
        raise FormatError(
            f"{path}: expected the codes of level {q} at ids in a row, <m_{q}_{gap}> is missing "
            "or out of place"
        )
    return first, first + len(ids)


def _ranges(ids: set[int]) -> tuple[tuple[int, int], ...]:
    out: list[list[int]] = []
    for i in sorted(ids):
        if out and out[-1][1] == i:
            out[-1][1] = i + 1
        else:
            out.append([i, i + 1])
    return tuple((a, b) for a, b in out)
