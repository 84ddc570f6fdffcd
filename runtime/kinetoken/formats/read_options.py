"""What a user says of a file that does not say it itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..base.errors import InputError
from .humanoid.axes import AXIS_TURNS
from .humanoid.units import Unit, parsed_unit

UP: Final = tuple(AXIS_TURNS)


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file of motion; None leaves it to the file."""

    unit: Unit | None = None
    """In which lengths are told."""
    up: str | None = None
    """The axis that points up: "y", "z", "-z"."""
    animation: str | None = None
    """Which animation of several: its name, or its number from 1."""

    @classmethod
    def parsed(
        cls, unit: str | None = None, up: str | None = None, animation: str | None = None
    ) -> ReadOptions:
        """From a user's words. InputError."""
        if up is not None and up.lower() not in UP:
            raise InputError(f"up: expected {', '.join(UP)}, got {up!r:.40}")
        return cls(None if unit is None else parsed_unit(unit), up and up.lower(), animation)

    def told(self) -> list[str]:
        """Options that were given, as on the command line."""
        return [
            f"--{name}" for name in ("unit", "up", "animation") if getattr(self, name) is not None
        ]


DEFAULTS: Final = ReadOptions()
