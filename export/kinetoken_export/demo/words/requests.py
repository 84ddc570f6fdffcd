"""Captions as they stand in their files: what somebody asks for, and what is meant by it."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import read_input_text

from .spelling import normalized

_HELD_OUT: Final = 0.05
_NEAR: Final = 0.6  # share of words that two captions of a near group have in common
_SHARED_WORDS: Final = 5  # in a row, that a caption may not have in common with an exam
_NOT_SAID: Final = "-"


@dataclass(frozen=True)
class Part:
    """One thing that the body is to do."""

    action: str
    side: str = ""
    """left, right or both, where the request says it."""
    count: int = 0
    """How often, where the request says it; else 0."""
    speed: str = ""
    """slow or fast, where the request says it."""
    style: str = ""
    seconds: int = 0
    """How long, where the request says it; else 0."""


@dataclass(frozen=True)
class Request:
    """A wording, and the parts that it asks for in turn."""

    text: str
    parts: tuple[Part, ...] = ()
    unknown: str = ""
    """Why it cannot be done: motion, talk, nonsense, other; empty where it can."""


@dataclass(frozen=True)
class CaptionSet:
    """All captions: one action, several in turn, and what cannot be done."""

    single: dict[str, list[Request]]
    """By action, open names among them."""
    sequences: list[Request]
    unknown: list[Request]

    def all(self) -> list[Request]:
        """Every caption."""
        return [r for mine in self.single.values() for r in mine] + self.sequences + self.unknown


def read_captions(folder: Path, exams: Iterable[str] = ()) -> CaptionSet:
    """Read a folder of caption files, without what an exam asks. InputError, FormatError.

    `exams`: wordings of the exams; a caption goes that is one of them or shares five words in a row
    with one.
    """
    files = sorted(folder.glob("*.tsv"))
    if not files:
        raise InputError(
            f"expected caption files (ACTION.tsv) in {folder}, found none: give --captions the "
            "folder export/captions of the repository"
        )
    known = Exclusion(exams)
    single, sequences, unknown = dict[str, list[Request]](), list[Request](), list[Request]()
    for path in files:
        found = [r for r in _requests(path) if not known.excludes(r.text)]
        if path.stem == "sequences":
            sequences += found
        elif path.stem == "unknown":
            unknown += found
        else:
            single[path.stem] = found
    return CaptionSet(single, sequences, unknown)


def exam_wordings(folder: Path | None) -> list[str]:
    """The wordings of exams: the first column of every TSV file below a folder, if one is given.

    InputError where it is none, as a slip there would teach the exams.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise InputError(
            f"--exams: expected a folder of exam wordings, found none at {folder}: give the folder "
            "of the exam to come, in the repository export/exam/eighth"
        )
    return [
        line.split("\t")[0]
        for path in sorted(folder.rglob("*.tsv"))
        for line in read_input_text(path).splitlines()[1:]
    ]


class Exclusion:
    """Knows the wordings of the exams, to keep captions that are like them out of the training."""

    def __init__(self, wordings: Iterable[str]) -> None:
        texts = [normalized(wording) for wording in wordings]
        self._whole = frozenset(texts)
        self._runs = frozenset(run for text in texts for run in _runs(text))

    def excludes(self, text: str) -> bool:
        """Tell whether a caption is an exam's wording, or shares five words in a row with one."""
        plain = normalized(text)
        return plain in self._whole or any(run in self._runs for run in _runs(plain))


def held_out(captions: CaptionSet) -> tuple[CaptionSet, CaptionSet]:
    """Split captions into those to learn from and one in twenty to measure by.

    Near wordings stay together, those of left and right too, as their files are parallel.
    """
    families = defaultdict[str, list[Request]](list)
    for action, mine in captions.single.items():
        families[action.replace("_left", "").replace("_right", "")] += mine
    families["sequences"], families["unknown"] = captions.sequences, captions.unknown
    away = {id(request) for mine in families.values() for request in _held_out_of(mine)}
    parts = []
    for out in (False, True):
        parts.append(
            CaptionSet(
                {
                    action: [r for r in mine if (id(r) in away) == out]
                    for action, mine in captions.single.items()
                },
                [r for r in captions.sequences if (id(r) in away) == out],
                [r for r in captions.unknown if (id(r) in away) == out],
            )
        )
    return parts[0], parts[1]


def _runs(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + _SHARED_WORDS]) for i in range(len(words) - _SHARED_WORDS + 1)]


def _requests(path: Path) -> list[Request]:
    out: list[Request] = []
    for number, line in enumerate(read_input_text(path).splitlines(), start=1):
        text, *rest = line.split("\t")
        fields = ["" if field == _NOT_SAID else field for field in rest]
        try:
            out.append(_request(path.stem, text, fields))
        except ValueError as error:
            raise FormatError(
                f"{path.name}, line {number}: expected tab-separated columns as README.md says, "
                f"got {line!r}: correct the line"
            ) from error
    return out


def _request(name: str, text: str, fields: Sequence[str]) -> Request:
    if name == "unknown":
        (kind,) = fields
        return Request(text, unknown=kind)
    if name == "sequences":
        (actions,) = fields
        return Request(text, tuple(map(_part, actions.split("+"))))
    side, count, speed, style = fields
    return Request(text, (Part(name, side, int(count or 0), speed, style),))


def _part(said: str) -> Part:
    """A part of a sequence: clap, clap*3 (three times), run@5 (for five seconds)."""
    action, _, count = said.partition("*")
    action, _, seconds = action.partition("@")
    return Part(action, count=int(count or 0), seconds=int(seconds or 0))


def _held_out_of(found: list[Request]) -> list[Request]:
    """One near group in twenty, by a hash of its first wording."""
    texts = [
        normalized(r.text).replace("left", "side").replace("right", "side").split() for r in found
    ]
    numbers = {word: i for i, word in enumerate(sorted({w for words in texts for w in words}))}
    has = np.zeros((len(texts), max(1, len(numbers))), np.float32)
    for row, words in enumerate(texts):
        has[row, [numbers[word] for word in words]] = 1
    sizes = has.sum(1)
    common = has @ has.T
    near = common >= _NEAR * (sizes[:, None] + sizes[None] - common)
    group = np.arange(len(found))
    for row in range(len(found)):
        mine = np.flatnonzero(near[row])
        joined = group[mine].min() if len(mine) else group[row]
        for other in set(group[mine]):
            group[group == other] = joined
    return [
        r
        for r, g in zip(found, group, strict=True)
        if zlib.crc32(found[int(g)].text.encode()) % 1000 < _HELD_OUT * 1000
    ]


def with_text(request: Request, text: str) -> Request:
    """The same request in other words."""
    return replace(request, text=text)
