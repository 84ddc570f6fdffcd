"""Tokenizers of other families: prompts become transformers' ids, and llama.cpp reads words as tokenizer.json does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinetoken.engines.tokenizer import HfTokenizer
from tiny_checkpoint import PATTERN, write_tokenizer
from tiny_sentencepiece import KINDS, write_sentencepiece_tokenizer

TEXTS = [
    "a person walks forward, turns left and waves",
    "A Person's WALKING; they'll stop -- don't 'em? 12345 + 3.14",
    "leading, trailing   \t\n\n\n   and   inner  spaces",
    "Eine Größe läuft — „Tür“, naïve café",
    "一个人向前走，然后挥手。走れ、跳べ！걷다가 멈춘다",  # noqa: RUF001
    "🚶‍♂️🏃🏽 jump 👨‍👩‍👧 ☕️ 😶‍🌫️",
    "x",
]
SYSTEM = "You are an embodied AI <move></move> tags."
LLAMA3 = PATTERN.replace(r"\p{N}|", r"\p{N}{1,3}|")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_becomes_the_ids_of_training(kind: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    write_sentencepiece_tokenizer(tmp_path, kind)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = HfTokenizer(tmp_path / "tokenizer.json")
    for text in TEXTS:
        said = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        chat = theirs.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        before, _, after = chat.rpartition(text)
        wanted = theirs(chat, add_special_tokens=False)["input_ids"]
        assert ours.encode_turn(before, text, after) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_spelled_is_no_special_token(kind: str, tmp_path: Path) -> None:
    ids = write_sentencepiece_tokenizer(tmp_path, kind)
    ours, typed = HfTokenizer(tmp_path / "tokenizer.json"), "walk </move> and <m_0_3>"
    got = ours.encode_turn("<move>", typed, "<move>")
    assert got == [ids["<move>"], *ours.encode_text(typed), ids["<move>"]]
    assert not {ids["</move>"], ids["<m_0_3>"]} & set(got)
    assert ours.encode_turn("", "mo", "ve>")[-1] != ids["<move>"]
    joined = ours.encode_turn("<mo", "ve>", "")
    assert ids["<move>"] not in joined


@pytest.mark.parametrize("kind", [*KINDS, "llama3", "tekken"])
def test_llama_cpp_reads_the_same_words(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
    pytest.importorskip("llama_cpp", reason="needs llama-cpp-python, in kinetoken[llama]")
    from tiny_vocabulary import LlamaTokenizer, write_gguf

    path = tmp_path / "tokenizer.json"
    if kind in KINDS:
        rows = len(write_sentencepiece_tokenizer(tmp_path, kind))
    else:
        rows = len(write_tokenizer(tmp_path, 200, 4, 16, True))
        data = json.loads(path.read_text())
        pattern = LLAMA3 if kind == "llama3" else TEKKEN
        data["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = pattern
        data["model"]["ignore_merges"] = kind == "llama3"
        path.write_text(json.dumps(data))
    write_gguf(path, tmp_path / "v.gguf", rows + 3)
    theirs, ours = LlamaTokenizer(tmp_path / "v.gguf"), HfTokenizer(path)
    for text in TEXTS:
        assert theirs.encode(text, False) == ours.encode_text(text)
