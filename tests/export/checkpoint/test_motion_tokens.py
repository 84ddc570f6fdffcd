"""The motion vocabulary is read from the tokenizer, and a wrong one is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kinetoken.base.errors import FormatError, InputError
from kinetoken_export.checkpoint.find_spelling import AskedSpelling
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda added: added[3].update(id=added[2]["id"]), "one token with the id 12, got <m_0_0>"),
        (
            lambda added: added.append({"id": 40, "content": "<m_0_0>"}),
            "one id for <m_0_0>, got 12",
        ),
        (lambda added: added[0].update(content="w3"), "one id for w3, got 3 and 10"),
        (lambda added: added[2].update(id=-1), "expected an id of 0 to 16777215 for <m_0_0>"),
        (lambda added: added[2].update(id="12"), "for <m_0_0>, got '12'"),
        (lambda added: added[2].update(id=10**9), "got 1000000000"),
    ],
)
def test_ids_that_contradict_each_other_are_refused(
    tmp_path: Path, change: Callable[[list[dict[str, Any]]], None], message: str
) -> None:
    path = write(tmp_path, motion(2, 4)) / "tokenizer.json"
    data = json.loads(path.read_text())
    change(data["added_tokens"])
    path.write_text(json.dumps(data))
    with pytest.raises(FormatError, match=message):
        read_vocabulary(tmp_path)


def test_markers_among_the_words_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, ["<|im_end|>"]) / "tokenizer.json"
    data = json.loads(path.read_text())
    words = [*data["model"]["vocab"], *motion(2, 4)]
    data["model"]["vocab"] = {word: number for number, word in enumerate(words)}
    data["added_tokens"][0]["id"] = len(words)
    path.write_text(json.dumps(data))
    found = read_vocabulary(tmp_path)
    assert (found.motion.move_start, found.motion.move_end) == (10, 11)
    assert found.notes == ()


@pytest.mark.parametrize(
    ("start", "end"), [("<|move|>", "<|/move|>"), ("<|som|>", "<|eom|>"), ("[MOT]", "[/MOT]")]
)
def test_markers_of_other_kinds_are_found(tmp_path: Path, start: str, end: str) -> None:
    spelled = [start, end, *(f"<|m_{q}_{v}|>" for q in range(2) for v in range(4))]
    spelling = read_vocabulary(write(tmp_path, spelled)).motion.spelling
    assert (spelling.start, spelling.end) == (start, end)


def test_a_model_without_markers_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path, motion(2, 4)[2:])
    assert "--move START END" in read_vocabulary(folder).notes[0]
    assert read_vocabulary(folder, AskedSpelling(around=("", ""))).notes == ()


def test_a_spelling_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it needs \{code\} once"):
        read_vocabulary(write(tmp_path, motion(2, 4)), AskedSpelling("<m_{code}_{code}>"))
