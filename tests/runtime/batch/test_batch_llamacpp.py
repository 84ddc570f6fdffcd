"""Several sequences in one llama context: each gets its own logits, whoever comes, goes, or begins with the same words."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama_package import needs_llama

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

from kinetoken import GenerateOptions
from kinetoken.base.errors import EngineError
from kinetoken.batch.batch_run import answer_all
from kinetoken.batch.jobs import ClipAnswer, Job
from kinetoken.engines.llamacpp.batch import KERNEL_GROUP, LlamaCppBatch, reusable_tokens
from kinetoken.engines.llamacpp.model import CPU_PIECE, LlamaCppLanguageModel
from kinetoken.engines.one_at_a_time import SequentialBatch
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.generator import Generator
from kinetoken.manifest.schema import TokenizerInfo
from kinetoken.tokens.vocabulary import Vocabulary
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from tiny_gguf import Made, make

PROMPTS = [[5, 17, 200, 3, 88, 41], [9], [i * 7 % 400 for i in range(CPU_PIECE + 9)], [88, 3, 3]]
NEXT = [[11, 12, 13, 14], [21, 22, 23, 24], [31, 32, 33, 34], [41, 42, 43, 44]]


@pytest.fixture(scope="module", params=["qwen2", "qwen2_5_vl"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("batch"), request.param, "f32")


@pytest.fixture(scope="module")
def model(made: Made) -> LlamaCppLanguageModel:
    return made.load()


def start(model: LlamaCppLanguageModel, size: int) -> LlamaCppBatch:
    batch = model.start_batch(size)
    assert isinstance(batch, LlamaCppBatch)
    return batch


def test_every_sequence_gets_the_logits_of_the_source(
    made: Made, model: LlamaCppLanguageModel
) -> None:
    batch = start(model, 4)
    rows = batch.push([(n, prompt, made.every) for n, prompt in enumerate(PROMPTS)])
    for row, prompt in zip(rows, PROMPTS, strict=True):
        made.check(row, prompt)
    for step in range(4):
        rows = batch.push([(n, [NEXT[n][step]], made.every) for n in (2, 0, 3, 1)])
        for row, n in zip(rows, (2, 0, 3, 1), strict=True):
            made.check(row, PROMPTS[n] + NEXT[n][: step + 1])


def test_prompts_and_tokens_come_together(made: Made, model: LlamaCppLanguageModel) -> None:
    batch = start(model, 3)
    batch.push([(0, PROMPTS[0], made.every)])
    rows = batch.push(
        [(0, [11], made.every), (1, PROMPTS[3], made.every), (2, PROMPTS[1], made.every)]
    )
    for row, ids in zip(rows, (PROMPTS[0] + [11], PROMPTS[3], PROMPTS[1]), strict=True):
        made.check(row, ids)


def test_only_the_allowed_logits_come(made: Made, model: LlamaCppLanguageModel) -> None:
    batch = start(model, 2)
    batch.push([(0, PROMPTS[0], made.every), (1, PROMPTS[3], made.every)])
    some = (range(3, 6), range(320, 330))
    full = batch.push([(0, [1], made.every), (1, [2], made.every)])[1].copy()
    batch.drop(1)
    batch.push([(1, PROMPTS[3], made.every)])
    rows = batch.push([(0, [1], (range(7, 8),)), (1, [2], some)])
    assert [len(row) for row in rows] == [1, 13]
    np.testing.assert_array_equal(rows[1], np.concatenate([full[3:6], full[320:330]]))


def test_a_sequence_that_ends_makes_room_and_the_others_do_not_notice(
    made: Made, model: LlamaCppLanguageModel
) -> None:
    batch = start(model, 4)
    batch.push([(n, PROMPTS[n], made.every) for n in range(4)])
    batch.push([(n, NEXT[n][:1], made.every) for n in range(4)])
    batch.drop(1)
    batch.drop(2)
    rows = batch.push([(n, NEXT[n][1:2], made.every) for n in (0, 3)])  # with a gap between them
    made.check(rows[0], PROMPTS[0] + NEXT[0][:2])
    made.check(rows[1], PROMPTS[3] + NEXT[3][:2])
    made.check(batch.push([(2, [7, 8, 9], made.every)])[0], [7, 8, 9])
    made.check(batch.push([(1, [7, 8], made.every)])[0], [7, 8])
    rows = batch.push([(n, [99], made.every) for n in range(4)])
    for row, ids in zip(
        rows, (PROMPTS[0] + NEXT[0][:2], [7, 8], [7, 8, 9], PROMPTS[3] + NEXT[3][:2]), strict=True
    ):
        made.check(row, [*ids, 99])


def test_neighbours_go_through_the_weights_together(
    made: Made, model: LlamaCppLanguageModel
) -> None:
    batch = start(model, 4)
    batch.push([(n, [n + 1], made.every) for n in range(4)])
    batch.drop(0)
    batch.drop(2)
    batch.push([(n, [5], made.every) for n in (1, 3)])
    assert abs(batch._places[1] - batch._places[3]) == 1
    assert sorted(batch._places) == [0, 1, 2, 3]


HEAD = [i * 13 % 400 for i in range(3 * CPU_PIECE)]


@pytest.mark.parametrize(
    "shared", [0, 3, KERNEL_GROUP, 30, CPU_PIECE - 1, CPU_PIECE, CPU_PIECE + 30, 2 * CPU_PIECE + 3]
)
@pytest.mark.parametrize("slot", [0, 1])
def test_what_a_prompt_shares_with_another_is_not_fed_again_to_the_last_bit(
    made: Made, model: LlamaCppLanguageModel, shared: int, slot: int
) -> None:
    whole = [*HEAD[:shared], *range(300, 310)]
    alone = model.start()
    expected = alone.push(whole, made.every).copy()
    batch, first = start(model, 2), [*HEAD[:shared], *range(200, 219)]
    batch.push([(0, first, made.every)])
    batch.drop(0)
    fed: list[int] = []
    decode = batch._decode

    def counted(struct: Any, *, prompt: bool) -> None:
        fed.append(struct.n_tokens)
        decode(struct, prompt=prompt)

    batch._decode = counted  # type: ignore[method-assign]
    np.testing.assert_array_equal(batch.push([(slot, whole, made.every)])[0], expected)
    assert sum(fed) == len(whole) - reusable_tokens(first, whole, CPU_PIECE)
    made.check(batch.push([(slot, [7], made.every)])[0], [*whole, 7])


def test_how_much_of_a_prompt_is_reused() -> None:
    ids = list(range(100))
    assert reusable_tokens(ids[:40], ids[:50], 64) == 40
    assert reusable_tokens(ids[:43], ids[:50], 64) == 40
    assert (
        reusable_tokens(ids[:50], ids[:50], 64) == 48
    )  # the last token is fed again, for its logits
    assert reusable_tokens(ids[:1], ids[:50], 64) == 0
    assert (
        reusable_tokens(ids[:50], ids[:80], 64) == 0
    )  # the first piece is full in one of them alone
    assert reusable_tokens(ids[:80], ids[:90], 64) == 80
    assert reusable_tokens([], ids, 64) == 0


def test_what_cannot_be_fed_is_refused_and_the_batch_stays_as_it_was(
    made: Made, model: LlamaCppLanguageModel
) -> None:
    batch = start(model, 2)
    batch.push([(0, [1] * 300, made.every), (1, PROMPTS[0], made.every)])
    for bad, message in (
        ([1], "300 tokens in the context, got 301"),
        ([], "expected 1 to 300 tokens"),
    ):
        with pytest.raises(EngineError, match=message):
            batch.push([(1, [2], made.every), (0, bad, made.every)])
    for token in (-1, made.info.vocab_size):
        with pytest.raises(EngineError, match="token ids below"):
            batch.push([(1, [2, token], made.every)])
    made.check(batch.push([(1, [11], made.every)])[0], PROMPTS[0] + [11])


def test_logits_outlive_the_batch(made: Made) -> None:
    batch = start(made.load(), 2)
    batch.push([(0, PROMPTS[0], made.every), (1, PROMPTS[3], made.every)])
    rows = batch.push([(0, [11], made.every), (1, [41], made.every)])
    del batch
    gc.collect()
    made.check(rows[0], PROMPTS[0] + [11])
    made.check(rows[1], PROMPTS[3] + [41])


def test_one_alone_goes_as_without_a_batch(model: LlamaCppLanguageModel) -> None:
    assert isinstance(model.start_batch(1), SequentialBatch)


def test_more_sequences_than_there_is_memory_for_are_refused(
    model: LlamaCppLanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinetoken.engines.memory.free_bytes", lambda: 1000)
    with pytest.raises(
        EngineError, match=r"a context of 2,400 tokens .* fewer sequences \(--parallel\)"
    ):
        model.start_batch(8)


@pytest.mark.parametrize("made", ["qwen2"], indirect=True)
@pytest.mark.parametrize("size", [2, 5])
def test_the_clips_of_a_batch_are_those_of_each_alone(
    made: Made, model: LlamaCppLanguageModel, tiny: Path, size: int
) -> None:
    parts, folder = open_bundle(tiny), made.path.parent
    words = read_vocabulary(folder)
    manifest = dataclasses.replace(
        parts.manifest,
        language_model=made.info,
        motion=words.motion,
        tokenizer=TokenizerInfo("tokenizer.json", words.text_ids, (words.added["<|im_end|>"],)),
    )
    tokenizer = HfTokenizer(folder / "tokenizer.json")
    bundle = Bundle(folder, manifest, Vocabulary.of(manifest), model, tokenizer, parts.decoder)
    options = [GenerateOptions(code_frames=2 + n, seed=n, max_thought=n) for n in range(7)]
    jobs = [
        Job.of(n, str(n), f"a person walks {n} steps", asked) for n, asked in enumerate(options)
    ]
    answers = list(answer_all(bundle, jobs, size))
    assert len(answers) == len(jobs)
    for answer in answers:
        assert isinstance(answer, ClipAnswer)
        alone = Generator(bundle).generate(answer.job.prompt, answer.job.options)
        assert answer.clip.text == alone.text
        np.testing.assert_array_equal(answer.clip.joints, alone.joints)
