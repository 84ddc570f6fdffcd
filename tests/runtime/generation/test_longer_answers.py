"""Answers that outgrow the context, and the end of an answer that comes too soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kinetoken.batch.batch_run import answer_all
from kinetoken.batch.jobs import ClipAnswer, Job
from kinetoken.chat.session import Session
from kinetoken.engines.context_window import ContextWindow
from kinetoken.engines.load_options import LoadOptions
from kinetoken.engines.scripted import ScriptedLanguageModel
from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.generator import Generator
from kinetoken.generation.options import GenerateOptions


@pytest.fixture(scope="module")
def parts(tiny: Path) -> Bundle:
    return open_bundle(tiny, LoadOptions(threads=1))


def in_context(parts: Bundle, model: ScriptedLanguageModel) -> Bundle:
    """The bundle with this model, and a context as long as its own."""
    language_model = replace(parts.manifest.language_model, context=model.context)
    manifest = replace(parts.manifest, language_model=language_model)
    return replace(parts, manifest=manifest, language_model=model)


def test_a_long_answer_goes_on_in_new_contexts(parts: Bundle) -> None:
    """Each context shows the chat, the first words and the last whole frames."""
    vocabulary, shown = parts.vocabulary, list[list[int]]()
    size = parts.manifest.language_model.vocab_size

    def score(ids: Sequence[int]) -> NDArray[np.float32]:
        shown.append(list(ids))
        rng = np.random.default_rng(sum(ids[-9:]))
        return rng.normal(size=size).astype(np.float32)

    bundle = in_context(parts, ScriptedLanguageModel(score, 300))
    options = GenerateOptions(seconds=60, max_thought=8, max_blocks=1, seed=1)
    clip = Generator(bundle).generate("walk", options)
    assert len(clip) == 60 * 20
    assert max(map(len, shown)) <= 300
    begun = [b for a, b in pairwise(shown) if len(b) <= len(a)]
    assert len(begun) >= 60 * 5 * 4 // 300
    start = vocabulary.move_start
    for ids in begun:
        at = len(ids) - 1 - ids[::-1].index(start)
        assert ids[:at] == shown[-1][:at]
        levels = [place[0] for t in ids[at + 1 :] if (place := vocabulary.code(t)) is not None]
        assert levels == [n % 4 for n in range(len(ids) - at - 1)]


def test_alone_or_in_a_batch_it_is_the_same(parts: Bundle) -> None:
    def score(ids: Sequence[int]) -> NDArray[np.float32]:
        return np.random.default_rng(list(ids)).normal(size=size).astype(np.float32)

    size = parts.manifest.language_model.vocab_size
    bundle = in_context(parts, ScriptedLanguageModel(score, 300))
    options = GenerateOptions(seconds=30, seed=3)
    alone = Generator(bundle).generate("walk", options)
    jobs = [Job.of(n, str(n), "walk", options) for n in range(2)]
    answers = list(answer_all(bundle, jobs, 2))
    assert len(answers) == 2
    for answer in answers:
        assert isinstance(answer, ClipAnswer)
        assert np.array_equal(answer.clip.codes, alone.codes)


def test_a_session_goes_on_after_a_long_answer(parts: Bundle) -> None:
    def score(ids: Sequence[int]) -> NDArray[np.float32]:
        return np.random.default_rng(list(ids)).normal(size=size).astype(np.float32)

    size = parts.manifest.language_model.vocab_size
    bundle = in_context(parts, ScriptedLanguageModel(score, 300))
    session = Session(Generator(bundle), history=2, keep_state=False)
    list(session.say("walk", seconds=30, seed=1))
    turn = session.say("jump", seconds=2, seed=2)
    list(turn)
    fresh = Session(Generator(bundle), history=2, keep_state=False)
    fresh.recall(session.history[:1])
    again = fresh.say("jump", seconds=2, seed=2)
    list(again)
    assert again.text == turn.text


def test_a_model_with_nothing_left_to_say_goes_on_moving(parts: Bundle) -> None:
    """Where the end comes too soon, the next block follows, without a word."""
    words = parts.vocabulary
    assert words.move_start is not None
    assert words.move_end is not None
    frame = [ids[0] for ids in words.levels]
    block = [words.move_start, *frame * 4, words.move_end]

    def score(ids: Sequence[int]) -> NDArray[np.float32]:
        logits = np.zeros(parts.manifest.language_model.vocab_size, np.float32)
        written = ids[len(ids) - ids[::-1].index(words.move_start) :] if start(ids) else None
        if written is None:
            logits[words.move_start] = 1e6
        elif words.move_end in written:
            logits[words.end_of_turn[0]] = 1e6
        else:
            logits[(block[1:])[len(written)]] = 1e6
        return logits

    def start(ids: Sequence[int]) -> bool:
        return words.move_start in ids[-(len(block) + 2) :]

    bundle = in_context(parts, ScriptedLanguageModel(score, 4096))
    answer = Generator(bundle).stream("walk", seconds=8, block_code_frames=4, temperature=0)
    for _ in answer:
        pass
    assert answer.thought == ""
    assert answer.text.count("<move>") == 10


def test_where_the_chat_fills_the_context_nothing_is_promised(parts: Bundle) -> None:
    window = ContextWindow([5, 6, 7], 2, parts.vocabulary, 10)
    assert window.take() == ([7], None)
    window.add(9)
    assert window.shown == [5, 6, 7, 9]
