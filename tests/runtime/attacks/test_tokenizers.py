"""Tokenizers that hang, fill the memory or panic: each ends with one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kinetoken.base.errors import BundleError
from kinetoken.engines.tokenizer import HfTokenizer

TEXT = "a person walks forward " + "a" * 60 + "!"


def changed(tiny: Path, tmp_path: Path, **parts: Any) -> Path:
    data = json.loads((tiny / "tokenizer.json").read_text(encoding="utf-8"))
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**data, **parts}), encoding="utf-8")
    return path


def replace(old: str, new: str, kind: str = "String") -> dict[str, Any]:
    return {"type": "Replace", "pattern": {kind: old}, "content": new}


def split(pattern: str) -> dict[str, Any]:
    return {
        "type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False,
    }  # fmt: skip


def many(step: dict[str, Any], count: int, kind: str = "normalizers") -> dict[str, Any]:
    return {"type": "Sequence", kind: [step] * count}


PADDING = {
    "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
    "pad_token": "x",
}  # fmt: skip
BOMBS: dict[str, dict[str, Any]] = {
    "a trillion letters of one": {"normalizer": many(replace("a", "a" * 10), 12)},
    "a billion letters of one": {"normalizer": many(replace("a", "a" * 10), 9)},
    "letters between letters": {"normalizer": many(replace("", "x" * 9, "Regex"), 3)},
    "an empty text": {"normalizer": replace("", "aaaa")},
    "sequences in sequences": {"normalizer": many(many(many(replace("a", "aa"), 5), 5), 5)},
    "a long beginning": {
        "normalizer": many({"type": "Prepend", "prepend": "a" * 1000}, 50),
    },
    "in the decoder": {"decoder": many(replace("a", "a" * 10), 12, "decoders")},
    "pieces of nothing": {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
    "no table": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "no expression": {"pre_tokenizer": split("(a")},
    "too many steps": {"pre_tokenizer": many({"type": "Whitespace"}, 99, "pretokenizers")},
}


@pytest.mark.parametrize("name", BOMBS)
def test_steps_that_cannot_end_are_refused_at_once(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    path = changed(tiny, tmp_path, **BOMBS[name])
    with pytest.raises(BundleError, match=r"is not a tokenizer\.json") as caught:
        HfTokenizer(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$"])
def test_an_expression_that_panics_is_one_line(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], pattern: str
) -> None:
    tokenizer = HfTokenizer(changed(tiny, tmp_path, pre_tokenizer=split(pattern)))
    with pytest.raises(BundleError, match=r"tokenizer fails on this text .*retry") as caught:
        tokenizer.encode_text(TEXT)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "parts",
    [
        {"padding": {"strategy": {"Fixed": 10**12}, **PADDING}},
        {"padding": {"strategy": "BatchLongest", **PADDING, "pad_to_multiple_of": 10**12}},
        {
            "truncation": {
                "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0
            }
        },
    ],
)  # fmt: skip
def test_texts_are_neither_filled_up_nor_cut(
    tiny: Path, tmp_path: Path, parts: dict[str, Any]
) -> None:
    tokenizer = HfTokenizer(changed(tiny, tmp_path, **parts))
    assert tokenizer.encode_text(TEXT) == HfTokenizer(tiny / "tokenizer.json").encode_text(TEXT)


def test_what_real_tokenizers_do_is_taken(tiny: Path, tmp_path: Path) -> None:
    steps = [
        {"type": "Prepend", "prepend": "_"}, replace(" ", "___"), replace("``", '"'),
        {"type": "NFKC"}, {"type": "Lowercase"}, replace(" {2,}", "_", "Regex"),
    ]  # fmt: skip
    path = changed(tiny, tmp_path, normalizer={"type": "Sequence", "normalizers": steps})
    assert HfTokenizer(path).encode_text(TEXT)


def test_an_expression_that_takes_for_ever_ends_the_program(tiny: Path, tmp_path: Path) -> None:
    """It never goes over the library's own limit, but the text has many such words."""
    path = changed(tiny, tmp_path, pre_tokenizer=split("(a+)+b"))
    program = f"""
import sys
from pathlib import Path
from kinetoken.base import foreign_calls
from kinetoken.engines import tokenizer
tokenizer.LONGEST_TEXT_SECONDS = foreign_calls.LAST_PATIENCE = foreign_calls.TICK_SECONDS = 0.2
with foreign_calls.watching_signals():
    tokenizer.HfTokenizer(Path({str(path)!r})).encode_text(("a" * 19 + " ") * 100_000)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    line = "kinetoken: the tokenizer did not return, so the program was ended\n"
    assert (done.returncode, done.stderr) == (6, line)
