"""Answers with a sentence before every half second of motion keep real time where words are dear.

The machine is simulated: a clock that only the model moves, by so much a word and so much a code. The
figures are those of the published models on two cores (benchmarks/results/real_time_3b.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import kinetoken
import kinetoken.generation.generator
from kinetoken import Clip, Generator, MotionChunk
from kinetoken.engines.scripted import ScriptedLanguageModel
from kinetoken.generation.chat_format import prompt_ids
from kinetoken.generation.pacing import playback_clock
from kinetoken.generation.pacing.decisions import Decisions
from kinetoken.generation.pacing.pace import Pace
from kinetoken.tokens.vocabulary import Vocabulary

ASKED = {"seconds": 12, "seed": 1, "temperature": 0, "max_thought": 20, "min_block_code_frames": 2}
PREBUFFER = 0.6
"""Seconds of motion before the body begins."""


@dataclass
class Machine:
    """So many seconds a word, a code, and a decoded chunk."""

    word: float
    code: float
    chunk: float = 0.004
    now: float = 0.0


LARGE, MEDIUM = {"word": 0.066, "code": 0.057}, {"word": 0.037, "code": 0.030}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(**LARGE)
    clock = SimpleNamespace(perf_counter=lambda: made.now)
    monkeypatch.setattr(kinetoken.generation.generator, "time", clock)
    monkeypatch.setattr(playback_clock, "time", clock)
    return made


def talkative(generator: Generator, machine: Machine, words: int) -> Generator:
    """The bundle with a model that wants `words` words, then blocks of two and three frames in turn."""
    known, size = generator.bundle.vocabulary, generator.manifest.language_model.vocab_size
    prompt = len(prompt_ids(generator.bundle, "walk"))
    text = generator.bundle.tokenizer.encode_text(" my left foot goes forward and then my right")

    def score(history: Sequence[int]) -> np.ndarray:
        said = history[prompt:]
        since = _since_marker(said, known)
        opened = len(since) < len(said) and said[-len(since) - 1] == known.move_start
        machine.now += machine.code if opened else machine.word
        row = np.full(size, -30.0, np.float32)
        if opened:
            frames = sum(token in known.levels[0] for token in since)
            longest = 2 + sum(token == known.move_start for token in said) % 2
            row[known.move_end] = 9 if frames >= longest else -40
            for level in known.levels:
                row[level[len(said) * 7 % len(level)]] = 5
        else:
            row[text[len(since) % len(text)]] = 5
            row[known.move_start] = 9 if len(since) >= words else 0
        return row

    model = ScriptedLanguageModel(score)
    return Generator(dataclasses.replace(generator.bundle, language_model=model, pace=Pace()))


def _since_marker(said: Sequence[int], known: Vocabulary) -> Sequence[int]:
    last = max((n for n, token in enumerate(said) if token in known.markers), default=-1)
    return said[last + 1 :]


@dataclass
class Played:
    """An answer as somebody saw it."""

    clip: Clip
    rtf: float
    waited: float
    """Share of the time in which the body stood for want of motion."""


def played(generator: Generator, machine: Machine, **options: object) -> Played:
    stream, came = generator.stream("walk", **ASKED, **options), []
    for chunk in stream:
        if isinstance(chunk, MotionChunk):
            machine.now += machine.chunk
            came.append((machine.now, len(chunk.joints) / stream.clip().fps))
    lengths = np.cumsum([seconds for _, seconds in came])
    begin = int(np.searchsorted(lengths, PREBUFFER))
    ends, waited = came[begin][0] + lengths[begin], 0.0
    for at, seconds in came[begin + 1 :]:
        waited += max(0.0, at - ends)
        ends = max(at, ends) + seconds
    work = came[-1][0] - came[0][0]
    return Played(
        stream.clip(), (lengths[-1] - came[0][1]) / work, waited / (ends - came[begin][0])
    )


def decided(clip: Clip) -> Decisions:
    decisions = Decisions.asked(clip.meta["detail"])
    assert decisions is not None
    return decisions


@pytest.mark.parametrize("costs", [LARGE, MEDIUM], ids=["3B", "1.5B"])
@pytest.mark.parametrize("words", [0, 6, 12, 20])
def test_the_body_keeps_real_time_whatever_the_model_would_say(
    generator: Generator, machine: Machine, costs: dict[str, float], words: int
) -> None:
    machine.word, machine.code = costs["word"], costs["code"]
    seen = played(talkative(generator, machine, words), machine, keep_up=True)
    assert seen.rtf >= 1
    assert seen.waited < 0.01
    assert min(decided(seen.clip).levels) >= 2
    assert len(seen.clip) == 240


def test_without_it_the_body_waits_for_words(generator: Generator, machine: Machine) -> None:
    seen = played(talkative(generator, machine, 12), machine)
    assert seen.rtf < 0.6
    assert seen.waited > 0.3


def test_all_levels_where_nothing_is_said(generator: Generator, machine: Machine) -> None:
    machine.word, machine.code = MEDIUM["word"], MEDIUM["code"]
    seen = played(talkative(generator, machine, 0), machine, keep_up=True)
    assert set(decided(seen.clip).levels) == {4}


def test_words_come_where_the_body_is_ahead_and_not_one_by_one(
    generator: Generator, machine: Machine
) -> None:
    machine.word, machine.code = MEDIUM["word"], MEDIUM["code"]
    clip = played(talkative(generator, machine, 12), machine, keep_up=True).clip
    said = decided(clip).words[1:]
    assert sum(said) > 2 * len(said), "some words come before most blocks"
    assert all(count == 0 or count >= 3 for count in said)


def thoughts(clip: Clip) -> list[str]:
    """What is said before each block, and behind the last."""
    return [piece.split("</move>")[-1] for piece in clip.text.split("<move>")]


def test_words_are_cut_at_their_end(generator: Generator, machine: Machine) -> None:
    spelled = generator.bundle.tokenizer.encode_text(" unbelievable")
    assert len(spelled) > 1, "several tokens make the word"
    answer = talkative(generator, machine, 20)
    for limit in range(1, 8):
        clip = answer.generate("walk", detail=f"4/{limit}", **ASKED)
        whole = ["my", "left", "foot", "goes", "forward", "and", "then", "my", "right"]
        for words in thoughts(clip):
            assert all(word in whole for word in words.split()), words


def test_the_same_decisions_make_the_same_clip(generator: Generator, machine: Machine) -> None:
    answer = talkative(generator, machine, 12)
    first = played(answer, machine, keep_up=True).clip
    again = answer.generate("walk", detail=first.meta["detail"], **ASKED)
    assert again.text == first.text
    assert again.meta["detail"] == first.meta["detail"]
    np.testing.assert_array_equal(again.codes, first.codes)


def test_a_thought_before_the_first_pose_takes_a_second(
    generator: Generator, machine: Machine
) -> None:
    machine.word = 0.2
    clip = played(talkative(generator, machine, 20), machine, keep_up=True).clip
    assert 3 <= decided(clip).words[0] <= 5


def test_words_alone_are_not_cut(generator: Generator, machine: Machine) -> None:
    machine.word = 0.2
    stream = talkative(generator, machine, 20).stream(
        "walk", text_only=True, keep_up=True, temperature=0, max_thought=20, max_tokens=60
    )
    for _ in stream:
        pass
    assert decided(stream.clip()).words[0] == 20


def test_more_detail_comes_where_the_rest_is_short(generator: Generator, machine: Machine) -> None:
    levels = decided(played(talkative(generator, machine, 0), machine, keep_up=True).clip).levels
    assert levels[-1] > min(levels), "what the body is ahead is spent before the answer ends"
    assert all(abs(a - b) <= 1 for a, b in pairwise(levels))
