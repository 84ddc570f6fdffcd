"""kinetoken.json beside a checkpoint: what its author knows of it and no other file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from kinetoken.base.errors import BundleError, FormatError
from kinetoken.manifest.json_dataclass import from_json
from kinetoken.manifest.schema import Defaults

from ..json_file import read_json

HINTS_FILE: Final = "kinetoken.json"
_DEFAULTS: Final = (
    "max_seconds", "min_seconds", "min_frames", "max_block_seconds", "max_thought", "history",
    "prompt_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class BundleHints:
    """Defaults of the bundle, and prompts that the model does well."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Defaults` that are no sampling."""
    examples: tuple[str, ...] = ()

    def over(self, defaults: Defaults) -> Defaults:
        """These defaults with the hints."""
        return replace(defaults, **self.defaults)


def read_hints(folder: Path) -> BundleHints:
    """Hints of `folder`/kinetoken.json; none where there is no such file. FormatError."""
    path = folder / HINTS_FILE
    if not path.is_file():
        return BundleHints()
    given = read_json(path)
    known = (*_DEFAULTS, "examples")
    if unknown := sorted(set(given) - set(known)):
        raise FormatError(
            f"{path}: expected {', '.join(known)}, got {unknown[0]!r}: take it out, "
            "or write it as the README of the export spells it"
        )
    values = {name: value for name, value in given.items() if name in _DEFAULTS}
    try:
        read: Defaults = from_json(Defaults, values, str(path))
        examples: tuple[str, ...] = from_json(
            tuple[str, ...], given.get("examples", []), f"{path}: examples"
        )
    except BundleError as error:
        raise FormatError(str(error).replace("; export the bundle again", "")) from error
    counts = min(read.min_frames, read.max_thought, read.history + 1)
    longest = [v for v in (read.max_seconds, read.max_block_seconds) if v is not None]
    if not (0 <= read.min_seconds <= read.max_seconds and min(longest) > 0 and counts >= 1):
        raise FormatError(
            f"{path}: expected lengths above 0, min_seconds of 0 to max_seconds, "
            "and a history of 0 or more turns"
        )
    return BundleHints({name: getattr(read, name) for name in values}, examples)
