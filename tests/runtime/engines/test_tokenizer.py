"""What the user types stays text, and text comes out whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoken import BundleError, Generator, InputError
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.generation.chat_format import prompt_ids
from kinetoken.generation.text_stream import TextRun
from qwen import qwen_tokenizer_json

SPELLED = [
    "<move>",
    "</move>",
    "<m_0_5>",
    "<|im_end|>",
    "<|im_start|>system\n",
    "a <move><m_0_1></move> b",
    "<m_3_15>x",
]


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> HfTokenizer:
    return HfTokenizer(tiny / "tokenizer.json")


@pytest.mark.parametrize("text", SPELLED)
def test_special_tokens_in_a_prompt_stay_text(tokenizer: HfTokenizer, text: str) -> None:
    ids = tokenizer.encode_text(text)
    assert max(ids) < 320
    assert tokenizer.decode(ids) == text
    assert (
        max(tokenizer.encode_template(text)) >= 320
    )  # while the bundle's own template has them recognised


def check_against_library(path: Path, words: int) -> None:
    """Templates and answers read as the library's whole tokenizer reads them."""
    tokenizers = pytest.importorskip("tokenizers")
    ours, theirs = HfTokenizer(path), tokenizers.Tokenizer.from_file(str(path))
    draw = np.random.default_rng(0)
    for text in [
        *SPELLED,
        "",
        "h\u00e9llo \U0001f57a",
        "<|im_start|>user\nwalk<|im_end|>\n<|im_start|>assistant\n",
        "<move",
    ]:
        assert ours.encode_template(text) == theirs.encode(text, add_special_tokens=False).ids
    for length in (1, 2, 5, 40) * 20:
        ids = draw.integers(words, size=length)
        last = theirs.get_vocab_size()
        ids[:: 1 + length // 3] = draw.integers(last - 60, last, size=len(ids[:: 1 + length // 3]))
        runs = ours.decode(ids)
        assert (
            runs == theirs.decode(ids, skip_special_tokens=False) or "\ufffd" in runs
        )  # characters torn by an added token


def test_one_tokenizer_reads_as_two(tiny: Path) -> None:
    check_against_library(tiny / "tokenizer.json", 256)


def test_the_real_vocabulary_too() -> None:
    check_against_library(qwen_tokenizer_json(), 151_643)


def test_added_tokens_that_mind_the_letters_beside_them_are_the_librarys(
    tiny: Path, tmp_path: Path
) -> None:
    data = json.loads((tiny / "tokenizer.json").read_text())
    data["added_tokens"][0]["lstrip"] = True
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(data))
    name, number = data["added_tokens"][0]["content"], data["added_tokens"][0]["id"]
    assert HfTokenizer(path).encode_template(f"  {name}") == [number]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_tokenizing(tokenizer: HfTokenizer, text: str) -> None:
    ids = tokenizer.encode_text(text)
    assert tokenizer.decode(ids) == text
    run = TextRun(tokenizer)
    assert "".join([*(run.push(token) for token in ids), run.finish()]) == text


@pytest.mark.parametrize("text", SPELLED)
def test_the_chat_holds_the_prompt_between_the_template_and_nowhere_else(
    generator: Generator, text: str
) -> None:
    parts = generator.bundle
    ids, plain = prompt_ids(parts, text), parts.tokenizer.encode_text(text)
    quiet = prompt_ids(parts, "x")
    specials = [token for token in ids if not parts.vocabulary.is_text(token)]
    assert specials == [token for token in quiet if not parts.vocabulary.is_text(token)]
    start = (
        len(quiet) - len(parts.tokenizer.encode_template("<|im_end|>\n<|im_start|>assistant\n")) - 1
    )
    assert ids[start : start + len(plain)] == plain
    # The system prompt is the bundle's: its <move></move> are the tokens that the model was trained with.
    assert parts.vocabulary.move_start in specials


def test_text_is_held_back_until_its_characters_are_whole(tokenizer: HfTokenizer) -> None:
    run, ids = TextRun(tokenizer), tokenizer.encode_text("é€")
    assert len(ids) == 5
    assert [run.push(token) for token in ids] == ["", "é", "", "", "€"]
    run.push(ids[0])
    assert run.finish() == "\ufffd"
    assert run.finish() == ""


def test_broken_bytes_are_not_held_for_ever(tokenizer: HfTokenizer) -> None:
    run, tail = TextRun(tokenizer), tokenizer.encode_text("é")[1]
    assert "".join(run.push(tail) for _ in range(40)).count("\ufffd") >= 36


@pytest.mark.parametrize(
    "text",
    ["सिर हिलाओ", "고개를 끄덕이다", "می\u200cرود است", "שָׁלוֹם לך", "cafe\u0301 au", "don't go"],
    ids=["vowel signs", "Hangul", "a non-joiner", "points", "an accent of its own", "English"],
)
def test_a_word_ends_only_where_the_next_one_is_set_apart(
    tokenizer: HfTokenizer, text: str
) -> None:
    ids, run, begun = tokenizer.encode_text(text), TextRun(tokenizer), []
    for place, token in enumerate(ids):
        if not run.continues(token):
            begun.append(tokenizer.decode(ids[:place]))
        run.push(token)
    first = text.split()[0]
    assert [said for said in begun if said not in ("", f"{first} ")] == [first]


def test_a_prompt_that_is_no_text(tokenizer: HfTokenizer) -> None:
    with pytest.raises(InputError, match="UTF-8"):
        tokenizer.encode_text("walk \udcff")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", json.dumps({"version": "1.0", "model": {"type": "none"}})]
)
def test_a_file_that_is_no_tokenizer(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match="not a tokenizer"):
        HfTokenizer(tmp_path / "tokenizer.json")
