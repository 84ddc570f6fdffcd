"""Numbers of sampling: the one place that says which make sense, in options and in bundles."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, Final

MAX_TEMPERATURE: Final = 100.0
SAMPLING_NUMBERS: Final = ("temperature", "top_k", "top_p", "min_p")


def is_number(value: object, kind: type = Real) -> bool:
    """True for a finite number of this kind, `Real` or `Integral`; True and False are none."""
    if not isinstance(value, kind) or isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, Real) and math.isfinite(value))


def sampling_problem(name: str, value: object) -> str | None:
    """What was expected of one of SAMPLING_NUMBERS and what came; None if all is well.

    None as a value leaves the choice to others.
    """
    if value is None:
        return None
    if name == "temperature":
        expected, fine = "0 (greedy) to 100; 0.5 is usual", _within(value, 0.0, MAX_TEMPERATURE)
    elif name == "top_k":
        fine = isinstance(value, Integral) and is_number(value) and int(value) >= 1
        expected = "a whole number of 1 or more"
    else:
        fine = value != 0 and _within(value, 0.0, 1.0)
        expected = "a number above 0, at most 1"
    return None if fine else f"{name}: expected {expected}, got {repr(value)[:60]}"


def _within(value: Any, least: float, most: float) -> bool:
    return is_number(value) and bool(least <= value <= most)
