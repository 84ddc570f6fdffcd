"""Numbers of config.json, each checked to be one that a network can have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kinetoken.base.errors import FormatError


def whole(fields: Mapping[str, Any], name: str) -> int:
    """A whole number of 1 or more; KeyError where it is missing, FormatError for another value."""
    value = fields[name]
    if not _is_number(value) or value != int(value) or value < 1:
        raise FormatError(f"expected {name} to be a whole number of 1 or more, got {value!r}")
    return int(value)


def positive(fields: Mapping[str, Any], name: str) -> float:
    """A number above 0; KeyError where it is missing, FormatError for another value."""
    value = fields[name]
    if not _is_number(value) or value <= 0:
        raise FormatError(f"expected {name} to be a number above 0, got {value!r}")
    return float(value)


def positive_or(fields: Mapping[str, Any], name: str, otherwise: float) -> float:
    """A number above 0, or another where it is missing or null; FormatError for another value."""
    return otherwise if fields.get(name) is None else positive(fields, name)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)
