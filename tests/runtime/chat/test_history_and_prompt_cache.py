"""What a session keeps on disk: the state of the system prompt, and the chat."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetoken
from kinetoken.base.errors import FormatError
from kinetoken.chat.prompt_cache import PromptCache
from kinetoken.chat.session import Session
from kinetoken.engines.scripted import ScriptedLanguageModel
from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.chat_format import ids_before_prompt
from kinetoken.generation.generator import Generator
from overheard import PROMPTS, SHORT, overheard, whole


@pytest.fixture(scope="module")
def parts(tiny: Path) -> Bundle:
    return open_bundle(tiny)


def test_the_state_of_the_system_prompt_is_kept(
    own_tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    parts = open_bundle(own_tiny)
    head = ids_before_prompt(parts)

    def start() -> tuple[str, list[list[int]]]:
        generator, fed = overheard(parts)
        turn = Session(generator).say("wave", seed=5)
        return whole(turn).text, fed

    cold, fed = start()
    assert fed[0] == head
    (file,) = (own_tiny / ".cache").iterdir()
    warm, fed = start()
    assert warm == cold
    assert fed[0][: len(head)] != head
    original = file.read_bytes()
    for damaged in (
        b"",
        original[:-1],
        original[:40] + bytes([original[40] ^ 1]) + original[41:],
        b"something else",
        original + b"x",
    ):
        file.write_bytes(damaged)
        again, fed = start()
        assert (again, fed[0]) == (cold, head)
        assert file.read_bytes() == original
    assert not (tmp_path / "cache" / "kinetoken" / "states").exists()
    kinetoken.load(own_tiny).session()  # what lies beside the bundle's files is no damage to it


def test_a_state_of_another_engine_or_model_is_not_taken(own_tiny: Path) -> None:
    parts = open_bundle(own_tiny)
    Session(Generator(parts)).prepare()
    (file,) = (own_tiny / ".cache").iterdir()
    scripted = ScriptedLanguageModel(
        lambda ids: np.zeros(parts.manifest.language_model.vocab_size, np.float32)
    )
    session = Session(Generator(dataclasses.replace(parts, language_model=scripted)))
    session.prepare()
    assert len(list((own_tiny / ".cache").iterdir())) == 2
    foreign = max((own_tiny / ".cache").iterdir(), key=lambda path: path != file)
    file.write_bytes(foreign.read_bytes())  # whole, but not what its name says
    generator, fed = overheard(parts)
    Session(generator).prepare()
    assert fed == [ids_before_prompt(parts)]


def test_a_bundle_that_cannot_be_written_has_its_state_in_the_users_folder(
    own_tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (own_tiny / ".cache").write_text("a file where the folder would be")
    parts = open_bundle(own_tiny)
    Session(Generator(parts)).prepare()
    assert len(list((tmp_path / "cache" / "kinetoken" / "states").iterdir())) == 1
    generator, fed = overheard(parts)
    Session(generator).prepare()
    assert fed == []
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_tiny / ".cache"))  # nowhere at all
    Session(generator).prepare()
    assert fed == [ids_before_prompt(parts)]


def test_a_state_that_came_with_the_bundle_is_not_taken(
    own_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "maker"))
    cache = PromptCache(open_bundle(own_tiny))
    assert cache.save([1, 2, 3], b"state") is not None
    assert cache.load([1, 2, 3]) == b"state"
    key = tmp_path / "maker" / "kinetoken" / "state.key"
    assert key.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache.load([1, 2, 3]) is None
    assert cache.save([1, 2, 3], b"own") is not None
    assert cache.load([1, 2, 3]) == b"own"


def test_few_states_are_kept(own_tiny: Path) -> None:
    parts = open_bundle(own_tiny)
    for number in range(12):
        chat = dataclasses.replace(parts.manifest.chat, system_prompt=f"You are number {number}.")
        bundle = dataclasses.replace(parts, manifest=dataclasses.replace(parts.manifest, chat=chat))
        Session(Generator(bundle)).prepare()
    assert len(list((own_tiny / ".cache").iterdir())) == 8


def test_a_chat_is_saved_and_resumed(generator: Generator, parts: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    session = Session(generator, history=9, keep_state=False)
    for seed, prompt in enumerate(PROMPTS[:2]):
        whole(session.say(prompt, seed=seed, **SHORT))
    session.save(path)
    other = Session(generator, history=9, keep_state=False)
    other.load(path)
    assert other.history == session.history
    np.testing.assert_allclose(other.line.shown, session.line.shown, atol=1e-5)
    ends = [whole(each.say("jump", seed=9, **SHORT)) for each in (session, other)]
    assert ends[0].text == ends[1].text
    np.testing.assert_allclose(ends[0].joints, ends[1].joints, atol=1e-3)
    session.forget()
    assert session.history == ()


def test_a_state_in_use_is_not_the_one_to_go(own_tiny: Path) -> None:
    states = PromptCache(open_bundle(own_tiny))
    paths = [states.save([number], b"state") for number in range(8)]
    for age, path in enumerate(paths):
        assert path is not None
        os.utime(path, (1e9 - age, 1e9 - age))
    assert states.load([7]) == b"state"  # the oldest of all
    states.save([8], b"state")
    assert [states.load([number]) for number in (7, 6, 8)] == [b"state", None, b"state"]


def test_tidying_beside_another_process_writes_no_second_copy(
    own_tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    real = Path.glob

    def glob(folder: Path, pattern: str) -> list[Path]:
        return [*real(folder, pattern), folder / "prompt-gone.state"]

    monkeypatch.setattr(Path, "glob", glob)
    states = PromptCache(open_bundle(own_tiny))
    for number in range(10):
        states.save([number], b"state")
    monkeypatch.undo()
    assert len(list((own_tiny / ".cache").iterdir())) == 8
    assert not (tmp_path / "cache" / "kinetoken" / "states").exists()


def test_a_state_too_large_to_be_read_is_not_written(
    own_tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinetoken.chat.prompt_cache.LARGEST_STATE", 60)
    states = PromptCache(open_bundle(own_tiny))
    assert states.save([1], b"x" * 40) is None
    assert states.save([1], b"x" * 4) is not None
    assert states.load([1]) == b"xxxx"


@pytest.fixture
def saved(generator: Generator, tmp_path: Path) -> tuple[Session, Path]:
    """A session of one turn, and its file."""
    path = tmp_path / "chat.json"
    session = Session(generator, history=9, keep_state=False)
    whole(session.say("walk", **SHORT))
    session.save(path)
    return session, path


def damaged(good: dict[str, Any], parts: Bundle) -> Iterator[tuple[Any, str]]:
    """Files that are none, and why."""
    words = parts.vocabulary
    start, end = words.move_start, words.move_end
    codes = [level.start for level in words.levels]
    special = parts.tokenizer.encode_template("<|im_start|>")[0]

    def with_answer(*answer: Any) -> dict[str, Any]:
        return good | {"turns": [{"prompt": "walk", "answer": list(answer)}]}

    yield from [
        ([1, 2], "JSON object"),
        (good | {"format": "other"}, "not a chat of this"),
        (good | {"version": 9}, "not a chat of this"),
        (good | {"tokens": "0" * 64}, "another model"),
        (good | {"turns": [{"prompt": "walk"}]}, "damaged"),
        (good | {"turns": 5}, "damaged"),
        (good | {"poses": [[1, 2]]}, "damaged"),
        (good | {"poses": np.full((2, 22, 3), 1e30).tolist()}, "damaged"),
        (good | {"poses": np.zeros((3, 22, 3)).tolist()}, "damaged"),
        (good | {"poses": np.arange(66.0).reshape(1, 22, 3).tolist()}, "no poses of a body"),
        (with_answer(special), "no place"),
        (with_answer(words.end_of_turn[0]), "no place"),
        (with_answer(end), "no place"),
        (with_answer(codes[0]), "no place"),
        (with_answer(start, end), "no place"),
        (with_answer(start, codes[1], end), "no place"),
        (with_answer(start, *codes), "block is open"),
        (with_answer(start, *codes, start), "no place"),
        (with_answer("1"), "token numbers"),
        (with_answer(True), "token numbers"),
        (with_answer(-1), "no place"),
        (good | {"turns": [{"prompt": 5, "answer": []}]}, "damaged"),
        (good | {"turns": [{"prompt": " ", "answer": []}]}, "damaged .the prompt is empty"),
        (
            good | {"turns": [{"prompt": "walk \ud800", "answer": []}]},
            "damaged .the prompt is not UTF-8 text",
        ),
    ]


def test_a_chat_file_of_something_else_is_refused(
    saved: tuple[Session, Path], parts: Bundle
) -> None:
    session, path = saved
    good = json.loads(path.read_text())
    session.load(path)
    for data, reason in damaged(good, parts):
        path.write_text(json.dumps(data))
        with pytest.raises(FormatError, match=reason) as caught:
            session.load(path)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_no_chat_is_refused(saved: tuple[Session, Path], tmp_path: Path) -> None:
    session, path = saved
    for text in ("", "{", "\x00", "[" * 100_000):
        path.write_text(text)
        with pytest.raises(FormatError, match=r"not a chat|file"):
            session.load(path)
    with pytest.raises(FormatError, match="cannot read"):
        session.load(tmp_path)
    with pytest.raises(FormatError, match="cannot read"):
        session.load(tmp_path / "missing.json")
