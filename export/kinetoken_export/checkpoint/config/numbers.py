"""Numbers of config.json, each checked to be one that a network can have."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from kinetoken.base.errors import FormatError

MOST_LAYERS: Final = 10_000  # of a bundle, too
_MOST: Final = 1 << 53
"""Above it, a number of JSON is no longer told from its neighbours."""


def whole(fields: Mapping[str, Any], name: str, most: int = _MOST) -> int:
    """A whole number of 1 to `most`.

    KeyError where it is missing, FormatError for another value.
    """
    value = fields[name]
    if not _is_number(value) or value != int(value) or value < 1:
        raise FormatError(
            f"expected {name} to be a whole number of 1 or more, got {repr(value)[:80]}"
        )
    if value > most:
        raise FormatError(f"expected {name} to be at most {most:,}, got {repr(value)[:80]}")
    return int(value)


def positive(fields: Mapping[str, Any], name: str) -> float:
    """A number above 0; KeyError where it is missing, FormatError for another value."""
    value = fields[name]
    if not _is_number(value) or value <= 0:
        raise FormatError(f"expected {name} to be a number above 0, got {repr(value)[:80]}")
    return float(value)


def positive_or(fields: Mapping[str, Any], name: str, otherwise: float) -> float:
    """A number above 0, or another where it is missing or null; FormatError for another value."""
    return otherwise if fields.get(name) is None else positive(fields, name)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max  # an integer may be beyond all floats
