"""How a checkpoint asks to be sampled becomes the default of the bundle.

What is not applied is said.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinetoken.base.errors import FormatError
from kinetoken.manifest.schema import Defaults
from kinetoken_export.checkpoint.config.generation_config import SamplingAsked, read_sampling


def asked(folder: Path, **fields: Any) -> SamplingAsked:
    (folder / "generation_config.json").write_text(json.dumps(fields))
    return read_sampling(folder)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, Defaults()),
        (
            {"do_sample": True, "temperature": 0.1, "top_k": 1, "top_p": 0.9, "min_p": 0.05},
            Defaults(temperature=0.1, top_k=1, top_p=0.9, min_p=0.05),
        ),
        ({"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}, Defaults(temperature=1.0)),
        ({"do_sample": False, "temperature": 0.7, "top_k": 20}, Defaults(temperature=0.0)),
        ({"temperature": None, "top_p": 0.5}, Defaults(top_p=0.5)),
    ],
)
def test_defaults(tmp_path: Path, fields: dict[str, Any], wanted: Defaults) -> None:
    assert asked(tmp_path, **fields).defaults() == wanted


def test_no_file_asks_for_nothing(tmp_path: Path) -> None:
    assert read_sampling(tmp_path).defaults() == Defaults()


def test_the_users_temperature_goes_before(tmp_path: Path) -> None:
    found = asked(tmp_path, temperature=0.1, top_k=5)
    assert found.summary() == "temperature 0.1, top_k 5"
    assert found.defaults(0.8) == Defaults(temperature=0.8, top_k=5)


def test_what_is_not_applied_is_said(tmp_path: Path) -> None:
    fields = {"repetition_penalty": 1.05, "num_beams": 4, "typical_p": 1.0, "bad_words_ids": []}
    assert asked(tmp_path, **fields).notes == (
        "generation_config.json: repetition_penalty 1.05 is not applied",
        "generation_config.json: num_beams 4 is not applied",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("temperature", -1), ("temperature", "hot"), ("top_p", 2), ("top_k", True), ("min_p", [0])],
)
def test_a_value_that_cannot_be_one_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(FormatError, match=f"expected {field} of"):
        asked(tmp_path, **{field: value})
