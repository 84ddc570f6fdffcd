"""llama.cpp sees the ids that tokenizer.json gives, in any script, and never a token that a user only spelled."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

gguf = pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python, in kinetoken[llama]")

from kinetoken.base.errors import FormatError
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.gguf.tokenizer import read_gguf_vocabulary
from qwen import qwen_tokenizer_json
from tiny_bundle import build_tokenizer
from tiny_checkpoint import write_tokenizer
from tiny_vocabulary import LlamaTokenizer, write_gguf

TEXTS = [
    "a person walks forward, turns left and waves",
    "A Person's WALKING; they'll stop -- don't 'em? 12345 + 3.14",
    "   leading, trailing   \t\n\n\n   and   inner  spaces \r\n",
    "Eine Größe läuft — „Tür“, naïve café",
    "человек идёт вперёд и машет рукой",
    "一个人向前走，然后挥手。走れ、跳べ！걷다가 멈춘다",  # noqa: RUF001
    "एक व्यक्ति आगे चलता है। يمشي شخص إلى الأمام. איש הולך קדימה",
    "ผู้ชายเดินไปข้างหน้า កម្ពុជា ᚠᛇᚻ",
    "🚶‍♂️🏃🏽 jump 👨‍👩‍👧 ☕️ 😶‍🌫️",
    "def walk(self, n: int) -> None:\n\tfor i in range(n):  # go\n        x[i] += 1e-3; y = {'a': [1, 2]}\n",
    "<move><m_0_3></move><|im_start|>user<|im_end|><|endoftext|> < move > <m_0_ </",
    "\x00\x01\x7f\u200b\ufeff\u2028 zero widths",
    "'S 'Ll x'RE''t  \u00a0\u3000wide",
    "",
    " ",
]
TEMPLATES = [
    "<|im_start|>system\nYou are an embodied AI <move></move> tags.<|im_end|>\n<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
    "I lean.<move><m_0_1><m_1_0><m_2_1><m_3_0></move><|im_end|><|endoftext|>",
    "<tool_call>{}</tool_call><|vision_start|><|image_pad|><|vision_end|> <m_0_0 > <m_9_99>",
]


def typed(tokenizer: HfTokenizer, text: str) -> list[int]:
    """What llama.cpp makes of plain text: motion tokens are words of a GGUF, so that servers send them, and are found in it."""
    ids, at = [], 0
    for found in re.finditer(r"</?move>|<m_\d+_\d+>", text):
        token = tokenizer.encode_template(found.group())
        if len(token) == 1:
            ids += [*tokenizer.encode_text(text[at : found.start()]), *token]
            at = found.end()
    return [*ids, *tokenizer.encode_text(text[at:])]


def compare(tokenizer: Path, rows: int, folder: Path) -> None:
    write_gguf(tokenizer, folder / "words.gguf", rows)
    ours, theirs = HfTokenizer(tokenizer), LlamaTokenizer(folder / "words.gguf")
    assert llama_cpp.llama_vocab_n_tokens(theirs.vocab) == rows
    for text in TEXTS:
        assert theirs.encode(text, special=False) == typed(ours, text), text
    for text in TEMPLATES:
        assert theirs.encode(text, special=True) == ours.encode_template(text), text
    llama_cpp.llama_model_free(theirs.model)


@pytest.mark.parametrize("motion_special", [True, False])
def test_the_miniature_reads_as_llama_cpp_does(tmp_path: Path, motion_special: bool) -> None:
    ids = write_tokenizer(tmp_path, 300, 4, 16, motion_special)
    compare(tmp_path / "tokenizer.json", len(ids) + 9, tmp_path)


def test_the_pattern_built_into_byte_level_reads_alike_too(tmp_path: Path) -> None:
    words = build_tokenizer(tmp_path / "tokenizer.json", 4, 16)
    compare(tmp_path / "tokenizer.json", words.vocab_size, tmp_path)


def test_digits_that_are_cut_one_by_one_read_alike_too(tmp_path: Path) -> None:
    """As in SmolLM2."""
    words = build_tokenizer(tmp_path / "tokenizer.json", 4, 16)
    byte_level = json.loads((tmp_path / "tokenizer.json").read_text())["pre_tokenizer"]
    steps = [{"type": "Digits", "individual_digits": True}, byte_level]
    change(
        tmp_path / "tokenizer.json",
        "pre_tokenizer",
        {"type": "Sequence", "pretokenizers": steps},
    )
    compare(tmp_path / "tokenizer.json", words.vocab_size, tmp_path)


def test_the_real_vocabulary_reads_as_llama_cpp_does(tmp_path: Path) -> None:
    compare(qwen_tokenizer_json(), 155_763, tmp_path)


def change(path: Path, key: str, value: object) -> None:
    data = json.loads(path.read_text())
    data[key] = value
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", {"type": "Unigram", "vocab": []}, "expected byte-level BPE"),
        (
            "pre_tokenizer",
            {"type": "Whitespace"},
            "expected a byte-level tokenizer, got Whitespace",
        ),
        ("pre_tokenizer", None, "expected a byte-level tokenizer, got None"),
        (
            "pre_tokenizer",
            {"type": "Split", "pattern": {"Regex": "a+"}},
            "expected a way to split text",
        ),
        (
            "pre_tokenizer",
            {"type": "Split", "pattern": {"String": " "}},
            "expected a byte-level tokenizer",
        ),
        (
            "pre_tokenizer",
            {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Punctuation"},
                    {"type": "ByteLevel", "use_regex": True},
                ],
            },
            "got Punctuation and ByteLevel",
        ),
    ],
)
def test_a_tokenizer_that_llama_cpp_would_read_otherwise(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    write_tokenizer(tmp_path, 20, 1, 2, True)
    vocabulary, path = read_vocabulary(tmp_path), tmp_path / "tokenizer.json"
    change(path, key, value)
    with pytest.raises(FormatError, match=message) as caught:
        read_gguf_vocabulary(path, vocabulary, 1000)
    assert "\n" not in str(caught.value)


def test_more_tokens_than_rows_and_tokens_of_one_name(tmp_path: Path) -> None:
    ids = write_tokenizer(tmp_path, 20, 1, 2, True)
    vocabulary, path = read_vocabulary(tmp_path), tmp_path / "tokenizer.json"
    with pytest.raises(FormatError, match="rows of the embedding"):
        read_gguf_vocabulary(path, vocabulary, len(ids) - 1)
    added = json.loads(path.read_text())["added_tokens"]
    change(path, "added_tokens", [*added, {**added[0], "id": len(ids), "content": "a"}])
    with pytest.raises(FormatError, match="one meaning for 'a'"):
        read_gguf_vocabulary(path, vocabulary, len(ids) + 1)
