"""A window of one action as code frames, and what is done with it before a model learns it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

import numpy as np

from kinetoken.base.atomic_file import atomic_path
from kinetoken.base.errors import InputError
from kinetoken.base.json_text import parse_json

from ....codecs.source import Codes
from ...data.cutting import Window

RISE: Final = "rise"
"""The action of a way up from a low posture to standing."""
STILL_CODES: Final = 2  # code frames at either end of a motion, where the body stands
_SHORTEST: Final = 6  # code frames of a motion without its still ends
_VERSION: Final = 3  # of what windows say; from 3 on, gaits say where their steps end
_STAYS: Final = {"meditate": 8, "kneel": 4}
"""Code frames that a body stays down, where the staying shows the action."""


@dataclass(frozen=True)
class CodedWindow:
    """A window as code frames (n, Q), with what it shows."""

    codes: Codes
    action: str
    clip: str = ""
    side: str = ""
    style: str = ""
    count: int = 0
    speed: str = ""
    begins: str = "standing"
    ends: str = "standing"
    cuts: tuple[int, ...] = ()
    """Code frames at which its repetitions end, the last apart; none where nobody knows."""
    fits: tuple[int, ...] = ()
    """Counts that it can show, done again or taken apart."""

    @classmethod
    def of(cls, window: Window, codes: Codes) -> CodedWindow:
        """What a window shows, its features coded."""
        return cls(
            codes,
            window.action,
            window.clip,
            window.side,
            window.style,
            window.count,
            window.speed,
            window.begins,
            window.ends,
        )

    def with_codes(self, codes: Codes, count: int | None = None) -> CodedWindow:
        """Other codes that show the same, or as many repetitions as `count` says."""
        count = self.count if count is None else count
        return replace(self, codes=codes, count=count, cuts=(), fits=())


def without_stills(window: CodedWindow) -> CodedWindow:
    """A window that begins with one still code frame and ends with two at most.

    A model that sees many ends its motion before it began: both ends look the same.
    """
    if window.action == "stand_still":
        return window
    coarse, first, last = window.codes[:, 0], 0, len(window.codes)
    while first < last - _SHORTEST and coarse[first] == coarse[first + 1]:
        first += 1
    stays = 1 + _STAYS.get(window.action, STILL_CODES)
    while last - first > _SHORTEST and (coarse[last - stays : last] == coarse[last - 1]).all():
        last -= 1
    return replace(window, codes=window.codes[first:last])


def joined(parts: Sequence[CodedWindow]) -> CodedWindow:
    """Motions in turn, each of which begins as the one before it ends."""
    codes = np.concatenate([w.codes for w in parts])
    last = parts[-1].with_codes(codes, sum(w.count for w in parts))
    return replace(last, begins=parts[0].begins)


def save_coded(path: Path, found: Sequence[CodedWindow]) -> None:
    """Write coded windows as `load_coded` reads them."""
    names = [field.name for field in fields(CodedWindow) if field.name != "codes"]
    facts = [{name: getattr(w, name) for name in names} for w in found]
    meta = np.array(json.dumps({"version": _VERSION, "windows": facts}))
    arrays = {str(i): window.codes.astype(np.int16) for i, window in enumerate(found)}
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, meta=meta, **arrays)  # type: ignore[arg-type]


def load_coded(path: Path) -> list[CodedWindow]:
    """Read coded windows. InputError."""
    with np.load(path) as archive:
        meta = parse_json(str(archive["meta"]))
        if not isinstance(meta, dict) or meta.get("version") != _VERSION:
            raise InputError(
                f"{path}: expected windows of this version, got older ones: delete the file, it is "
                "made anew"
            )
        return [
            CodedWindow(
                archive[str(i)].astype(np.int64),
                **facts | {name: tuple(facts[name]) for name in ("cuts", "fits")},
            )
            for i, facts in enumerate(meta["windows"])
        ]
