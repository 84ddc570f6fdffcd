"""The unit of a file that does not name it: told by the length of its legs, or by the user."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...base.errors import FormatError, InputError
from .retarget import LEG

UNITS: Final = {
    "m": 1.0, "cm": 0.01, "mm": 0.001, "dm": 0.1, "in": 0.0254, "ft": 0.3048, "cmu": 0.0254 / 0.45,
}  # fmt: skip
"""Metres per unit. "cmu" is that of CMU's own files."""
_SPELLINGS: Final = {
    "metre": "m", "metres": "m", "meter": "m", "meters": "m",
    "centimetres": "cm", "centimeters": "cm", "millimetres": "mm", "millimeters": "mm",
    "decimetres": "dm", "decimeters": "dm", "inch": "in", "inches": "in", "foot": "ft",
    "feet": "ft",
}  # fmt: skip
_USUAL: Final = ("m", "cm", "mm")
SHORTEST_LEG: Final = 0.25
LONGEST_LEG: Final = 2.5
"""Metres from hip to ankle, of any body."""
_RARE_WITHIN: Final = 1.25
"""Times that a leg in a rare unit may differ from HumanML3D's.

Nearly all captured people are grown up.
"""


@dataclass(frozen=True)
class Unit:
    """A unit of length."""

    name: str
    metres: float


def is_leg(metres: float) -> bool:
    """Whether this is the length from a hip to an ankle."""
    return SHORTEST_LEG < metres < LONGEST_LEG


def parsed_unit(words: str) -> Unit:
    """A unit as the user writes it: "in", "inches", or the metres of one unit, "0.0254".

    InputError.
    """
    name = _SPELLINGS.get(words.strip().lower(), words.strip().lower())
    if name in UNITS:
        return Unit(name, UNITS[name])
    try:
        metres = float(name)
    except ValueError:
        metres = math.nan
    if not 0 < metres < math.inf:
        known = ", ".join(UNITS)
        raise InputError(f"unit: expected {known} or the metres of one unit, got {words!r:.40}")
    return Unit(f"{metres:g} m", metres)


def told_by_leg(leg: float) -> Unit | None:
    """The unit in which a leg is most likely so long; None where that is none of the known ones."""
    for name, metres in UNITS.items():
        if name not in _USUAL and 1 / _RARE_WITHIN < leg * metres / LEG < _RARE_WITHIN:
            return Unit(name, metres)
    for name in _USUAL:
        if is_leg(leg * UNITS[name]):
            return Unit(name, UNITS[name])
    return None


def unit_of(leg: float, asked: Unit | None, path: Path) -> Unit:
    """The unit of a file whose legs are so long.

    One that fits no unit is scaled to a usual size, with a warning.

    FormatError where that is no body.
    """
    unit = asked or told_by_leg(leg)
    if unit is not None and not is_leg(leg * unit.metres):
        raise FormatError(
            f"{path}: in {unit.name} a leg would be {leg * unit.metres:.3g} m; expected "
            f"{SHORTEST_LEG:g} to {LONGEST_LEG:g} m; leave out --unit or give another"
        )
    if unit is None:
        if not SHORTEST_LEG < leg < LONGEST_LEG / UNITS["mm"]:
            raise FormatError(
                f"{path}: expected a leg in {', '.join(UNITS)}, got a length of {leg:g}; "
                "scale the skeleton"
            )
        unit = Unit("unknown", LEG / leg)
        warnings.warn(
            f"{path}: a leg of {leg:.3g} fits no unit; scaled to {LEG:.2f} m; "
            f"--unit {LEG / leg:.2g} (metres of one unit) or another says it",
            UserWarning,
            stacklevel=2,
        )
    return unit
