"""A server writes the answer: what is asked of it, what is made of what it says, and that nothing it says is trusted."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetoken
from fake_server import FakeServer, Handler, serving, texts, tokens
from kinetoken import Said
from kinetoken.base.errors import EngineError, InputError
from kinetoken.engines.remote.servers import SERVER_KINDS
from kinetoken.engines.tokenizer import HfTokenizer
from kinetoken.generation.chat_format import prompt_ids
from kinetoken.generation.motion_stream import decode_clip
from kinetoken.sampling.foreign_grammars import (
    ANSWER_START,
    AnswerPosition,
    gbnf_grammar,
    lark_grammar,
    planned_blocks,
)
from kinetoken.sampling.grammar import MoveGrammar
from kinetoken.tokens.markup import read_strictly
from kinetoken.tokens.token_reader import TokenReader
from kinetoken.tokens.vocabulary import Vocabulary
from lark_reader import takes

FRAMES = [
    "<m_0_1><m_1_2><m_2_3><m_3_4>",
    "<m_0_5><m_1_6><m_2_7><m_3_8>",
    "<m_0_9><m_1_10><m_2_11><m_3_12>",
]
CODES = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
ANSWER = f"I wave.\n<move>{''.join(FRAMES)}</move>"
ILLEGAL = {
    "a code of another level": (
        "<m_2_0>",
        "wrote <m_2_0> where a code of level 0 or </move> had to come",
    ),
    "a code that does not exist": ("<m_0_16>", "a code that the model does not have"),
    "a level that does not exist": ("<m_9_1>", "a code that the model does not have"),
    "the start of a block": ("<move>", "wrote <move> where"),
    "words": ("oh well", "wrote words where"),
    "half a token": ("<m_0_", "wrote words where"),
    "the end of the turn": ("<|im_end|>", "wrote <|im_end|> where"),
    "the end of the block in a frame": (
        "<m_0_1></move>",
        "wrote </move> where a code of level 1 had to come",
    ),
}
TOKENS = [what for what in ILLEGAL if "not exist" not in what and what != "half a token"]
"""What is a token at all."""


@pytest.fixture(scope="session")
def tokenizer(tiny: Path) -> HfTokenizer:
    return HfTokenizer(tiny / "tokenizer.json")


@pytest.fixture(scope="session")
def words(generator: kinetoken.Generator) -> Vocabulary:
    return Vocabulary.of(generator.manifest)


def load(tiny: Path, fake: FakeServer, **asked: Any) -> kinetoken.Generator:
    return kinetoken.load(tiny, threads=1, engine=fake.url, **asked)


def run(generation: kinetoken.Generation) -> kinetoken.Clip:
    for _ in generation:
        pass
    return generation.clip()


def whole(clip: kinetoken.Clip) -> list[list[int]]:
    """The codes, once the raw answer was found to hold the same in closed blocks."""
    assert clip.codes is not None
    codes: list[list[int]] = clip.codes.tolist()
    assert [list(frame) for frame in read_strictly(clip.text, 4, 16).frames] == codes
    return codes


@pytest.mark.parametrize("kind", SERVER_KINDS)
def test_the_answer_of_every_kind_of_server_is_the_clip(
    tiny: Path, tokenizer: HfTokenizer, kind: str
) -> None:
    said = tokens(tokenizer, kind, tokenizer.encode_template(ANSWER))
    with serving(said, kind, tokenizer) as fake:
        generator = load(tiny, fake)
        assert generator.bundle.writer.engine_name == kind
        generation = generator.stream("x", seed=3)
        clip = run(generation)
    assert (clip.text, whole(clip), generation.notes) == (ANSWER, CODES, ())
    assert generation.thought == "I wave.\n"
    assert clip.meta == {"model": "tiny", "engine": kind}
    offline = decode_clip(generator.bundle.decoder, CODES)
    np.testing.assert_array_equal(clip.features, offline.features)


@given(data=st.data())
def test_text_is_read_alike_however_it_is_cut(
    tokenizer: HfTokenizer, words: Vocabulary, data: st.DataObject
) -> None:
    parts = st.sampled_from(
        [
            *FRAMES,
            "<move>",
            "</move>",
            "<m",
            "<",
            "a < b",
            "<|im_end|>",
            "é",
            "<m_0_",
            "<mo",
            "</",
            "x",
        ]
    )
    text = "".join(data.draw(st.lists(parts, max_size=8)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert _marks(words, _read(words, tokenizer, pieces)) == _marks(
        words, _read(words, tokenizer, [text])
    )


def _read(words: Vocabulary, tokenizer: HfTokenizer, pieces: list[str]) -> list[int]:
    reader = TokenReader(words, tokenizer)
    return [token for piece in pieces for token in reader.push(piece)] + reader.finish()


def _marks(words: Vocabulary, ids: list[int]) -> list[int]:
    """Everything but words, whose tokens depend on how they came."""
    return [token for token in ids if not words.is_text(token)]


def test_the_reader_keeps_every_letter(tokenizer: HfTokenizer, words: Vocabulary) -> None:
    text = "a <b> < c <m> <m_1 <move <m_0_3> </mov"
    ids = _read(words, tokenizer, list(text))
    assert tokenizer.decode(ids) == text
    assert _marks(words, ids) == [words.id_of(0, 3)]


def test_leading_zeros_are_the_same_code(tokenizer: HfTokenizer, words: Vocabulary) -> None:
    assert _read(words, tokenizer, ["<m_1_007>"]) == [words.id_of(1, 7)]


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (what, kind)
        for what in ILLEGAL
        for kind in ("openai", "vllm", "llama-server")
        if kind == "openai" or what in TOKENS
    ],
)
def test_an_illegal_token_ends_the_block_at_its_last_whole_frame(
    tiny: Path, tokenizer: HfTokenizer, what: str, kind: str
) -> None:
    odd, reason = ILLEGAL[what]
    before, after = f"I go.<move>{''.join(FRAMES[:2])}", "".join(FRAMES)
    ids = tokenizer.encode_template(before + odd + after)
    said = texts(before, odd, after) if kind == "openai" else tokens(tokenizer, kind, ids)
    with serving(said, kind, tokenizer) as fake:
        generation = load(tiny, fake).stream("x", min_block_code_frames=1)
        clip = run(generation)
    assert whole(clip) == CODES[:2]
    assert clip.text.endswith("</move>")
    assert len(clip) == 8
    (note,) = generation.notes
    assert reason in note
    assert note.endswith("the answer ends at its last whole frame")


def test_a_block_without_a_frame_is_no_block(tiny: Path) -> None:
    with serving(texts("Hm. <move><m_0_1>", "<m_0_1>")) as fake:
        generation = load(tiny, fake).stream("x")
        clip = run(generation)
    assert (clip.text, len(clip)) == ("Hm. ", 0)
    assert len(generation.notes) == 1


def test_an_illegal_token_in_prefix_mode_keeps_the_frame_before_it(tiny: Path) -> None:
    with serving(texts("<move><m_0_1><m_1_2><m_0_3>", "<m_2_1>")) as fake:
        generation = load(tiny, fake).stream("x", frames="prefix", min_block_code_frames=1)
        clip = run(generation)
    assert clip.codes is not None
    assert clip.codes.tolist() == [[1, 2, -1, -1], [3, -1, -1, -1]]
    assert clip.text == "<move><m_0_1><m_1_2><m_0_3></move>"


def test_what_is_left_no_choice_is_said_here_and_the_rest_is_asked_for(
    tiny: Path, tokenizer: HfTokenizer
) -> None:
    def reply(handler: Handler, body: dict[str, Any]) -> None:
        text = tokenizer.decode(body["prompt"])
        handler.begin()
        for piece in [*FRAMES, "</move>"] if text.endswith("<move>") else ["so "] * 40:
            handler.choice(text=piece, token_ids=tokenizer.encode_template(piece))
        handler.end()

    with serving(reply, "vllm", tokenizer) as fake:
        generation = load(tiny, fake).stream("x", max_thought=5, seconds=0.6)
        clip = run(generation)
    assert (whole(clip), generation.notes) == (CODES, ())
    assert len(fake.asked) == 2
    first, second = (tokenizer.decode(body["prompt"]) for body in fake.asked)
    assert second == first + clip.text.split("<move>")[0] + "<move>"
    assert generation.stats.text_tokens == 5
    rules = fake.asked[1]["structured_outputs"]["grammar"]
    assert rules.startswith("start: frame{3,3} close")
    assert takes(
        rules, tiny / "tokenizer.json", tokenizer.encode_template("".join(FRAMES) + "</move>")
    )


def test_motion_that_is_owed_is_asked_for(tiny: Path) -> None:
    def reply(handler: Handler, body: dict[str, Any]) -> None:
        (
            texts(*FRAMES, "</move>")
            if body["prompt"].endswith("<move>")
            else texts("I would rather not.")
        )(handler, body)

    with serving(reply) as fake:
        generation = load(tiny, fake).stream("x")
        clip = run(generation)
    assert (whole(clip), generation.notes, len(fake.asked)) == (CODES, (), 2)


def test_a_server_that_never_moves_is_given_up(tiny: Path) -> None:
    with serving(texts("No.")) as fake:
        generation = load(tiny, fake).stream("x")
        clip = run(generation)
    assert (clip.text, len(clip)) == ("No.", 0)
    assert "wrote words where a code of level 0 had to come" in generation.notes[0]
    with serving(texts("")) as fake:
        generation = load(tiny, fake).stream("x")
        assert len(run(generation)) == 0
    assert "ended before the answer was whole: it had no more to say" in generation.notes[0]


def test_a_full_context_is_told(tiny: Path) -> None:
    with serving(texts("<move>" + "".join(FRAMES[:2]) + "<m_0_1>", reason="length")) as fake:
        generation = load(tiny, fake).stream("x", seconds=2)
        clip = run(generation)
    assert whole(clip) == CODES[:2]
    assert "its context was full" in generation.notes[0]


def test_a_server_that_breaks_off_is_told(tiny: Path) -> None:
    def reply(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin()
        handler.choice(text="I go. ")
        handler.event(b"[DONE]")

    with serving(reply) as fake:
        generation = load(tiny, fake).stream("x")
        run(generation)
    assert (generation.text, len(fake.asked)) == ("I go. ", 1)
    assert "it broke off" in generation.notes[0]


def test_it_stops_when_enough_has_come(tiny: Path) -> None:
    with serving(texts("<move>", *FRAMES * 100)) as fake:
        generation = load(tiny, fake).stream("x", seconds=2)
        assert len(run(generation)) == 40
    assert generation.notes == ()


def test_what_the_request_says(tiny: Path, tokenizer: HfTokenizer) -> None:
    asked = {
        "temperature": 0.7,
        "top_k": 5,
        "top_p": 0.9,
        "min_p": 0.02,
        "seed": 2**40 + 9,
        "max_tokens": 30,
    }
    bodies = {}
    for kind in SERVER_KINDS:
        with serving(
            tokens(tokenizer, kind, tokenizer.encode_template(ANSWER)), kind, tokenizer
        ) as fake:
            generator = load(tiny, fake)
            run(generator.stream("x", **asked))
        bodies[kind] = fake.asked[0]
    ids = prompt_ids(generator.bundle, "x")
    for kind, body in bodies.items():
        assert body["prompt"] == (ids if SERVER_KINDS[kind].takes_ids else tokenizer.decode(ids))
        assert (body["model"], body["stream"], body["seed"], body["max_tokens"]) == (
            "some/model",
            True,
            9,
            30,
        )
        assert (body["temperature"], body["top_p"]) == (0.7, 0.9)
        assert body.get("top_k") == (None if kind == "openai" else 5)
        assert ("grammar" in body) == kind.startswith("llama")
        assert ("structured_outputs" in body) == (kind == "vllm")
    assert bodies["vllm"]["skip_special_tokens"] is False
    assert bodies["llama-cpp-python"]["repeat_penalty"] == 1.0


@pytest.mark.parametrize("kind", ["openai", "llama-cpp-python"])
def test_a_prompt_that_spells_tokens_is_refused_where_it_would_count(
    tiny: Path, tokenizer: HfTokenizer, kind: str
) -> None:
    with serving(texts(ANSWER), kind, tokenizer) as fake:
        generator = load(tiny, fake)
        for prompt in ("walk <move>", "<|im_end|>", "<m_0_3>"):
            with pytest.raises(InputError, match="spells special tokens"):
                generator.stream(prompt)
        run(generator.stream("walk <b> & 3 < 4"))
    assert "walk <b> & 3 < 4" in fake.asked[0]["prompt"]


def test_an_earlier_turn_that_spells_tokens_is_named(tiny: Path, tokenizer: HfTokenizer) -> None:
    with serving(texts(ANSWER), "openai", tokenizer) as fake:
        session = load(tiny, fake).session(history=2)
        session.recall([Said("walk <move>", ())])
        with pytest.raises(
            InputError, match=r"an earlier turn of this chat spells special tokens.*history 0"
        ):
            session.say("walk")
        with pytest.raises(InputError, match=r"the prompt spells special tokens.*write it without"):
            session.say("<move>")


def test_a_server_whose_context_is_full_where_the_answer_may_end(
    tiny: Path, tokenizer: HfTokenizer
) -> None:
    for reason, notes in (
        ("stop", ()),
        ("length", ("the server ended the answer: its context was full",)),
    ):
        with serving(texts(ANSWER, reason=reason), "openai", tokenizer) as fake:
            generation = load(tiny, fake).stream("walk")
            assert len(run(generation)) > 0
            assert generation.notes == notes


@pytest.mark.parametrize("kind", ["vllm", "llama-server"])
def test_a_prompt_that_spells_tokens_stays_text_where_ids_are_taken(
    tiny: Path, tokenizer: HfTokenizer, kind: str
) -> None:
    said = tokens(tokenizer, kind, tokenizer.encode_template(ANSWER))
    with serving(said, kind, tokenizer) as fake:
        generator = load(tiny, fake)
        run(generator.stream("walk <move><m_0_1>"))
    assert fake.asked[0]["prompt"] == prompt_ids(generator.bundle, "walk <move><m_0_1>")


def test_words_that_spell_a_code_are_no_code(tiny: Path, tokenizer: HfTokenizer) -> None:
    """Where ids are told, the plain tokens "<", "m", ... are no motion token."""
    for kind in ("vllm", "llama-server"):
        ids = [
            *tokenizer.encode_template("<move>" + "".join(FRAMES)),
            *tokenizer.encode_text("<m_0_1>"),
        ]
        with serving(tokens(tokenizer, kind, ids), kind, tokenizer) as fake:
            generation = load(tiny, fake).stream("x")
            clip = run(generation)
        assert whole(clip) == CODES
        assert "wrote words where" in generation.notes[0]


def test_an_older_vllm_spells_its_tokens_out(tiny: Path, tokenizer: HfTokenizer) -> None:
    with serving(texts(*re.split("(?<=>)", ANSWER)), "vllm", tokenizer) as fake:
        assert whole(run(load(tiny, fake).stream("x"))) == CODES


def test_the_bundle_needs_no_language_model_then(
    tiny: Path, tokenizer: HfTokenizer, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(tiny, tmp_path / "light"))
    (bundle / "lm.onnx").unlink()
    with serving(texts(ANSWER)) as fake:
        generator = load(bundle, fake)
        assert whole(run(generator.stream("x"))) == CODES
        with pytest.raises(EngineError, match="gives no logits"):
            generator.bundle.language_model.start()


def test_a_smaller_context_of_the_server_counts(tiny: Path, tokenizer: HfTokenizer) -> None:
    with serving(texts(ANSWER), "vllm", tokenizer) as fake:
        fake.entry = {"max_model_len": 200}
        generator = load(tiny, fake)
        assert generator.manifest.language_model.context == 200
        with pytest.raises(InputError, match="does not fit the model's context"):
            generator.stream("x", seconds=20)
        fake.entry = {"max_model_len": 1 << 20}
        assert load(tiny, fake).manifest.language_model.context == 512


@pytest.mark.parametrize("kind", ["openai", "vllm"])
def test_a_session_tells_the_server_what_was_said(
    tiny: Path, tokenizer: HfTokenizer, kind: str
) -> None:
    """Of an answer that the server spoiled, what is whole."""
    answers = [
        f"Up.<move>{FRAMES[0]}<m_0_1><m_0_2>",
        f"Down.<move>{''.join(FRAMES)}</move>",
        ANSWER,
    ]

    def reply(handler: Handler, body: dict[str, Any]) -> None:
        said = tokenizer.encode_template(answers[len(handler.fake.asked) - 1])
        tokens(tokenizer, kind, said)(handler, body)

    with serving(reply, kind, tokenizer) as fake:
        session = load(tiny, fake).session(history=5)
        session.prepare()
        first = session.say("raise an arm", min_block_code_frames=1)
        run(first)
        run(session.say("and down"))
        run(session.say("again"))
    assert "wrote <m_0_2> where a code of level 1" in first.notes[0]
    prompts = [
        p if isinstance(p, str) else tokenizer.decode(p)
        for p in (body["prompt"] for body in fake.asked)
    ]
    kept = f"Up.<move>{FRAMES[0]}</move>"
    assert "raise an arm" in prompts[1]
    assert kept in prompts[1]
    assert kept in prompts[2]
    assert answers[1] in prompts[2]
    assert prompts[2].index("and down") < prompts[2].index(answers[1]) < prompts[2].index("again")
    last = session.history[-1]
    assert tokenizer.decode(last.answer).startswith("I wave.")


# The rules in other languages.


def grammar(words: Vocabulary, **asked: Any) -> MoveGrammar:
    usual = {"levels": 4, "min_frames": 1, "max_frames": 50, "max_thought": 12, "max_tokens": 400}
    return MoveGrammar(words, **{**usual, **asked})


@given(data=st.data())
def test_the_planned_blocks_fulfil_what_is_asked(words: Vocabulary, data: st.DataObject) -> None:
    draw, number = data.draw, st.integers
    low, high = sorted(draw(st.tuples(number(0, 30), number(1, 30))))
    rules = grammar(
        words, min_frames=low, max_frames=max(1, high), min_block=draw(number(1, 6)), max_block=draw(st.none() | number(1, 12)),
        min_blocks=draw(number(0, 4)), max_blocks=draw(st.none() | number(1, 6)),
    )  # fmt: skip
    if rules.tokens_owed(0, 0) > rules.max_tokens or rules.min_block > rules.longest_block:
        return
    bounds, more = planned_blocks(rules)
    assert all(rules.min_block <= a <= b <= rules.longest_block for a, b in bounds)
    assert rules.min_blocks <= len(bounds) <= rules.most_blocks
    assert sum(a for a, _ in bounds) >= rules.min_frames
    if not more:
        assert sum(b for _, b in bounds) <= rules.max_frames


def test_behind_a_block_that_is_long_enough_others_may_follow(words: Vocabulary) -> None:
    usual = grammar(words, min_frames=6, max_frames=150, min_block=2, max_block=40)
    assert planned_blocks(usual) == ([(6, 40)], True)
    assert planned_blocks(replace(usual, max_block=None)) == ([(6, 150)], False)
    assert planned_blocks(replace(usual, min_frames=20, max_frames=20)) == ([(20, 20)], False)


def test_the_rules_in_larks_form_are_the_grammar(
    tiny: Path, words: Vocabulary, tokenizer: HfTokenizer
) -> None:
    def fits(text: str, place: AnswerPosition = ANSWER_START, **asked: Any) -> bool:
        rules, ids = lark_grammar(grammar(words, **asked), place), tokenizer.encode_template(text)
        return takes(rules, tiny / "tokenizer.json", ids)

    block = "<move>" + FRAMES[0] * 3 + "</move>"
    good = [block, "so: " + block, f"a {block} b {block} c", f"a < b {block}"]
    bad = [
        "",
        "words",
        f"{block}<move>",
        "<move></move>",
        "<move>" + FRAMES[0] + "</move>",
        block.replace("_3_", "_2_"),
        block.replace("<m_3_4>", "<m_3_"),
        "a < b",
    ]
    assert all(fits(text, min_block=3) for text in good)
    assert not any(fits(text, min_block=3) for text in bad)
    assert fits(block, max_thought=0)
    assert not fits("a" + block, max_thought=0)
    assert fits("<move><m_0_1><m_0_2><m_1_3></move>", prefix=True)
    assert fits("only words", min_frames=0)
    assert fits(FRAMES[0] + "</move>", AnswerPosition(0, 1, True))
    for count in (8, 9, 10):
        text = "<move>" + FRAMES[0] * count + "</move>"
        assert fits(text, min_frames=9, max_frames=9) == (count == 9)


def test_the_rules_for_llama_cpp(words: Vocabulary) -> None:
    rules = dict(
        line.split(" ::= ") for line in gbnf_grammar(grammar(words, min_block=3)).splitlines()
    )
    assert rules["root"] == "text open frame{3,50} close text (open frame{3,50} close text)*"
    assert rules["frame"] == "c0 c1 c2 c3"
    assert rules["c1"].split(" | ") == [f"<[{i}]>" for i in words.levels[1]]
    assert rules["open"] == f"<[{words.move_start}]>"
    quick = gbnf_grammar(grammar(words, prefix=True, levels=2), ANSWER_START, exact=False)
    assert f"c1 ::= !<[{words.move_end}]>" in quick
    assert "frame ::= c0 (c1)?" in quick
