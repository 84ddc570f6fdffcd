"""kinetoken.json beside a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinetoken.base.errors import FormatError
from kinetoken.manifest.schema import Defaults
from kinetoken_export.checkpoint.config.bundle_hints import BundleHints, read_hints


def hints(folder: Path, given: Any) -> BundleHints:
    (folder / "kinetoken.json").write_text(json.dumps(given), encoding="utf-8")
    return read_hints(folder)


def test_what_it_says_goes_into_the_bundle(tmp_path: Path) -> None:
    assert read_hints(tmp_path) == BundleHints()
    found = hints(tmp_path, {"history": 5, "prompt_seconds": True, "examples": ["walk", "wave"]})
    assert found.examples == ("walk", "wave")
    assert found.over(Defaults(temperature=0.7)) == Defaults(
        temperature=0.7, history=5, prompt_seconds=True
    )


def test_the_longest_block_is_read(tmp_path: Path) -> None:
    found = hints(tmp_path, {"max_block_seconds": 8})
    assert found.over(Defaults()).max_block_seconds == 8.0


@pytest.mark.parametrize(
    "given",
    [
        [],
        {"temperature": 1},
        {"history": -1},
        {"history": "5"},
        {"max_seconds": 0},
        {"min_seconds": -1},
        {"min_seconds": 3, "max_seconds": 2},
        {"max_block_seconds": 0},
        {"examples": 5},
    ],
)
def test_anything_else_is_refused(tmp_path: Path, given: Any) -> None:
    with pytest.raises(FormatError, match=r"kinetoken\.json"):
        hints(tmp_path, given)
