from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

import fake_generators
from kinetoken.generation.options import GenerateOptions
from kinetoken_viewer.generator.feed import MESSAGES_PER_POLL, ORDERS_UNHEARD, Feed
from kinetoken_viewer.generator.messages import (
    AnswerEnded,
    AnswerStarted,
    GeneratorFailed,
    GeneratorJob,
    Message,
    ModelReady,
    MotionArrived,
    ThoughtArrived,
)
from synthetic_motion import walking

JOB = GeneratorJob("a person walks", GenerateOptions())
HANGS_THEN_TALKS = fake_generators.one_after_another(fake_generators.hangs, fake_generators.talks)


@pytest.fixture
def open_feed() -> Iterator[object]:
    feeds: list[Feed] = []

    def start(server: object, job: GeneratorJob = JOB) -> Feed:
        feeds.append(Feed(job, server))  # type: ignore[arg-type]
        return feeds[-1]

    yield start
    for feed in feeds:
        feed.close()


def read(feed: Feed, last: type[Message] = AnswerEnded, seconds: float = 20.0) -> list[Message]:
    """Everything up to the first message of a kind, or to the last there is."""
    out: list[Message] = []
    end = time.monotonic() + seconds
    while not feed.over and not any(isinstance(m, last) for m in out) and time.monotonic() < end:
        out += feed.poll(limit=1, wait=0.1)
    return out


def test_messages_arrive_whole_and_in_order(open_feed) -> None:
    messages = read(open_feed(fake_generators.good))
    assert messages[0] == AnswerStarted(5, 20.0)
    assert "".join(m.text for m in messages if isinstance(m, ThoughtArrived)) == "I walk ahead."
    joints = np.concatenate([m.chunk.joints for m in messages if isinstance(m, MotionArrived)])
    np.testing.assert_array_equal(joints, walking(fake_generators.FRAMES))
    assert isinstance(messages[-1], AnswerEnded)


def test_a_killed_generator_is_reported_after_what_it_made(open_feed) -> None:
    messages = read(open_feed(fake_generators.killed))
    assert [type(m) for m in messages] == [AnswerStarted, MotionArrived, GeneratorFailed]
    assert "killed by signal 9" in messages[-1].reason
    assert "\n" not in messages[-1].reason


def test_a_generator_that_leaves_is_reported(open_feed) -> None:
    messages = read(open_feed(fake_generators.leaves), GeneratorFailed)
    assert isinstance(messages[-1], GeneratorFailed)
    assert "exit code 0" in messages[-1].reason


def test_an_error_of_the_tree_keeps_its_words_and_exit_code(open_feed) -> None:
    assert read(open_feed(fake_generators.refuses)) == [
        GeneratorFailed("the bundle is not whole", 3)
    ]


def test_a_silent_generator_never_blocks_the_viewer(open_feed) -> None:
    feed = open_feed(fake_generators.silent)
    begin = time.monotonic()
    assert [feed.poll() for _ in range(100)] == [[]] * 100
    assert time.monotonic() - begin < 0.5
    begin = time.monotonic()
    feed.close()
    assert time.monotonic() - begin < 3.0
    assert feed.over


def test_a_flooding_generator_gets_a_bounded_share_and_is_held_back(open_feed) -> None:
    feed = open_feed(fake_generators.flood)
    assert isinstance(feed.poll(limit=1, wait=20.0)[0], AnswerStarted)
    time.sleep(0.2)
    assert len(feed.poll()) <= MESSAGES_PER_POLL
    feed.close()


def test_the_real_server_streams_a_real_bundle(open_feed, tiny_bundle) -> None:
    job = GeneratorJob(
        "a person walks", GenerateOptions(seed=1, seconds=1.0, max_thought=4), str(tiny_bundle)
    )
    messages = read(open_feed(fake_generators.real, job))
    assert messages[:2] == [ModelReady(20.0), AnswerStarted(1, 20.0)]
    assert isinstance(messages[0], ModelReady)
    assert [part for part, _ in messages[0].about] == ["licence, model", "licence, codec"]
    last = messages[-1]
    assert isinstance(last, AnswerEnded)
    assert len(last.clip) == 20
    joints = np.concatenate([m.chunk.joints for m in messages if isinstance(m, MotionArrived)])
    np.testing.assert_array_equal(joints, last.clip.joints)


