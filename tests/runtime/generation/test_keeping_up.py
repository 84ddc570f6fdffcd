"""As much detail as the machine holds: decided when a block opens, never within, and repeatable."""

from __future__ import annotations

import dataclasses
import gc
import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kinetoken
import kinetoken.generation.generator
from kinetoken import GenerateOptions, Generator, InputError
from kinetoken.batch.batch_run import answer_all
from kinetoken.batch.jobs import Job
from kinetoken.engines.scripted import ScriptedLanguageModel
from kinetoken.generation.chat_format import prompt_ids
from kinetoken.generation.pacing import playback_clock
from kinetoken.generation.pacing.decisions import Decisions
from kinetoken.generation.pacing.levels import sustained_levels
from kinetoken.generation.pacing.pace import Pace
from kinetoken.generation.pacing.pacing_run import PacingRun
from kinetoken.motion.playback import PREBUFFERS

FRAME_SECONDS = 0.2
from writers import SilentServer


def paced(rate: float) -> Pace:
    pace = Pace()
    pace.add(1 / rate, code=True)
    return pace


@given(st.floats(0.0, 3.0), st.sampled_from([0.001, 0.01, 0.03]))
def test_words_leave_what_a_player_wants_in_hand(ahead: float, seconds: float) -> None:
    pace, most = Pace(), 1000
    for code in (True, False):
        pace.add(seconds, code=code)
    grammar = SimpleNamespace(
        levels=4, pause_limit=most, max_thought=24, min_frames=30, max_frames=30, min_block=2,
        max_tokens=9999,
    )  # fmt: skip
    clock = SimpleNamespace(ahead=ahead)
    run = PacingRun(grammar, FRAME_SECONDS, pace, lambda token: False, clock=clock, now=4)  # type: ignore[arg-type]
    words = run.words(1)
    assert words is not None
    assert pace.rate is not None
    assert pace.word_seconds is not None
    left = ahead - 5 / pace.rate  # after the mark that opens the block, and four codes
    if words:
        assert left - words * pace.word_seconds >= PREBUFFERS[0] - 1e-9
    else:
        assert left - 3 * pace.word_seconds < PREBUFFERS[0] + 1e-9


@given(st.floats(0.1, 1000), st.integers(1, 8), st.none() | st.integers(1, 8))
def test_what_is_decided_is_held_and_no_more_is_given_up_than_must_be(
    rate: float, most: int, now: int | None
) -> None:
    before = None if now is None else min(now, most)
    levels = sustained_levels(rate, most, FRAME_SECONDS, before)
    assert 1 <= levels <= most
    assert levels == 1 or levels / rate <= FRAME_SECONDS, "in real time"
    if levels < most:
        assert (levels + 1) / rate >= FRAME_SECONDS / 1.2 * 0.999, (
            "the next level would have had plenty of time"
        )


@pytest.mark.parametrize(
    ("rate", "now", "levels"),
    [(None, None, 4), (None, 1, 4), (100, None, 4), (21.1, None, 4), (20, None, 3), (13, None, 2), (5.3, None, 1), (2, None, 1),
     (21.1, 3, 3), (24.1, 3, 4), (20, 4, 3), (16, 3, 3), (15, 3, 2)],
)  # fmt: skip
def test_levels_by_rate(rate: float | None, now: int | None, levels: int) -> None:
    assert sustained_levels(rate, 4, FRAME_SECONDS, now) == levels


def test_a_rate_that_wavers_does_not_flicker() -> None:
    pace, levels, now = paced(22.0), [], None
    for block in range(20):
        for _ in range(200):
            pace.add(1 / (20.5 if block % 2 else 22.5), code=True)
        now = sustained_levels(pace.rate, 4, FRAME_SECONDS, now)
        levels.append(now)
    assert levels == [4] + [3] * 19


def test_words_are_gone_by_only_until_there_are_codes() -> None:
    pace = Pace()
    assert pace.rate is None
    pace.add(0.1, code=False)
    assert pace.rate == pytest.approx(10, rel=0.05)
    pace.add(0.01, code=True)
    assert pace.rate == pytest.approx(100, rel=0.05)


def test_a_pace_forgets() -> None:
    pace = paced(1.0)
    for _ in range(1000):
        pace.add(0.01, code=True)
    assert pace.rate == pytest.approx(100, rel=0.05)


