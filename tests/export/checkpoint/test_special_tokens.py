"""What ends an answer, by the checkpoint's files: told apart, and named where it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinetoken.base.errors import FormatError
from kinetoken_export.checkpoint.special_tokens import SpecialTokens, read_special_tokens

ADDED = {"<|im_end|>": 7, "<|endoftext|>": 5, "<stop>": 9}


def read(folder: Path, eos: Any) -> SpecialTokens:
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": eos}))
    return read_special_tokens(folder, ADDED)


def test_every_end_that_is_named_ends_an_answer(tmp_path: Path) -> None:
    assert read(tmp_path, [9, 7]).ends == ("<|im_end|>", "<|endoftext|>", "<stop>")
    assert read(tmp_path, None).ends == ("<|im_end|>", "<|endoftext|>")
    assert read(tmp_path, 9).notes == ()


def test_an_end_that_is_no_added_token_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, [7, 40])
    assert found.notes == ("eos_token_id 40 is no added token: answers do not end with it",)


@pytest.mark.parametrize("eos", ["x", [[1]], 1.5])
def test_an_end_that_is_no_number_is_refused(tmp_path: Path, eos: Any) -> None:
    with pytest.raises(FormatError, match="expected numbers as eos_token_id"):
        read(tmp_path, eos)
