"""Requests drawn to learn from, the thoughts about them, and chats."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kinetoken_export.demo.words.action_names import COUNTED_ALOUD, STEPPED
from kinetoken_export.demo.words.chats import Chats
from kinetoken_export.demo.words.gibberish import Gibberish
from kinetoken_export.demo.words.requests import Exclusion, Part, Request, read_captions
from kinetoken_export.demo.words.rewording import Rewording
from kinetoken_export.demo.words.spelling import (
    conjugated,
    language,
    normalized,
    number_words,
    says_how_often,
    times_words,
)
from kinetoken_export.demo.words.thought_lines import LINES, OFFERS, SIDE_PHRASES, UNKNOWN_LINES
from kinetoken_export.demo.words.thoughts import (
    Thoughts,
    counted_aloud,
    fulfils,
    meant,
    only_counts,
    plan,
    planned,
)
from kinetoken_export.demo.words.wordings import Mixture, Wordings

CAPTIONS = read_captions(Path(__file__).parents[4] / "export" / "captions")
NONE = dict.fromkeys(Mixture.__dataclass_fields__, 0.0)


def wordings(seed: int, exclusion: Exclusion | None = None, **shares: float) -> Wordings:
    mixture = Mixture(**(NONE | shares)) if shares else None
    return Wordings(CAPTIONS, seed, exclusion or Exclusion([]), mixture)


def draws(source: Wordings, count: int) -> list[Request]:
    return [source.draw() for _ in range(count)]


def test_what_is_drawn_is_varied_and_filled_in() -> None:
    drawn = draws(wordings(2), 600)
    assert not any(re.search(r"\{\w+\}|~", r.text) for r in drawn)
    known = [r for r in drawn if not r.unknown]
    assert not any(mark in r.text for r in known for mark in "{}~")
    assert len({r.text for r in drawn}) > 0.95 * len(drawn)
    assert {bool(r.unknown) for r in drawn} == {True, False}
    assert {len(r.parts) for r in drawn} >= {0, 1, 2, 3}


def test_nonsense_means_nothing_known() -> None:
    gibberish = Gibberish(np.random.default_rng(0))
    drawn = {gibberish.draw() for _ in range(300)}
    assert len(drawn) > 280
    assert all(text.strip() == text != "" for text in drawn)
    said = {normalized(r.text) for mine in CAPTIONS.single.values() for r in mine}
    assert not said & {normalized(text) for text in drawn if normalized(text)}


def test_what_the_exams_ask_is_drawn_again() -> None:
    first = wordings(3).draw().text
    other = wordings(3, Exclusion([first])).draw()
    assert normalized(other.text) != normalized(first)


def test_lengths_counts_and_speeds_are_said_in_words_and_meaning() -> None:
    drawn = draws(wordings(4, seconds=1.0), 100)
    assert all(r.parts[0].seconds for r in drawn)
    assert sum(str(r.parts[0].seconds) in r.text for r in drawn) > 50
    source = wordings(4)
    lasting = [source.lasting() for _ in range(100)]
    assert len({r.parts[0].seconds for r in lasting}) > 5
    assert all(r.parts[0].seconds and not r.parts[0].count for r in lasting)
    assert sum(
        str(r.parts[0].seconds) in r.text or number_words(r.parts[0].seconds) in r.text.lower()
        for r in lasting
    ) > 0.8 * len(lasting)  # others have a typo there
    counted = draws(wordings(5, count=1.0), 100)
    assert sum(r.parts[0].count > 0 for r in counted) > 90
    assert {r.parts[0].speed for r in draws(wordings(6, speed=1.0), 50)} == {"slow", "fast"}


def test_what_is_denied_is_not_done() -> None:
    drawn = draws(wordings(7, negation=1.0), 50)
    assert all(len(r.parts) == 1 and not r.unknown for r in drawn)


@pytest.mark.parametrize(("kind", "count"), [("pair", 2), ("triple", 3)])
def test_parts_in_turn_are_told_in_many_ways(kind: str, count: int) -> None:
    drawn = draws(wordings(9, **{kind: 1.0}), 400)
    assert all(len(r.parts) == count for r in drawn)
    assert all(a.action != b.action for r in drawn for a, b in pairwise(r.parts))
    texts = [r.text.lower() for r in drawn]
    assert not any(re.search(r"[{}#~]", text) for text in texts)
    told = sum(bool(re.search(r"\b(?:he|she|it|a person|someone|the man)\b", t)) for t in texts)
    assert told > 60
    assert sum(language(text) != "en" for text in texts) > 15
    assert sum(any(part.count for part in r.parts) for r in drawn) > 20


def test_the_same_seed_draws_the_same() -> None:
    assert draws(wordings(8), 30) == draws(wordings(8), 30)


def test_frames_and_subjects_keep_the_sense() -> None:
    rewording = Rewording([r.text for r in CAPTIONS.all()], np.random.default_rng(0))
    framed = {rewording.framed("clap your hands") for _ in range(400)}
    assert "please clap your hands" in framed
    assert any(" claps " in text for text in framed)
    spanish = "camina hacia adelante"
    assert {rewording.framed(spanish) for _ in range(50)} == {spanish}
    assert {rewording.framed("a person bows")[-5:] for _ in range(50)} == {" bows"}
    assert rewording.third_clause("a person claps loudly") == "claps loudly"
    assert rewording.third_clause("a person is clapping") == ""


@pytest.mark.parametrize(
    ("phrase", "third", "ing"),
    [
        ("~run to your left", "runs to their left", "running to your left"),
        ("~do push-ups", "does push-ups", "doing push-ups"),
        ("~carry a box", "carries a box", "carrying a box"),
        ("~lie down", "lies down", "lying down"),
        ("~push", "pushes", "pushing"),
    ],
)
def test_verbs_are_conjugated(phrase: str, third: str, ing: str) -> None:
    assert conjugated(phrase, "third") == third
    assert conjugated(phrase, "ing") == ing


def test_languages_and_numbers() -> None:
    texts = {
        "en": "walk to the left", "es": "camina hacia la izquierda", "de": "geh nach links",
        "fr": "marche vers la gauche", "zh": "向左走", "ja": "左へ歩いて",
    }  # fmt: skip
    assert {name: language(text) for name, text in texts.items()} == {n: n for n in texts}
    assert [times_words(n) for n in (1, 2, 3)] == ["once", "twice", "three times"]
    said = ["twelve", "twenty", "thirty-five", "100"]
    assert [number_words(n) for n in (12, 20, 35, 100)] == said


def test_a_thought_names_one_action_alone() -> None:
    every = [line for lines in LINES.values() for line in lines]
    assert len(every) == len(set(every))
    for action, lines in LINES.items():
        assert len(lines) >= 4
        for line in lines:
            assert meant(f"{line} twice.") == action
            assert 3 <= len(line.split()) <= 12


def test_a_thought_says_what_was_asked() -> None:
    thoughts = Thoughts(np.random.default_rng(0))
    part = Part("throw", "left", 2, "fast", "angry")
    assert thoughts.line(part) == "I throw something with my left hand angrily quickly twice."
    assert thoughts.line(Part("dance", seconds=8)).endswith(" for eight seconds.")
    assert meant(thoughts.line(Part("bow"), turn=1)) == "bow"
    assert thoughts.closed(Part("kick", "left")).action == "kick_left"
    assert thoughts.closed(Part("wave", "both")).action == "wave_both"
    assert fulfils("jump_up", "jump")
    assert not fulfils("jump_up", "kick")


def test_of_a_gait_steps_are_counted() -> None:
    thoughts = Thoughts(np.random.default_rng(0))
    assert thoughts.line(Part("walk_forward", count=4)).endswith(" four steps.")
    assert thoughts.line(Part("tiptoe", count=1)).endswith(" one step.")
    assert thoughts.line(Part("bow", count=4)).startswith("I bow from the waist four times")


def test_a_gait_is_asked_for_in_steps() -> None:
    source = wordings(6)
    drawn = [source.counting() for _ in range(300)]
    stepped = [r for r in drawn if r.parts[0].action in STEPPED]
    assert len(stepped) > 80
    assert all(r.parts[0].count >= 2 for r in stepped)
    said = [bool(re.search("step|pace|stride", r.text.lower())) for r in stepped]
    assert sum(said) > 0.8 * len(said)  # others have a typo there


@pytest.mark.parametrize(
    ("text", "says"),
    [("jumps", False), ("claps several times", True), ("hops for six seconds", True),
     ("nods 3 x", True), ("keeps boxing", True), ("walks a timeless walk", False)],
)  # fmt: skip
def test_a_count_is_not_said_twice(text: str, says: bool) -> None:
    assert says_how_often(text) == says


def test_several_parts_are_planned_before_the_first() -> None:
    parts = [Part("climb_ladder"), Part("squat", count=3), Part("throw", "left")]
    said = plan(parts)
    assert said == (
        "First I climb a ladder, hand over hand, then I squat down and rise again three times, "
        "then I throw something with my left hand."
    )
    assert planned(said) == ("climb_ladder", "squat", "throw")
    assert meant(said) == "climb_ladder"
    assert planned("I squat down and rise again.") == ("squat",)
    for action in LINES:
        assert planned(plan([Part(action), Part("bow"), Part(action)])) == (action, "bow", action)


def test_repetitions_are_counted_aloud() -> None:
    line = "I bow from the waist three times."
    assert counted_aloud(line, Part("bow", count=3)) == [f"{line} Three.", "Two.", "One."]
    assert counted_aloud(line, Part("bow", count=1)) == [line]
    assert counted_aloud("I walk.", Part("walk_forward", count=2)) == ["I walk. Two.", "One."]
    assert counted_aloud("I run.", Part("run", count=3)) == ["I run."]
    assert counted_aloud("I do push-ups.", Part("pushups", count=100)) == ["I do push-ups."]
    assert all(
        only_counts(f"\n{said}\n") for said in counted_aloud(line, Part("bow", count=20))[1:]
    )
    assert not only_counts(f"{line} Three.")
    assert not only_counts("")
    assert set(COUNTED_ALOUD) <= set(LINES)


def test_what_cannot_be_done_is_said_with_two_offers() -> None:
    thoughts = Thoughts(np.random.default_rng(0))
    for kind in UNKNOWN_LINES:
        said = thoughts.unknown(kind)
        assert meant(said) == "unknown"
        assert any(f"I can {offer}." in said for offer in OFFERS)
    assert all(" or " in offer for offer in OFFERS)
    assert set(SIDE_PHRASES) <= set(LINES)


def test_chats_go_on_from_what_was_done() -> None:
    source = wordings(9)
    chats = Chats(source, Thoughts(source.random))
    drawn = [chats.draw(6) for _ in range(60)]
    assert all(len(chat) == 6 for chat in drawn)
    followed = [
        (before.parts, after.parts)
        for chat in drawn
        for before, after in pairwise(chat)
        if normalized(after.text) in ("again", "once more", "repeat", "one more time")
    ]
    assert followed
    assert all(before == after for before, after in followed)
    assert all(p.action in LINES for chat in drawn for r in chat for p in r.parts)
