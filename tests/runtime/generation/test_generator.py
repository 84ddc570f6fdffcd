"""A prompt becomes a motion: the promises of the whole, through the real engines and against adversaries."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetoken import Clip, Generator, InputError, MotionChunk, TextChunk
from kinetoken.engines.scripted import ScriptedLanguageModel
from kinetoken.generation.bundle import Bundle
from kinetoken.generation.chat_format import prompt_ids
from kinetoken.generation.motion_stream import decode_clip
from kinetoken.generation.options import GenerateOptions
from kinetoken.generation.request_grammar import request_grammar
from kinetoken.sampling.grammar import MoveGrammar
from kinetoken.tokens.markup import read_strictly


def with_model(generator: Generator, model: ScriptedLanguageModel) -> Generator:
    return Generator(dataclasses.replace(generator.bundle, language_model=model))


def writing(generator: Generator, answer: Sequence[int], prompt: str = "x") -> Generator:
    """A generator whose model wants to write exactly this."""
    size = generator.manifest.language_model.vocab_size
    length = len(prompt_ids(generator.bundle, prompt))
    return with_model(generator, ScriptedLanguageModel.writing(answer, size, length))


def spelled(bundle: Bundle, text: str) -> list[int]:
    return bundle.tokenizer.encode_template(text)


def with_defaults(generator: Generator, **defaults: Any) -> Generator:
    """A generator whose bundle has these defaults."""
    manifest = generator.manifest
    changed = dataclasses.replace(manifest.defaults, **defaults)
    return Generator(
        dataclasses.replace(
            generator.bundle, manifest=dataclasses.replace(manifest, defaults=changed)
        )
    )


def grammar_of(generator: Generator, options: dict[str, Any]) -> MoveGrammar:
    """The grammar of an answer to a prompt of 20 tokens."""
    bundle = generator.bundle
    return request_grammar(GenerateOptions(**options), bundle.manifest, bundle.vocabulary, 20)


def test_same_seed_same_clip_other_seed_other_clip(generator: Generator) -> None:
    first, again, other = (generator.generate("walk", seed=seed, seconds=2) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.joints, again.joints)
    assert first.text == again.text
    assert not np.array_equal(first.codes, other.codes)


def test_a_seed_that_was_drawn_is_reported_and_repeats_the_clip(generator: Generator) -> None:
    clip = generator.generate("walk", seconds=1)
    assert clip.seed is not None
    np.testing.assert_array_equal(
        generator.generate("walk", seconds=1, seed=clip.seed).joints, clip.joints
    )


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize(
    ("asked", "frames"), [(0.2, 4), (1, 20), (1.29, 24), (1.31, 28), (4.0, 80), (9.8, 196)]
)
def test_exact_seconds(generator: Generator, levels: int, asked: float, frames: int) -> None:
    clip = generator.generate("walk", seconds=asked, seed=1, levels=levels)
    assert len(clip) == frames
    assert clip.codes is not None
    assert (clip.codes[:, :levels] >= 0).all()
    assert (clip.codes[:, levels:] == -1).all()


def test_minimum_and_maximum_seconds(generator: Generator) -> None:
    for seed in range(12):
        clip = generator.generate("walk", min_seconds=1, max_seconds=1.7, seed=seed)
        assert 1.0 <= clip.seconds <= 1.7


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({}, 10),
        ({"max_seconds": 1.0}, 5),
        ({"seconds": 0.6}, 3),
        ({"min_seconds": 0.4}, 2),
        ({"max_blocks": 1, "max_block_seconds": 0.8}, 4),
        ({"max_tokens": 13, "max_thought": 1}, 2),
        ({"text_only": True}, 0),
    ],
)
def test_a_bundle_says_how_short_a_motion_is_and_options_say_otherwise(
    generator: Generator, options: dict[str, Any], least: int
) -> None:
    longer = with_defaults(generator, min_seconds=2.0, min_frames=2)
    assert grammar_of(longer, options).min_frames == least
    assert longer.generate("walk", seed=1, **options).seconds >= least / 5


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({}, 5),
        ({"max_seconds": 0.6}, 3),
        ({"max_block_seconds": 2}, 10),
        ({"max_block_code_frames": 7}, 7),
        ({"block_seconds": 1.6}, 8),
        ({"min_block_seconds": 0.6}, 5),
        ({"min_block_seconds": 1.4}, None),
        ({"max_blocks": 1}, 5),
        ({"min_blocks": 2}, 5),
        ({"seconds": 4}, None),
        ({"code_frames": 12}, None),
        ({"min_seconds": 2}, 5),
        ({"min_seconds": 2, "max_blocks": 1}, None),
        ({"text_only": True}, 5),
    ],
)
def test_a_bundle_says_how_long_a_block_is_and_options_say_otherwise(
    generator: Generator, options: dict[str, Any], most: int | None
) -> None:
    limited = with_defaults(generator, max_block_seconds=1.0, min_frames=2)
    assert grammar_of(limited, options).max_block == most


def test_a_block_that_would_never_end_ends(generator: Generator) -> None:
    limited = with_defaults(generator, max_block_seconds=1.0)
    frame = "<m_0_1><m_1_1><m_2_1><m_3_1>"
    answer = spelled(limited.bundle, "<move>" + frame * 40 + "</move>")
    clip = writing(limited, answer).generate("x", temperature=0, max_blocks=1)
    assert clip.text.count("<m_0_") == 5


def test_streamed_equals_offline(generator: Generator) -> None:
    stream = generator.stream("walk", seed=3, seconds=3)
    chunks = list(stream)
    whole = Clip.from_chunks(chunks)
    assert whole.codes is not None
    offline = decode_clip(generator.bundle.decoder, whole.codes.tolist())
    np.testing.assert_allclose(whole.joints, offline.joints, atol=1e-6)
    assert whole.features is not None
    assert offline.features is not None
    np.testing.assert_allclose(whole.features, offline.features, atol=1e-5)
    np.testing.assert_array_equal(stream.clip().joints, whole.joints)
    assert (
        len([c for c in chunks if isinstance(c, MotionChunk)]) == 15
    )  # one per latent frame: no waiting for more


def test_the_raw_answer_decodes_to_the_same_clip(generator: Generator) -> None:
    for levels in (1, 4):
        clip = generator.generate("walk", seed=4, seconds=2, levels=levels)
        reading = read_strictly(clip.text, 4, 16, levels)
        np.testing.assert_array_equal(np.array(reading.frames), clip.codes)


def test_all_blocks_of_one_answer_are_one_motion(generator: Generator) -> None:
    parts = generator.bundle
    frames = [
        "<m_0_1><m_1_2><m_2_3><m_3_4>",
        "<m_0_5><m_1_6><m_2_7><m_3_8>",
        "<m_0_9><m_1_1><m_2_1><m_3_1>",
    ]
    block = f"<move>{''.join(frames)}</move>"
    two = f"I{block}you{block}<|im_end|>"
    one = f"I<move>{''.join(frames * 2)}</move><|im_end|>"
    split = writing(generator, spelled(parts, two)).generate("x", temperature=0)
    joined = writing(generator, spelled(parts, one)).generate("x", temperature=0)
    assert split.text == two.removesuffix("<|im_end|>")
    assert len(split) == 24
    np.testing.assert_array_equal(split.joints, joined.joints)


def test_text_comes_as_it_is_thought_and_in_its_place(generator: Generator) -> None:
    frame = "<m_0_1><m_1_2><m_2_3><m_3_4>"
    answer = f"I bow<move>{frame * 3}</move>and rise<move>{frame * 3}</move>done<|im_end|>"
    stream = writing(generator, spelled(generator.bundle, answer)).stream("x", temperature=0)
    order = ["m" if isinstance(chunk, MotionChunk) else chunk.text for chunk in stream]
    assert "".join(order) == "I bowmmand risemmmdonem"
    assert stream.thought == "I bowand risedone"
    assert stream.text == answer.removesuffix("<|im_end|>")
    assert stream.stats.motion_tokens == 4 + 24
    assert stream.stats.text_tokens == len(spelled(generator.bundle, "I bow")) + len(
        spelled(generator.bundle, "and rise")
    ) + len(spelled(generator.bundle, "done"))


def test_half_a_character_is_shown_before_the_motion_that_follows_it(generator: Generator) -> None:
    half = generator.bundle.tokenizer.encode_text("\u00e9")[:1]
    rest = spelled(generator.bundle, f"<move>{'<m_0_1><m_1_2><m_2_3><m_3_4>' * 3}</move><|im_end|>")
    stream = writing(generator, [*half, *rest]).stream("x", temperature=0)
    assert stream.clip().text == ""
    list(stream)
    assert stream.text.startswith("\ufffd<move>")


NUMBERS = st.none() | st.integers(1, 6)
REQUESTS = st.fixed_dictionaries(
    {"levels": st.integers(1, 4), "temperature": st.sampled_from([0.0, 0.5, 100.0]), "max_thought": st.integers(0, 20)},
    optional={
        "code_frames": NUMBERS, "min_code_frames": NUMBERS, "max_code_frames": NUMBERS, "seconds": st.floats(0.1, 2.0),
        "block_code_frames": NUMBERS, "min_block_code_frames": NUMBERS, "max_block_code_frames": NUMBERS,
        "min_blocks": NUMBERS, "max_blocks": NUMBERS, "max_tokens": st.integers(1, 120), "max_pause": st.integers(0, 5),
        "frames": st.sampled_from(["whole", "prefix"]), "thought": st.sampled_from(["full", "brief", "none"]),
        "text_only": st.booleans(), "top_k": NUMBERS, "top_p": st.floats(0.01, 1.0), "min_p": st.floats(0.01, 1.0),
    },
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    noise=st.integers(0, 2**32 - 1), poison=st.sampled_from([None, np.nan, np.inf, -np.inf]), asked=REQUESTS,
)  # fmt: skip
def test_any_model_and_any_request_give_a_whole_motion(
    generator: Generator, noise: int, poison: float | None, asked: dict[str, Any]
) -> None:
    """An adversary: logits are noise, with as many entries poisoned as luck has it."""
    size, levels = generator.manifest.language_model.vocab_size, asked["levels"]

    def score(history: Sequence[int]) -> np.ndarray:
        rng = np.random.default_rng((noise, len(history)))
        logits = rng.normal(0, 100, size).astype(np.float32)
        if poison is not None:
            logits[rng.random(size) < rng.random()] = poison
        return logits

    try:
        stream = with_model(generator, ScriptedLanguageModel(score)).stream("x", seed=1, **asked)
    except InputError:  # it contradicts itself: refused before anything ran
        return
    for _ in stream:
        pass
    clip, stats = stream.clip(), stream.stats
    assert stats.motion_tokens + stats.text_tokens <= asked.get("max_tokens", 10**6)
    if clip.codes is None:  # words alone
        assert asked["text_only"]
        assert len(clip) == 0
        return
    frames = len(clip.codes)
    assert len(clip) == 4 * frames > 0
    exact = asked.get("code_frames") or (
        "seconds" in asked and max(1, int(asked["seconds"] / 0.2 + 0.5))
    )
    assert not exact or frames == exact
    assert frames <= (asked.get("max_code_frames") or 10**6)
    assert frames >= (asked.get("min_code_frames") or 1)
    assert (clip.codes[:, 0] >= 0).all()
    assert (clip.codes[:, levels:] == -1).all()
    assert asked.get("frames") == "prefix" or (clip.codes[:, :levels] >= 0).all()
    assert np.isfinite(clip.joints).all()
    if (
        "<m" not in stream.thought and "move>" not in stream.thought
    ):  # text may spell what looks like a token
        blocks = clip.text.count("<move>")
        assert blocks == clip.text.count("</move>")
        assert (asked.get("min_blocks") or 0) <= blocks <= (asked.get("max_blocks") or 10**6)


def test_a_model_that_never_stops_thinking_is_made_to_move(generator: Generator) -> None:
    size = generator.manifest.language_model.vocab_size
    babble = np.zeros(size, np.float32)
    babble[65] = 1e9
    stream = with_model(generator, ScriptedLanguageModel(lambda history: babble)).stream(
        "x", seconds=1
    )
    clip = Clip.from_chunks(stream)
    assert len(clip) == 20
    assert stream.stats.text_tokens == generator.manifest.defaults.max_thought


def test_two_answers_at_once_do_not_mix(generator: Generator) -> None:
    alone = generator.generate("walk", seed=5, seconds=1)
    one, two = (
        generator.stream("walk", seed=5, seconds=1),
        generator.stream("jump", seed=6, seconds=2),
    )
    for _ in zip(one, two, strict=False):
        pass
    for _ in one:
        pass
    np.testing.assert_array_equal(one.clip().joints, alone.joints)


def test_answers_in_threads_do_not_mix(generator: Generator) -> None:
    def answer(seed: int) -> np.ndarray:
        return generator.generate("walk", seed=seed, seconds=2).joints

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(answer, range(8)))
    for seed, joints in enumerate(together):
        np.testing.assert_array_equal(joints, answer(seed))


def test_what_came_before_it_was_closed_is_kept(generator: Generator) -> None:
    stream = generator.stream("walk", seed=5, seconds=4)
    while stream.stats.frames < 12:
        next(stream)
    stream.close()
    assert list(stream) == []
    np.testing.assert_array_equal(
        stream.clip().joints, generator.generate("walk", seed=5, seconds=4).joints[:12]
    )


def test_stats_add_up(generator: Generator) -> None:
    stream = generator.stream("walk", seed=5, seconds=1, levels=2)
    assert stream.stats.frames == 0
    assert stream.stats.rtf == 0
    assert stream.stats.time_to_first_pose is None
    chunks = list(stream)
    stats = stream.stats
    assert stats.frames == 20
    assert stats.seconds_of_motion == pytest.approx(1.0)
    assert stats.motion_tokens == 2 + 2 * 5
    assert stats.text_tokens <= 12
    assert stats.elapsed > 0
    assert stats.rtf == pytest.approx(1.0 / stats.elapsed)
    assert stats.tokens_per_second == pytest.approx((stats.text_tokens + 12) / stats.elapsed)
    assert stats.time_to_first_pose is not None
    assert 0 < stats.time_to_first_pose < stats.elapsed
    assert "".join(c.text for c in chunks if isinstance(c, TextChunk)) == stream.thought


def test_the_clip_says_where_it_comes_from(generator: Generator) -> None:
    clip = generator.generate("walk", seed=5, seconds=1)
    assert (clip.prompt, clip.seed, clip.fps, clip.meta["model"]) == ("walk", 5, 20.0, "tiny")


BAD: list[tuple[dict[str, object], str]] = [
    ({"seconds": 0}, "seconds: expected a number of seconds above 0, got 0"),
    ({"seconds": -1}, "got -1"),
    ({"seconds": float("nan")}, "got nan"),
    ({"seconds": "4"}, "got '4'"),
    ({"seconds": 10_000}, r"seconds 10000 does not fit .* at most \d+"),
    ({"seconds": 1e308}, "does not fit"),
    ({"min_seconds": 10_000}, "min_seconds 10000 does not fit"),
    ({"max_seconds": 10_000}, "max_seconds 10000 does not fit"),
    ({"seconds": 0.05}, r"at least 0\.2"),
    ({"max_seconds": 0.1}, r"at least 0\.2"),
    ({"seconds": 2, "min_seconds": 1}, "exact"),
    ({"min_seconds": 3, "max_seconds": 2}, "above"),
    ({"min_seconds": 1.05, "max_seconds": 1.15}, "none lies between"),
    ({"levels": 0}, "1 or more"),
    ({"levels": 5}, "expected 1 to 4, got 5"),
    ({"temperature": -0.1}, "0 .greedy. to 100"),
    ({"temperature": float("inf")}, "got inf"),
    ({"top_k": 0}, "top_k"),
    ({"top_k": 2.5}, "got 2.5"),
    ({"top_p": 0}, "top_p"),
    ({"top_p": 1.01}, "top_p"),
    ({"min_p": 2}, "min_p"),
    ({"seed": -1}, "seed"),
    ({"seed": 2**63}, "seed"),
    ({"seed": True}, "seed"),
    ({"max_tokens": 5}, "give at least 6"),
    ({"max_thought": -1}, "max_thought"),
    ({"speed": 3}, "unknown option 'speed'; known are seconds"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_options_that_cannot_be_met_are_refused_before_anything_runs(
    generator: Generator, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        generator.stream("walk", **options)


@pytest.mark.parametrize("longest", [60.0, 3600.0])  # an hour takes long: not in .ci/quick
def test_the_largest_that_fits_does_fit(
    generator: Generator, monkeypatch: pytest.MonkeyPatch, longest: float
) -> None:
    monkeypatch.setattr("kinetoken.generation.request_grammar._LONGEST", longest)
    with pytest.raises(InputError) as caught:
        generator.stream("walk", seconds=10_000)
    most = float(str(caught.value).split()[-1])
    assert generator.generate("walk", seconds=most, seed=0, temperature=0).seconds == pytest.approx(
        most
    )
    with pytest.raises(InputError):
        generator.stream("walk", seconds=most + 0.2)


def test_numbers_of_numpy_are_numbers(generator: Generator) -> None:
    clip = generator.generate("walk", seconds=np.float32(1.0), seed=np.int64(3), levels=np.int8(1))
    assert len(clip) == 20


@pytest.mark.parametrize("prompt", ["", " \n\t"])
def test_an_empty_prompt(generator: Generator, prompt: str) -> None:
    with pytest.raises(InputError, match="empty"):
        generator.stream(prompt)


def test_a_prompt_that_fills_the_context(generator: Generator) -> None:
    with pytest.raises(InputError, match="write a shorter one"):
        generator.stream("walk " * 600)
