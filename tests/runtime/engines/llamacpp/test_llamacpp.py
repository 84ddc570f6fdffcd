"""The language model through llama.cpp: true logits, runs that do not mix, memory that lives as long as its views."""

from __future__ import annotations

import dataclasses
import gc
import os
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from llama_package import needs_llama

pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
needs_llama()

from kinetoken.base.errors import EngineError
from kinetoken.engines.llamacpp.model import CPU_PIECE, LlamaCppLanguageModel
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.generation.bundle import Bundle, open_bundle
from kinetoken.generation.generator import Generator
from kinetoken.manifest.schema import TokenizerInfo
from kinetoken.tokens.vocabulary import Vocabulary
from kinetoken_export.checkpoint.motion_tokens import read_vocabulary
from kinetoken_export.checkpoint.reference_model import ReferenceLanguageModel
from tiny_gguf import Made, make

TOKENS = [5, 17, 200, 3, 88, 41]
LONG = [i * 7 % 400 for i in range(3 * CPU_PIECE + 5)]


@pytest.fixture(scope="module", params=["qwen2", "qwen2_5_vl"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("exact"), request.param, "f32")


@pytest.fixture(scope="module")
def model(made: Made) -> LlamaCppLanguageModel:
    return made.load()


def test_unrounded_weights_give_the_logits_of_the_source(
    made: Made, model: LlamaCppLanguageModel
) -> None:
    for ids in (TOKENS[:1], TOKENS, LONG):
        assert made.expected(ids).std() > 0.5
        made.check(model.start().push(ids, made.every), ids)


@pytest.mark.parametrize("made", ["qwen2"], indirect=True)
def test_the_same_seed_gives_the_clip_of_the_source(
    made: Made, model: LlamaCppLanguageModel, tiny: Path
) -> None:
    parts = open_bundle(tiny)
    folder = made.path.parent
    words = read_vocabulary(folder)
    manifest = dataclasses.replace(
        parts.manifest,
        language_model=made.info,
        motion=words.motion,
        tokenizer=TokenizerInfo("tokenizer.json", words.text_ids, (words.added["<|im_end|>"],)),
    )
    tokenizer = HfTokenizer(folder / "tokenizer.json")
    answers = []
    for engine in (model, ReferenceLanguageModel(made.source)):
        bundle = Bundle(folder, manifest, Vocabulary.of(manifest), engine, tokenizer, parts.decoder)
        answers.append(
            Generator(bundle).generate("a person walks", seconds=1.6, seed=11, max_thought=8)
        )
    first, second = answers
    assert first.text == second.text
    assert first.codes is not None
    assert len(first.codes) == 8
    np.testing.assert_array_equal(first.codes, second.codes)
    np.testing.assert_array_equal(first.joints, second.joints)


@pytest.mark.parametrize("cuts", [[6], [1, 5], [1] * 6, [2, 3, 1], [5, 1]])
def test_every_cutting_of_the_tokens_gives_the_same_logits(
    made: Made, model: LlamaCppLanguageModel, cuts: list[int]
) -> None:
    run, at = model.start(), 0
    for size in cuts:
        logits = run.push(TOKENS[at : at + size], made.every)
        at += size
    assert run.length == len(TOKENS)
    made.check(logits, TOKENS)


@pytest.mark.parametrize(
    "length", [CPU_PIECE - 1, CPU_PIECE, CPU_PIECE + 1, 2 * CPU_PIECE, len(LONG)]
)
def test_a_prompt_longer_than_a_batch_is_fed_in_pieces(
    made: Made, model: LlamaCppLanguageModel, length: int
) -> None:
    run = model.start()
    whole = run.push(LONG[:length], made.every)
    assert run.length == length
    made.check(whole, LONG[:length])


def test_runs_that_overlap_do_not_mix(made: Made, model: LlamaCppLanguageModel) -> None:
    one, two = model.start(), model.start()
    for index, token in enumerate(TOKENS):
        logits = one.push([token], made.every)
        two.push([token + 1], made.every)
        made.check(logits, TOKENS[: index + 1])


def test_only_the_allowed_logits_come_without_a_copy(
    made: Made, model: LlamaCppLanguageModel
) -> None:
    full = model.start().push(TOKENS, made.every)
    some = model.start().push(TOKENS, (range(3, 6), range(320, 330)))
    np.testing.assert_array_equal(some, np.concatenate([full[3:6], full[320:330]]))
    run = model.start()
    first, second = run.push(TOKENS[:1], (range(3, 6),)), run.push(TOKENS[1:], (range(3, 6),))
    assert np.shares_memory(first, second)


def test_logits_and_runs_outlive_what_made_them(made: Made) -> None:
    run = made.load().start()
    gc.collect()
    logits = run.push(TOKENS, made.every)
    del run
    gc.collect()
    made.check(logits, TOKENS)


def test_a_full_context_is_refused_before_it_is_overrun(
    made: Made, model: LlamaCppLanguageModel
) -> None:
    run = model.start()
    run.push([1] * 300, made.every)
    with pytest.raises(EngineError, match="300 tokens in the context, got 301"):
        run.push([1], made.every)
    with pytest.raises(EngineError, match="got 0"):
        model.start().push([], made.every)
    assert model.context == 300


def test_ids_that_are_no_rows_are_refused(made: Made, model: LlamaCppLanguageModel) -> None:
    for bad in (-1, made.info.vocab_size):
        run = model.start()
        with pytest.raises(EngineError, match="token ids below"):
            run.push([1, bad], made.every)
        assert run.length == 0


@pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="resident memory is read from /proc"
)
def test_memory_stays_flat_and_is_given_back(made: Made, model: LlamaCppLanguageModel) -> None:
    def use() -> None:
        run = model.start()
        for token in TOKENS:
            run.push([token], made.every)

    for _ in range(5):
        use()
    before = resident()
    for _ in range(40):
        use()
    assert resident() - before < 8_000_000  # bytes; forty caches and buffers would be over 40 MB


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 500}, "expected 500 rows of the vocabulary"),
        ({"layers": 3}, "expected 3 layers"),
        ({"context": 4096}, "expected 4,096 positions"),
        ({"kv_heads": 4}, "expected 4 key-value heads"),
        ({"head_dim": 32}, "expected 32 numbers a head"),
    ],
)
def test_a_manifest_that_says_something_else(
    made: Made, change: dict[str, int], message: str
) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        LlamaCppLanguageModel(made.path, dataclasses.replace(made.info, **change), 1)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_what_is_no_model_is_one_line(
    made: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = made.path.read_bytes()
    header = 4 + struct.calcsize("<IQQQ")
    at = header + len("general.architecture") + struct.calcsize("<IQ")
    bad = {
        "empty": (b"", "another kind of file"),
        "other": (b"not a model at all, nor close to one", "another kind of file"),
        "version": (whole[:4] + struct.pack("<I", 9) + whole[8:], "version 3, got 9"),
        "cut header": (whole[: header + 3], "damaged"),
        "architecture": (
            whole[:at] + b"bloom" + whole[at + 5 :],
            "expected a model of qwen2",
        ),
        "no architecture": (
            whole.replace(b"general.architecture", b"general.architectury", 1),
            "expected a model of",
        ),
        "cut tokens": (whole[:3000], "damaged"),
        "twice": (whole.replace(b"<m_0_1>", b"<m_0_2>", 1), "different tokens"),
        "no layers": (
            whole.replace(b"block_count\x04\0\0\0\x02", b"block_count\x04\0\0\0\x00", 1),
            "expected 2 layers",
        ),
        "odd type": (whole.replace(b"block_count\x04", b"block_count\x40", 1), "damaged"),
        "endless": (whole[: header - 16] + b"\xff" * 8 + whole[header - 8 :], "damaged"),
        "cut weights": (whole[:-1000], "got its end at"),
        "half": (whole[: len(whole) // 2], "got its end at"),
    }
    path = tmp_path / "lm.gguf"
    for name, (data, message) in bad.items():
        path.write_bytes(data)
        with pytest.raises(EngineError, match=message) as caught:
            LlamaCppLanguageModel(path, made.info, 1)
        assert "\n" not in str(caught.value), name
    with pytest.raises(EngineError, match="cannot read"):
        LlamaCppLanguageModel(tmp_path / "nothing.gguf", made.info, 1)
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def test_finer_weights_give_nearer_logits(tmp_path: Path) -> None:
    errors = []
    for name in ("f16", "q8_0", "q5_k_m", "q3_k_m"):
        made = make(tmp_path / name, "qwen2", name)
        got, expected = made.load().start().push(TOKENS, made.every), made.expected(TOKENS)
        errors.append(float(np.abs(got - expected).mean()))
    assert errors[0] < 0.01
    assert all(fine < coarse for fine, coarse in pairwise(errors))