def test_the_real_server_reports_a_missing_bundle(open_feed, tmp_path) -> None:
    job = GeneratorJob("a person walks", GenerateOptions(), str(tmp_path / "nothing"))
    (message,) = read(open_feed(fake_generators.real, job))
    assert isinstance(message, GeneratorFailed)
    assert message.exit_code == 3
    assert "nothing" in message.reason


def test_one_process_answers_prompt_after_prompt(open_feed) -> None:
    feed = open_feed(fake_generators.talks, GeneratorJob("", GenerateOptions()))
    assert feed.turn == 0
    assert read(feed, ModelReady) == [ModelReady(20.0)]
    for turn, prompt in enumerate(("a person walks", "a person waves"), start=1):
        assert feed.ask(prompt) == turn
        messages = read(feed)
        assert messages[0] == AnswerStarted(turn, 20.0, turn)
        assert messages[-1].clip.prompt == prompt
    assert not feed.over


def test_a_new_prompt_ends_the_answer_before_and_nothing_of_it_is_heard_any_more(open_feed) -> None:
    feed = open_feed(fake_generators.endless)
    read(feed, MotionArrived)
    feed.ask("a person waves")
    assert read(feed, AnswerStarted) == [AnswerStarted(6, 20.0, 2)]


@pytest.mark.parametrize("server", [fake_generators.killed, fake_generators.leaves])
def test_a_prompt_after_a_death_starts_another_process(open_feed, server) -> None:
    feed = open_feed(fake_generators.one_after_another(server, fake_generators.talks))
    assert isinstance(read(feed, GeneratorFailed)[-1], GeneratorFailed)
    assert feed.over
    assert feed.ask("a person waves") == 2
    messages = read(feed)
    assert messages[1] == AnswerStarted(2, 20.0, 2)
    assert messages[-1].clip.prompt == "a person waves"


def test_a_process_that_hangs_is_replaced_where_that_is_asked(open_feed) -> None:
    feed = open_feed(HANGS_THEN_TALKS)
    read(feed, MotionArrived)
    begin = time.monotonic()
    feed.ask("a person waves", anew=True)
    assert time.monotonic() - begin < 5.0
    assert read(feed)[-1].clip.prompt == "a person waves"


def test_prompts_that_nobody_takes_do_not_pile_up(open_feed) -> None:
    feed = open_feed(HANGS_THEN_TALKS)
    read(feed, MotionArrived)
    for _ in range(ORDERS_UNHEARD + 1):
        feed.ask("a person waves " * 60)
    assert read(feed)[-1].turn == ORDERS_UNHEARD + 2


def test_a_message_that_stops_half_way_holds_up_nobody(open_feed) -> None:
    feed = open_feed(fake_generators.half)
    assert read(feed, ModelReady) == [ModelReady(20.0)]
    time.sleep(0.2)
    begin = time.monotonic()
    assert [feed.poll() for _ in range(50)] == [[]] * 50
    assert time.monotonic() - begin < 0.5
    feed.close()
    assert feed.over


def test_the_real_server_takes_prompts_and_refuses_without_dying(open_feed, tiny_bundle) -> None:
    options = GenerateOptions(seed=1, seconds=0.6, max_thought=2)
    feed = open_feed(fake_generators.real, GeneratorJob("", options, str(tiny_bundle)))
    assert read(feed, ModelReady) == [ModelReady(20.0)]
    for turn in range(1, ORDERS_UNHEARD + 3):
        feed.ask("walk " * 2000)
        (refused,) = read(
            feed, GeneratorFailed
        )  # by the same process: no other says that it is ready
        assert (refused.exit_code, refused.turn) == (2, turn)
    feed.ask("a person walks")
    messages = read(feed)
    assert isinstance(messages[0], AnswerStarted)
    assert len(messages[-1].clip) == 12
    paces = [m.pace for m in messages if isinstance(m, MotionArrived)]
    assert paces == sorted(paces)
    assert paces[-1].motion == 0.6


def test_the_real_server_gives_up_an_answer_for_the_next(open_feed, tiny_bundle) -> None:
    options = GenerateOptions(seed=1, seconds=6.0, max_thought=2)
    feed = open_feed(
        fake_generators.real, GeneratorJob("a person walks", options, str(tiny_bundle))
    )
    read(feed, MotionArrived)
    feed.ask("a person waves", GenerateOptions(seed=2, seconds=0.4, max_thought=2))
    messages = read(feed)
    assert {m.turn for m in messages} == {2}
    assert len(messages[-1].clip) == 8
