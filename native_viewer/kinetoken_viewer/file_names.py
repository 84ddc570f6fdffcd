"""File names made of prompts, and names that differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kinetoken.formats.registry import READABLE

_LONGEST_NAME: Final = 60  # letters of a prompt that become a file's name


def free_name(words: str, suffix: str) -> Path:
    """A file name made of a prompt, or of a clip's file name, that is free in this folder."""
    stem = Path(words).stem if Path(words).suffix.lower() in READABLE else words
    name = slug(stem) or "motion"
    path, number = Path(name + suffix), 2
    while path.exists():
        path, number = Path(f"{name}-{number}{suffix}"), number + 1
    return path


def distinct_names(names: Sequence[str]) -> list[str]:
    """The names, numbered where two would become the same part of a file name."""
    out: list[str] = []
    for name in names:
        taken, number, other = {slug(each) for each in out}, 2, name
        while slug(other) in taken:
            other, number = f"{name} ({number})", number + 1
        out.append(other)
    return out


def slug(words: str) -> str:
    """Words as a part of a file name; empty if none of their letters can be in one."""
    return re.sub(r"[^\w]+", "-", words.lower()).strip("-_.")[:_LONGEST_NAME].rstrip("-_.")
