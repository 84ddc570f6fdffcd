"""JSON objects from the files of a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kinetoken.base.errors import FormatError, InputError


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a checkpoint; InputError or FormatError where it is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: expected a checkpoint's {path.name}, cannot read it ({error.strerror})"
        ) from error
    except ValueError as error:
        raise FormatError(f"{path}: expected JSON, got something unreadable ({error})") from error
    if not isinstance(data, dict):
        raise FormatError(f"{path}: expected a JSON object, got {type(data).__name__}")
    return data