def test_a_stall_weighs_no_more_than_what_a_pace_remembers() -> None:
    pace = paced(20.0)
    pace.add(3600.0, code=True)
    assert pace.rate is not None
    assert pace.rate < 1
    for _ in range(120):
        pace.add(0.05, code=True)
    assert pace.rate == pytest.approx(20, rel=0.1), "six seconds later it is forgotten"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "best",
        "4,",
        "0",
        "4,0",
        "-1",
        "4;2",
        "1.5",
        "auto:4",
        "auto0:1",
        "auto4:",
        "auto4",
        "4/",
        "4/-1",
        "/3",
        "auto/3",
        "4/" + "9" * 5000,
    ],
)
def test_what_is_no_detail_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match="auto, full, coarse or levels of each block"):
        GenerateOptions(detail=wrong)


def test_levels_of_each_block() -> None:
    assert Decisions.asked("4, 2,1") == Decisions((4, 2, 1))
    assert Decisions.asked("auto4:4,2/12,0") == Decisions((4, 2), (12, 0), 4)
    for text in ("4,2,1", "4,2/12,0", "auto4:4,2/12,0"):
        assert str(Decisions.asked(text)) == text
    assert [Decisions.asked(word) for word in (None, "auto", "full", "coarse")] == [None] * 4


def test_detail_and_levels_that_contradict_each_other(generator: Generator) -> None:
    with pytest.raises(InputError, match="levels 2 and detail coarse"):
        generator.stream("walk", levels=2, detail="coarse")
    with pytest.raises(InputError, match="expected 1 to 2 levels in every block, got 4"):
        generator.stream("walk", levels=2, detail="1,4")
    with pytest.raises(InputError, match="expected 1 to 4 levels in every block, got 5"):
        generator.stream("walk", detail="5")


def test_coarse_is_level_0_alone(generator: Generator) -> None:
    coarse = generator.generate("walk", detail="coarse", seconds=2, seed=3)
    np.testing.assert_array_equal(
        coarse.joints, generator.generate("walk", levels=1, seconds=2, seed=3).joints
    )
    full = generator.generate("walk", detail="full", seconds=2, seed=3)
    np.testing.assert_array_equal(full.joints, generator.generate("walk", seconds=2, seed=3).joints)


