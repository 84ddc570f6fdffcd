"""JSON that others wrote: the one place that parses it, with bounds on depth and digits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

DEEPEST_JSON: Final = 100
"""Lists and objects within each other. Beyond, what walks through the value would overflow."""
MOST_DIGITS: Final = 40
"""Digits of a whole number: tokenizers write 10**30 for "no limit"."""

PairsHook = Callable[[list[tuple[str, Any]]], Any]


def parse_json(text: str | bytes, pairs: PairsHook | None = None, *, constants: bool = True) -> Any:
    """The value of a JSON text, a mark of UTF-8 at its beginning or not.

    `pairs` makes an object of its keys and values. `constants`: NaN and Infinity, which Python
    writes and JSON does not know, are read. ValueError, and nothing else, for what is no
    JSON, no UTF-8, too deep, or holds a whole number of too many digits.
    """
    try:
        whole = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            whole.removeprefix("\ufeff"),
            parse_int=_whole,
            parse_constant=float if constants else _no_constant,
            object_pairs_hook=pairs,
        )
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _is_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


_TOO_DEEP: Final = f"lists or objects deeper than {DEEPEST_JSON} within each other"


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _is_deep(value: Any) -> bool:
    """Tell it level by level: a walk of calls would overflow itself."""
    level = [value]
    for _ in range(DEEPEST_JSON + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
