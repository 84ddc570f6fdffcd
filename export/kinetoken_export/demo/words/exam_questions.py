"""The exam's questions: wordings that no training has seen, and what each asks for.

A part of the exam is a tab-separated file, its name the part's: wording, expected actions in order
joined by `+` (or `unknown`), side, count, speed, seconds; `-` where the wording does not say it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import open_input

PARTS: Final = ("old", "new", "sequences", "unknown")
UNKNOWN: Final = "unknown"
_COLUMNS: Final = ("wording", "expected", "side", "count", "speed", "seconds")
_TOO_LIKE: Final = 5  # words in a row that no caption may share with a question


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
                () if expected == UNKNOWN else tuple(expected.split("+")),
                int(row["count"]) if row["count"].isdigit() else 0,
                0.0 if row["seconds"] == "-" else float(row["seconds"]),
            )


class Withheld:
    """Wordings that must not be learnt: those of an exam, and what shares five words with them."""

    def __init__(self, questions: list[Question]) -> None:
        self._wordings = {" ".join(_words(q.wording)) for q in questions}
        self._runs = {run for q in questions for run in _runs(_words(q.wording))}

    def __contains__(self, caption: object) -> bool:
        words = _words(str(caption))
        return " ".join(words) in self._wordings or any(run in self._runs for run in _runs(words))


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    """Every five words in a row."""
    for at in range(len(words) - _TOO_LIKE + 1):
        yield tuple(words[at : at + _TOO_LIKE])
