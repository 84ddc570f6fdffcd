"""Lengths as a caller asks for them, in seconds or code frames, to whole code frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from ..base.errors import InputError

_NEARLY = 1e-6  # 0.6 / 0.2 is a little less than 3


@dataclass(frozen=True)
class LengthRange:
    """Code frames, both ends included; None if nothing was asked for."""

    low: int | None
    high: int | None


class _Options(Protocol):
    """Anything with the fields of GenerateOptions."""


def requested_range(options: _Options, what: str, step: float, size: int = 1) -> LengthRange:
    """The range that the options for a length ask for, exact, at least and at most.

    `what` is "" for the whole answer and "block_" for a block; `step`: seconds of `size` code
    frames, in which motion comes.
    InputError for a length below one code frame, and for a range without a whole number of them.
    """
    frames = f"{what}code_frames"
    exact = _whole(options, f"{what}seconds", frames, step, size, "exact")
    if exact is not None:
        return LengthRange(exact, exact)
    low = _whole(options, f"min_{what}seconds", f"min_{frames}", step, size, "low")
    high = _whole(options, f"max_{what}seconds", f"max_{frames}", step, size, "high")
    if low is not None and high is not None and low > high:
        ends = [getattr(options, f"{end}_{what}seconds") for end in ("min", "max")]
        if None not in ends and ends[0] <= ends[1]:
            asked = f"{ends[0]:g} and {ends[1]:g}"
            raise InputError(
                f"motion comes in steps of {step:g} s and none lies between {asked}; "
                "widen the range"
            )
        raise InputError(
            f"the shortest {what.replace('_', ' ')}length asked, {low} code frames, is above the "
            f"longest, {high}"
        )
    return LengthRange(low, high)


def _whole(
    options: _Options, seconds: str, frames: str, step: float, size: int, end: str
) -> int | None:
    """One end of the range in code frames."""
    given = getattr(options, frames)
    if given is not None:
        if given % size:
            raise InputError(
                f"{frames} {given}: this model moves in blocks of {size} code frames; "
                "ask for a multiple of that"
            )
        return int(given)
    asked = getattr(options, seconds)
    if asked is None:
        return None
    number = float(asked) / step
    if number > 1e9:
        raise InputError(f"{seconds} {asked:g} does not fit the model's context; ask for less")
    rounded = {"exact": number + 0.5, "low": number + 1 - _NEARLY, "high": number + _NEARLY}[end]
    if math.floor(rounded) < 1:
        raise InputError(
            f"{seconds} {asked:g} is less than one step of motion; ask for at least {step:g}"
        )
    return math.floor(rounded) * size


def check_lengths(options: _Options, what: str) -> None:
    """Raise InputError if one end is given twice, or an exact length beside a range."""
    exact = (f"{what}seconds", f"{what}code_frames")
    ends = [f"{end}_{name}" for end in ("min", "max") for name in exact]
    pairs = (exact, tuple(ends[:2]), tuple(ends[2:]))
    for pair in pairs:
        if all(getattr(options, name) is not None for name in pair):
            raise InputError(f"{pair[0]} and {pair[1]} say the same in two units; give one")
    given = next((name for name in exact if getattr(options, name) is not None), None)
    if given is not None and any(getattr(options, name) is not None for name in ends):
        raise InputError(f"{given} sets an exact length: leave out {ends[0]} and {ends[2]}")
    for low, high in zip(ends[:2], ends[2:], strict=True):
        a, b = getattr(options, low), getattr(options, high)
        if a is not None and b is not None and a > b:
            raise InputError(f"{low} {a:g} is above {high} {b:g}; swap them or leave one out")
