"""Names of files: which words are one, and which one is free."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kinetoken.formats.registry import READABLE

LONGEST_NAME: Final = 60  # letters of a prompt that become a file's name


def title(file: str) -> str:
    """What a clip is called that has no prompt: its file's name."""
    return Path(file).name


def free_name(what: str, suffix: str) -> Path:
    """A name made of a prompt's or a clip's words that no file in this folder has yet."""
    stem = Path(what).stem if Path(what).suffix.lower() in READABLE else what
    name = slug(stem) or "motion"
    path, number = Path(name + suffix), 2
    while path.exists():
        path, number = Path(f"{name}-{number}{suffix}"), number + 1
    return path


def distinct(names: Sequence[str]) -> list[str]:
    """Names of which no two become the same part of a file's name: those that would are numbered."""
    out: list[str] = []
    for name in names:
        taken, number, other = {slug(each) for each in out}, 2, name
        while slug(other) in taken:
            other, number = f"{name} ({number})", number + 1
        out.append(other)
    return out


def slug(words: str) -> str:
    """Words as a part of a file's name; empty where nothing of them can be."""
    return re.sub(r"[^\w]+", "-", words.lower()).strip("-_.")[:LONGEST_NAME].rstrip("-_.")
