from __future__ import annotations

import pytest

from kinetoken_viewer.stage.prompt_line import LONGEST_PROMPT, PromptLine, PromptText


def line(text: str = "") -> tuple[PromptLine, list[str]]:
    sent: list[str] = []
    prompt = PromptLine(sent.append)
    prompt.type(text)
    return prompt, sent


def test_letters_go_in_at_the_cursor() -> None:
    prompt, _ = line("a person wals")
    prompt.edit("left")
    prompt.type("k")
    assert prompt.line == PromptText("a person walks", 13, False)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("歩く人", "歩く人"),
        ("человек идёт", "человек идёт"),
        ("a\nb\tc\r", "a b c "),
        ("a\x1b[31m\x00b\x7f", "a[31mb"),
        ("\u202eabc", "abc"),
        ("\ud800x", "x"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_any_script_is_taken_and_control_codes_are_not(typed: str, kept: str) -> None:
    prompt, _ = line(typed)
    assert prompt.text == kept
    assert prompt.cursor == len(kept)


@pytest.mark.parametrize("letter", ["e\u0301", "👍\U0001f3fd", "👩\u200d🚀", "한"])
def test_what_looks_like_one_letter_is_one_letter(letter: str) -> None:
    prompt, _ = line(f"a{letter}b")
    prompt.edit("left")
    prompt.edit("left")
    assert prompt.cursor == 1
    prompt.edit("right")
    assert prompt.cursor == 1 + len(letter)
    prompt.edit("backspace")
    assert prompt.text == "ab"


@pytest.mark.parametrize(
    ("moves", "text", "cursor"),
    [
        (["start"], "a person, who walks", 0),
        (["start", "end"], "a person, who walks", 19),
        (["word left"], "a person, who walks", 14),
        (["word left"] * 3, "a person, who walks", 2),
        (["start", "word right", "word right"], "a person, who walks", 8),
        (["word left", "delete to end"], "a person, who ", 14),
        (["word left", "delete to start"], "walks", 0),
        (["delete word", "delete word"], "a person, ", 10),
        (["start", "delete"], " person, who walks", 0),
        (["start", "backspace", "left"], "a person, who walks", 0),
        (["delete", "right"], "a person, who walks", 19),
        (["no such key"], "a person, who walks", 19),
    ],
)
def test_editing_keys(moves: list[str], text: str, cursor: int) -> None:
    prompt, _ = line("a person, who walks")
    for move in moves:
        assert prompt.edit(move) == (move != "no such key")
    assert (prompt.text, prompt.cursor) == (text, cursor)


def test_sending_empties_the_line_and_spaces_are_not_sent() -> None:
    prompt, sent = line("  a person walks ")
    prompt.send()
    assert sent == ["a person walks"]
    assert prompt.line == PromptText("", 0, False)
    prompt.send()
    prompt.type("   ")
    prompt.send()
    assert sent == ["a person walks"]


def test_history_goes_back_and_returns_to_the_draft() -> None:
    prompt, _ = line()
    for text in ("one", "two", "two", "three"):
        prompt.type(text)
        prompt.send()
    prompt.type("draft")
    seen = []
    for move in ["up"] * 4 + ["down"] * 4:
        prompt.edit(move)
        seen.append(prompt.text)
    assert seen == ["three", "two", "one", "one", "two", "three", "draft", "draft"]
    assert prompt.cursor == 5


def test_a_line_has_an_end() -> None:
    prompt, _ = line("x" * (3 * LONGEST_PROMPT))
    assert len(prompt.text) == LONGEST_PROMPT
    prompt.type("y")
    assert len(prompt.text) == LONGEST_PROMPT


def test_a_click_never_splits_a_letter() -> None:
    prompt, _ = line("ae\u0301b")
    prompt.set_cursor(2)
    assert prompt.cursor in (1, 3)
    prompt.set_cursor(99)
    assert prompt.cursor == 4
    prompt.set_cursor(-1)
    assert prompt.cursor == 0