class Machine:
    """A clock that only the model moves: so many seconds a token, changed at will."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.seconds_per_token = 0.0, 0.0
        monkeypatch.setattr(
            kinetoken.generation.generator, "time", SimpleNamespace(perf_counter=lambda: self.now)
        )
        monkeypatch.setattr(playback_clock, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def slow(self, generator: Generator) -> Generator:
        """The same bundle with a model that has no wish and takes its time."""

        def score(history: Sequence[int]) -> np.ndarray:
            self.now += self.seconds_per_token
            return np.zeros(generator.manifest.language_model.vocab_size, np.float32)

        model = ScriptedLanguageModel(score)
        return Generator(dataclasses.replace(generator.bundle, language_model=model, pace=Pace()))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


ASKED = {
    "min_blocks": 3,
    "block_code_frames": 6,
    "code_frames": 18,
    "max_thought": 4,
    "max_pause": 0,
    "seed": 5,
}


def decided_levels(detail: str) -> tuple[int, ...]:
    decisions = Decisions.asked(detail)
    assert decisions is not None
    return decisions.levels


def levels_of(codes: np.ndarray) -> list[int]:
    return (codes >= 0).sum(axis=1).tolist()


@pytest.mark.parametrize(("rate", "levels"), [(1000, 4), (18, 3), (13, 2), (7, 1), (1, 1)])
def test_a_slow_machine_gets_the_detail_that_it_holds(
    generator: Generator, machine: Machine, rate: float, levels: int
) -> None:
    machine.seconds_per_token = 1 / rate
    generation = machine.slow(generator).stream("walk", detail="auto", **ASKED)
    list(generation)
    clip = generation.clip()
    assert levels_of(clip.codes) == [levels] * 18
    assert clip.meta["detail"] == f"auto4:{levels},{levels},{levels}/{4 if rate > 1 else 3}"
    assert generation.stats.levels == levels


def test_it_drops_within_an_answer_and_comes_back_by_and_by(
    generator: Generator, machine: Machine
) -> None:
    machine.seconds_per_token = 1 / 100
    slow = machine.slow(generator)
    generation = slow.stream("walk", detail="auto", **ASKED)
    for chunk in generation:
        if isinstance(chunk, kinetoken.MotionChunk) and not chunk.start:
            machine.seconds_per_token = (
                1 / 3
            )  # in the middle of the first block, which goes on as it began
    assert levels_of(generation.clip().codes) == [4] * 6 + [1] * 12
    machine.seconds_per_token = 1 / 30
    later = [slow.generate("walk", detail="auto", **ASKED).meta["detail"] for _ in range(6)]
    first = [decided_levels(detail)[0] for detail in later]
    assert first == sorted(first)
    assert (first[0], first[-1]) == (1, 4)


@pytest.mark.parametrize("levels", [None, 3])
@pytest.mark.parametrize("spare", [0, 1, 5, 40])
def test_a_clip_says_what_makes_it_again(
    generator: Generator, machine: Machine, levels: int | None, spare: int
) -> None:
    """Where tokens are few, what may be written depends on how blocks to come are counted."""
    machine.seconds_per_token = 1 / 17
    slow = machine.slow(generator)
    tokens = 18 * (levels or 4) + 2 * 3 + spare
    asked = ASKED | {
        "block_code_frames": None,
        "max_blocks": 3,
        "max_tokens": tokens,
        "max_pause": 9,
    }
    auto = slow.generate("walk", detail="auto", levels=levels, **asked)
    again = generator_like(slow).generate("walk", detail=auto.meta["detail"], **asked)
    assert auto.meta["detail"].startswith(f"auto{levels or 4}:")
    assert again.text == auto.text
    assert again.meta == auto.meta


def generator_like(generator: Generator) -> Generator:
    """The same bundle, of whose speed nothing is known."""
    return Generator(dataclasses.replace(generator.bundle, pace=Pace()))


def test_spelled_out_levels_are_counted_as_they_are(generator: Generator) -> None:
    asked = {"code_frames": 18, "max_tokens": 24, "seed": 1, "max_thought": 0}
    for detail, tokens in (("1", 24), ("4,1", 36), ("1,4", 24)):
        clip = generator.generate("walk", detail=detail, **asked | {"max_tokens": tokens})
        assert len(clip.codes) == 18
        assert {1} <= set(levels_of(clip.codes)) <= {1, 4}
    with pytest.raises(
        InputError, match="keeping up reckons with all of them in every block to come"
    ):
        generator.stream("walk", detail="auto", **asked)
    with pytest.raises(InputError, match=r"ask for at most 1$"):
        generator.stream("walk", detail="full", **asked | {"code_frames": None, "seconds": 3.6})
    with pytest.raises(
        InputError, match=r"takes at least 74 tokens, and 24 may be used; ask for less$"
    ):
        generator.stream("walk", detail="4,1", **asked | {"max_blocks": 1})


def test_levels_that_a_clip_names_and_levels_beside_them(generator: Generator) -> None:
    wrong = (
        ("auto2:1", 3, "contradict"),
        ("auto5:1", None, "auto with 1 to 4"),
        ("auto2:3", None, "got 3"),
    )
    for detail, levels, problem in wrong:
        with pytest.raises(InputError, match=problem):
            generator.stream("walk", detail=detail, levels=levels)
    again = generator.generate("walk", detail="auto2:1", levels=2, seconds=1, seed=1)
    assert levels_of(again.codes) == [1] * 5


def test_the_same_decisions_make_the_same_clip(generator: Generator) -> None:
    first, second = (generator.generate("walk", detail="4,1,2", **ASKED) for _ in range(2))
    np.testing.assert_array_equal(first.joints, second.joints)
    assert levels_of(first.codes) == [4] * 6 + [1] * 6 + [2] * 6
    assert first.meta["detail"] == "4,1,2"


def test_the_first_answer_knows_how_fast_the_machine_is(
    generator: Generator, machine: Machine
) -> None:
    machine.seconds_per_token = 1 / 11
    slow = machine.slow(generator)
    asked = {"seconds": 2, "seed": 1, "max_thought": 0, "max_blocks": 1}
    auto = [slow.generate("walk", detail="auto", **asked) for _ in range(2)]
    assert [set(levels_of(clip.codes)) for clip in auto] == [{2}, {2}]
    np.testing.assert_array_equal(auto[0].joints, slow.generate("walk", detail="2", **asked).joints)


def test_what_was_tried_leaves_no_trace(generator: Generator) -> None:
    tried, known = (
        Generator(dataclasses.replace(generator.bundle, pace=pace))
        for pace in (Pace(), paced(1000.0))
    )
    asked = {"seconds": 2, "seed": 1, "detail": "auto"}
    np.testing.assert_array_equal(
        tried.generate("walk", **asked).joints, known.generate("walk", **asked).joints
    )


def test_several_avatars_share_the_machine(generator: Generator, machine: Machine) -> None:
    machine.seconds_per_token = 1 / 45
    slow = machine.slow(generator)
    several = [slow.stream("walk", detail="auto", **ASKED) for _ in range(4)]
    waiting = list(several)
    while waiting:  # a chunk of each in turn
        waiting = [answer for answer in waiting if next(answer, None) is not None]
    assert levels_of(several[-1].clip().codes) == [2] * 6 + [1] * 12, (
        "the last began when three others were under way"
    )
    assert slow.bundle.pace.under_way == 1
    alone = slow.generate("walk", detail="auto", **ASKED)
    assert levels_of(alone.codes)[-1] == 4


def test_an_answer_that_is_closed_or_forgotten_shares_no_more(
    generator: Generator, machine: Machine
) -> None:
    slow = machine.slow(generator)
    pace = slow.bundle.pace
    closed, forgotten = (slow.stream("walk", **ASKED) for _ in range(2))
    next(closed), next(forgotten)
    assert pace.under_way == 2
    closed.close()
    del forgotten
    gc.collect()
    assert (pace.under_way, pace._at_once) == (1, 0)
    others = [slow.stream("walk", **ASKED) for _ in range(2)]
    for other in others:
        next(other)
    assert pace.under_way == 2, "neither of the first two still counts"


def test_answers_in_threads_have_each_others_time_in_theirs() -> None:
    pace, inside = Pace(), threading.Barrier(2)

    def work() -> Iterator[int]:
        inside.wait(10)
        pace.add(0.2, code=True)
        inside.wait(10)
        yield 1

    threads = [threading.Thread(target=lambda: list(pace.shared(work()))) for _ in range(2)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert pace.rate == pytest.approx(10, rel=0.2)


def test_what_is_beside_the_codes_counts_at_any_number_of_levels() -> None:
    assert [
        sustained_levels(100, 4, FRAME_SECONDS, beside=seconds)
        for seconds in (0.0, 0.15, 0.16, 0.18, 0.5)
    ] == [
        4,
        4,
        3,
        1,
        1,
    ]
    pace = Pace()
    for _ in range(50):
        for _ in range(4):
            pace.add(0.01, code=True)
        pace.add_beside(0.15, 1)
    assert pace.rate == pytest.approx(100, rel=0.05), "the codec's time is none of a code's"
    assert pace.beside == pytest.approx(0.15, rel=0.1)


def test_pauses_between_blocks_cost_detail(generator: Generator, machine: Machine) -> None:
    machine.seconds_per_token = 1 / 24
    asked = {
        "min_blocks": 6,
        "block_code_frames": 4,
        "code_frames": 24,
        "max_thought": 0,
        "seed": 2,
        "detail": "auto",
    }
    held = [
        machine.slow(generator).generate("walk", max_pause=pause, **asked).meta["detail"]
        for pause in (0, 12)
    ]
    first, later = map(decided_levels, held)
    assert first[0] == later[0] == 4
    assert sum(later) < sum(first)


def test_a_server_is_told_once_what_it_may_write(generator: Generator) -> None:
    parts = dataclasses.replace(generator.bundle, language_model=SilentServer())
    for detail in ("auto", "4,2"):
        with pytest.raises(
            InputError, match=f"detail {detail}: a server writes all blocks alike; give levels"
        ):
            Generator(parts).stream("walk", detail=detail)


def test_a_batch_takes_the_same_decisions_and_all_levels_where_it_may_choose(
    generator: Generator,
) -> None:
    spelled, auto = (GenerateOptions(detail=detail, **ASKED) for detail in ("4,1,2", "auto"))
    jobs = [Job.of(1, "a", "walk", spelled), Job.of(2, "b", "walk", auto)]
    clips = {answer.job.name: answer.clip for answer in answer_all(generator.bundle, jobs, 2)}
    alone = generator.generate("walk", spelled)
    np.testing.assert_array_equal(clips["a"].joints, alone.joints)
    assert clips["a"].meta == alone.meta
    assert clips["b"].meta["detail"] == "auto4:4,4,4/4"


def test_a_turn_of_a_session_goes_by_the_pace_of_those_before(
    generator: Generator, machine: Machine
) -> None:
    machine.seconds_per_token = 1 / 11
    session = machine.slow(generator).session(detail="auto", seconds=1, max_thought=2, seed=1)
    for _ in range(2):
        turn = session.say("walk")
        list(turn)
        assert set(levels_of(turn.clip().codes)) == {2}


def test_answers_of_every_detail_decode_and_fit_the_budget(generator: Generator) -> None:
    prompt = len(prompt_ids(generator.bundle, "walk"))
    for seed in range(20):
        detail = ",".join(str(n) for n in np.random.default_rng(seed).integers(1, 5, 3))
        stream = generator.stream(
            "walk", detail=detail, seed=seed, min_seconds=1, max_seconds=4, max_tokens=120
        )
        list(stream)
        assert 20 <= len(stream.clip()) <= 80
        assert stream.stats.text_tokens + stream.stats.motion_tokens <= 120 <= 512 - prompt
