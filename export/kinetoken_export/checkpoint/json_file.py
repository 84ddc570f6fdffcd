"""JSON objects from the files of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import FormatError, InputError
from kinetoken.base.input_file import open_input, read_input_text
from kinetoken.base.json_text import parse_json

_LFS: Final = b"version https://git-lfs.github.com/"


def refuse_lfs_pointer(path: Path) -> None:
    """FormatError for the few lines that stand in for a file which Git LFS has not fetched."""
    with open_input(path) as file:
        if file.read(len(_LFS)) == _LFS:
            raise FormatError(
                f"{path}: expected the file itself, got the pointer that Git LFS leaves: run "
                "`git lfs pull` there, or download it"
            )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a checkpoint; InputError or FormatError where it is none."""
    try:
        refuse_lfs_pointer(path)
        data = parse_json(read_input_text(path, encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"{path}: expected a checkpoint's {path.name}, cannot read it ({error.strerror})"
        ) from error
    except ValueError as error:
        raise FormatError(f"{path}: expected JSON, got something unreadable ({error})") from error
    if not isinstance(data, dict):
        raise FormatError(f"{path}: expected a JSON object, got {type(data).__name__}")
    return data
