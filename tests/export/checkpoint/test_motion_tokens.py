"""The motion vocabulary is read from the tokenizer, and a wrong one is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinetoken.base.errors import FormatError, InputError
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary


def write(folder: Path, added: list[str], words: int = 10, first: int = 10) -> Path:
    data = {
        "model": {"vocab": {f"w{i}": i for i in range(words)}},
        "added_tokens": [{"id": first + i, "content": token} for i, token in enumerate(added)],
    }
    (folder / "tokenizer.json").write_text(json.dumps(data))
    return folder


def motion(levels: int, codes: int) -> list[str]:
    return ["<move>", "</move>"] + [f"<m_{q}_{v}>" for q in range(levels) for v in range(codes)]


def test_ids_come_from_the_tokenizer(tmp_path: Path) -> None:
    found = read_vocabulary(write(tmp_path, ["<|im_end|>", *motion(3, 5)]))
    assert (found.motion.move_start, found.motion.move_end) == (11, 12)
    assert found.motion.levels == ((13, 18), (18, 23), (23, 28))
    assert found.text_ids == ((0, 10),)


@pytest.mark.parametrize(
    ("added", "message"),
    [
        (["<|im_end|>"], "not trained to move"),
        (motion(2, 4)[1:], "no <move>"),
        ([t for t in motion(2, 4) if t != "<m_1_2>"], "<m_1_2> is missing"),
        ([t for t in motion(3, 4) if not t.startswith("<m_1")], "level 1 is missing"),
        (
            [t for t in motion(1, 4) if t != "<m_0_0>"],
            "<m_0_0> is missing",
        ),
    ],
)
def test_gaps_are_named(tmp_path: Path, added: list[str], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_vocabulary(write(tmp_path, added))


def test_an_unreadable_tokenizer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        read_vocabulary(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(FormatError, match="fast tokenizer"):
        read_vocabulary(tmp_path)
