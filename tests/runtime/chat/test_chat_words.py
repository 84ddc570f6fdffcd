"""Words of a chat, on their own; at the terminal they are tested in tests/runtime/cli/test_chat.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinetoken import Clip, GenerateOptions
from kinetoken.chat.chat_words import WORDS, AskedPrompt, ChatWords, Reply
from synthetic_motion import walking


@pytest.fixture
def words() -> ChatWords:
    clip = Clip(walking(40).astype(np.float32))
    return ChatWords(GenerateOptions(), lambda: clip, levels=4, examples=("wave", "bow"))


def test_help_lists_every_word_and_examples(words: ChatWords) -> None:
    reply = words.read("/help")
    assert reply is not None
    assert [line.split()[0] for line in reply.lines[:-1]] == [word.split()[0] for word in WORDS]
    assert reply.lines[-1] == "try: wave; bow"
    assert words.read("help") == words.read(" /HELP ") == words.read("/help seed") == reply


@pytest.mark.parametrize("line", ["/bye", "exit", "QUIT", " /exit ", "/quit", "/bye now"])
def test_words_that_end_it(words: ChatWords, line: str) -> None:
    assert words.read(line) == Reply(over=True)


@pytest.mark.parametrize("line", ["walk", "exit the room", "quit smoking", "turn left/right", ""])
def test_prompts_are_no_words(words: ChatWords, line: str) -> None:
    assert words.read(line) is None


def test_seed_and_levels_are_set_and_freed(words: ChatWords) -> None:
    for line, seed, levels in (
        ("/seed 7", 7, None),
        ("/levels 2", 7, 2),
        ("/seed", None, 2),
        ("/levels", None, None),
    ):
        assert words.read(line)
        assert (words.options.seed, words.options.levels) == (seed, levels)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/dance", "there is no /dance; /help lists the words"),
        ("/seed x", "/seed: expected a whole number or nothing, got 'x'"),
        ("/seed 99999999999999999999", "seed: expected a whole number from 0"),
        ("/levels 9", "this model has 4, got 9"),
        ("/levels 0", "levels: expected a whole number of 1 or more"),
        ("/save", "needs a file"),
        ("/save x.mp4", "expected a name that ends in"),
        ("/save nowhere/x.npz", "no folder"),
        ("/again", "nothing was asked yet"),
        ("/history", "nothing was asked yet"),
    ],
)
def test_mistakes_are_told_in_a_line(words: ChatWords, line: str, told: str) -> None:
    reply = words.read(line)
    assert reply is not None
    assert len(reply.lines) == 1
    assert told in reply.lines[0]
    assert reply.prompt is None
    assert not reply.over


def test_a_file_s_name_is_a_prompt_only_if_it_comes_twice(words: ChatWords) -> None:
    for line in ("walk.bvh", "C:\\my clips\\wave.npz"):
        reply = words.read(line)
        assert reply is not None
        assert reply.doubt
        assert "looks like a file" in reply.lines[0]
        assert words.read(line) is None
    reply = words.read("save walk.npz")
    assert reply is not None
    assert "/save walk.npz saves the last motion" in reply.lines[0]
    assert words.read("walk.bvh")
    assert words.read("wave") is None
    assert words.read("walk.bvh")


def test_the_last_motion_is_saved(words: ChatWords, tmp_path: Path) -> None:
    reply = words.read(f'/save "{tmp_path}/my walk.npz"')
    assert reply is not None
    assert reply.lines[0].startswith("2.0 s of motion")
    assert len(Clip.load(tmp_path / "my walk.npz")) == 40


def test_a_tilde_is_the_home(
    words: ChatWords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    words.read("/save ~/my walk.npz")
    assert (tmp_path / "my walk.npz").is_file()


def test_history_and_again(words: ChatWords) -> None:
    words.note(AskedPrompt("walk"))
    words.note(AskedPrompt("wave"))
    words.note(AskedPrompt("wave", 7, 1.25), again=True)
    assert words.read("/history") == Reply(("1. walk", "2. wave (1.2 s, seed 7)"))
    assert words.read("/again") == Reply(prompt="wave")
