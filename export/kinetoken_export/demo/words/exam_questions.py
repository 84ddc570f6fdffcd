"""An exam's questions: wordings that no training has seen before it is over, and what each asks for.

A part of the exam is a tab-separated file, its name the part's: wording, expected actions in order
joined by `+` (or `unknown`), side, count, speed, seconds; `-` where the wording does not say it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import open_input

from ..data.actions import OPEN_ACTIONS

PARTS: Final = ("old", "new", "sequences", "unknown")
UNKNOWN: Final = "unknown"
_COLUMNS: Final = ("wording", "expected", "side", "count", "speed", "seconds")


@dataclass(frozen=True)
class Question:
    """One wording."""

    part: str
    wording: str
    actions: tuple[str, ...]
    """What must be shown, in order; none: it must say that it cannot."""
    count: int = 0
    """How often; 0: as often as it likes."""
    seconds: float = 0.0
    """How long; 0: as long as it likes."""


def read_questions(folder: Path) -> list[Question]:
    """All questions of the parts in a folder. InputError, FormatError."""
    files = [path for part in PARTS if (path := folder / f"{part}.tsv").is_file()]
    if not files:
        raise InputError(
            f"expected {', '.join(f'{part}.tsv' for part in PARTS)} in {folder}, found none: "
            "give the folder of an exam"
        )
    return [question for path in files for question in _read(path)]


def _read(path: Path) -> Iterator[Question]:
    with io.TextIOWrapper(open_input(path), encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)):
            if tuple(row) != _COLUMNS or None in row.values():
                raise FormatError(
                    f"{path}, line {number + 2}: expected the columns {', '.join(_COLUMNS)}, "
                    "separated by tabs"
                )
            expected = row["expected"]
            yield Question(
                path.stem,
                row["wording"],
                () if expected == UNKNOWN else _actions(expected, row["side"]),
                int(row["count"]) if row["count"].isdigit() else 0,
                0.0 if row["seconds"] == "-" else float(row["seconds"]),
            )


def _actions(expected: str, side: str) -> tuple[str, ...]:
    """The actions joined by +; one alone whose name leaves the side open is of the given side."""
    names = tuple(expected.split("+"))
    sided = f"{expected}_{side}"
    both = (expected, side) == ("wave", "both")
    return (sided,) if both or sided in OPEN_ACTIONS.get(expected, ()) else names
