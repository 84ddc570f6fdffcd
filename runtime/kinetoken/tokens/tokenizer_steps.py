"""The steps that a tokenizer.json takes with a text, looked at before the library takes them.

A few steps that each make a text ten times as long fill any memory, and some the library cannot
take at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

MOST_STEPS: Final = 64
"""Of normalizer, pre-tokenizer and decoder together. SentencePiece's kind has about ten."""
MOST_GROWTH: Final = 64
"""Characters that the steps may make of one."""
MOST_ADDED: Final = 4096
"""Characters that the steps may put before a text."""
_PARTS: Final = ("normalizer", "pre_tokenizer", "decoder")
_INNER: Final = ("normalizers", "pretokenizers", "decoders")
_BY_DEFAULT: Final = {"padding": None, "truncation": None, "post_processor": None}
"""What an export to text of its own has: lengths are the grammar's business."""


def without_lengths(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same tokenizer, neither filling texts up nor cutting them, nor putting tokens around."""
    return {**data, **_BY_DEFAULT}


def check_steps(data: Mapping[str, Any]) -> None:
    """Raise ValueError for steps that make a text much longer, or that cannot be taken."""
    steps = [step for part in _PARTS for step in _flat(data.get(part))]
    if len(steps) > MOST_STEPS:
        raise ValueError(f"expected at most {MOST_STEPS} steps, got {len(steps)}")
    for part in _PARTS:
        growth, added = 1, 0
        for step in _flat(data.get(part)):
            growth *= _growth(step)
            added = added * _growth(step) + len(str(step.get("prepend") or ""))
            if growth > MOST_GROWTH or added > MOST_ADDED:
                raise ValueError(
                    f"expected a {part} that keeps a text's length, got one that does not"
                )


def has_patterns(data: Mapping[str, Any]) -> bool:
    """Tell if a step searches by a regular expression of the file."""
    steps = (step for part in _PARTS for step in _flat(data.get(part)))
    return any("Regex" in (step.get("pattern") or {}) for step in steps)


def _flat(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield a part's steps, those in sequences too."""
    if not isinstance(part, Mapping):
        return
    inner = [step for key in _INNER for step in part.get(key) or ()]
    if not inner:
        yield part
    for step in inner:
        yield from _flat(step)


def _growth(step: Mapping[str, Any]) -> int:
    """Characters that a step makes of one, at most."""
    if step.get("type") == "FixedLength" and not step.get("length"):
        raise ValueError("expected pieces of one character or more, got a FixedLength of 0")
    if step.get("type") != "Replace":
        return 1
    pattern, content = step.get("pattern") or {}, str(step.get("content") or "")
    plain = pattern.get("String")
    if plain == "":
        raise ValueError("expected a text to replace, got an empty one")
    if isinstance(plain, str):
        return max(1, -(-len(content) // len(plain)))
    return max(1, len(content) + 1)  # a regular expression may match nothing, beside every letter
