"""A prompt that looks like a path: asked about at a terminal, else refused in one line."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from ...base.errors import InputError
from ...formats.registry import ends_like_a_file
from ..parser import Advanced

_OPTION: Final = "--as-prompt"
_FULL_PATH: Final = re.compile(r"[A-Za-z]:[\\/]|\\\\|/|~(?:/|$)|\.\.?[\\/]")
"""Beginnings of a path: a drive, a share, a root, a home, a folder."""
_SUFFIX: Final = re.compile(r"\S*[^\s.]\.[A-Za-z][A-Za-z0-9]{0,4}")
"""One word with a suffix, such as README.MD."""

_QUOTES: Final = ("'", '"')


def add_as_prompt(parser: argparse.ArgumentParser) -> None:
    """Add the option that calls anything a prompt."""
    help_ = "take PROMPT as words, even if it looks like a file or a folder"
    parser.add_argument(_OPTION, action="store_true", help=Advanced(help_))


def check_words(words: str, *, as_prompt: bool) -> None:
    """Make sure that these are words, not a path. InputError where they are not, or nobody says."""
    found = None if as_prompt else path_found(words)
    if found is None:
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        print(f'kinetoken: "{words}" {found}. Is it a prompt? [y/N] ', end="", file=sys.stderr)
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise InputError('give a movement in words, such as "a person walks forward"')
    raise InputError(
        f'"{words}" {found}; give a movement in words, or add {_OPTION} to take it as one'
    )


def path_found(words: str) -> str | None:
    """What a prompt looks like if not like words, as the end of a sentence; None for words."""
    if len(words) > 2 and words[0] == words[-1] and words[0] in _QUOTES:  # cmd.exe leaves them on
        words = words[1:-1]
    try:
        if words and Path(words).is_dir():
            return "is a folder here"
        if words and Path(words).is_file():
            return "is a file here"
    except (OSError, ValueError):  # too long, or not a name at all
        return None
    if _FULL_PATH.match(words) or _SUFFIX.fullmatch(words) or "\\" in words:
        return "looks like a file, and there is no such file"
    if ends_like_a_file(words) or ("/" in words and not any(map(str.isspace, words))):
        return "looks like a file, and there is no such file"
    return None
