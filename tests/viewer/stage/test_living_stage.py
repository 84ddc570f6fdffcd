"""The body that takes prompts, on a script instead of a generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import fake_generators
from kinetoken.generation.options import GenerateOptions
from kinetoken.live.live_output import LiveOutput
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.playback import Sample
from kinetoken.motion.skeleton import JOINT
from kinetoken_viewer.generator.messages import (
    AnswerEnded,
    AnswerStarted,
    GeneratorFailed,
    Message,
    ModelReady,
    MotionArrived,
    ThoughtArrived,
)
from kinetoken_viewer.stage import living_body
from kinetoken_viewer.stage.generated_stage import LONGEST_BUFFER, STALLED_SECONDS
from kinetoken_viewer.stage.living_body import IDLE_LEAD_FRAMES
from kinetoken_viewer.stage.living_stage import LivingStage
from kinetoken_viewer.stage.playhead import last_position
from scripted_feed import Talk
from synthetic_motion import walking

PICTURE = 1 / 60
SWAP = 0.25  # seconds: a latent frame and a picture or two


def body(prompt: str = "", **asked: object) -> tuple[LivingStage, Talk]:
    talk = Talk(prompt)
    options = GenerateOptions(**asked)  # type: ignore[arg-type]
    stage = LivingStage(talk, prompt, options, keep_all=True)
    return stage, talk


def moves(count: int, *, rtf: float = 3.0, turn: int = 1) -> list[Message]:
    return [MotionArrived(fake_generators.chunk(4 * i), rtf, turn) for i in range(count)]


def run(stage: LivingStage, seconds: float) -> np.ndarray:
    """The poses (n, 22, 3) of so much time, one a picture."""
    poses = []
    for _ in range(round(seconds / PICTURE)):
        stage.tick(PICTURE)
        poses.append(stage.pose())
    return np.array(poses)


def fastest(poses: np.ndarray) -> float:
    """m/s of the fastest joint from picture to picture."""
    return float(np.linalg.norm(np.diff(poses, axis=0), axis=-1).max() / PICTURE)


def test_it_stands_at_ease_and_breathes_until_it_is_asked() -> None:
    stage, talk = body()
    assert stage.words(60).message == "loading the model"
    assert stage.words(60).line is not None
    talk.say(ModelReady(20.0))
    poses = run(stage, 3.0)
    assert stage.words(60).message == ""
    assert "idle" in stage.words(60).status
    assert not stage.busy
    assert 0.001 < np.ptp(poses[:, JOINT["head"], 1]) < 0.05
    assert (
        len(stage.track) - 1 - stage.playhead.position < IDLE_LEAD_FRAMES + 1
    )  # just in time: nothing is in the way of a move
    np.testing.assert_allclose(
        poses[:, JOINT["left_ankle"]],
        poses[:1, JOINT["left_ankle"]].repeat(len(poses), 0),
        atol=0.02,
    )


def test_its_words_tell_the_licences_of_what_is_loaded() -> None:
    stage, talk = body()
    about = (("licence, model", "mit"), ("licence, codec", "cc-by-nc-4.0 (non-commercial)"))
    assert stage.words(60).about == ()
    talk.say(ModelReady(20.0, about))
    run(stage, 0.1)
    assert stage.words(60).about == about


def test_a_prompt_moves_it_and_then_it_stands_again() -> None:
    stage, talk = body()
    talk.say(ModelReady(20.0))
    run(stage, 0.5)
    stage.line.type("a person walks")
    stage.line.send()
    assert talk.asked == [("a person walks", False)]
    assert stage.words(60).prompt == "a person walks"
    assert stage.words(60).message == "thinking"
    talk.say(AnswerStarted(7, 20.0), ThoughtArrived("I walk ahead."), *moves(10))
    talk.say(
        AnswerEnded(
            Clip(walking(40), text="I walk ahead. <move>", seed=7, prompt="a person walks"), 3.0
        )
    )
    poses = run(stage, 1.5)
    assert stage.words(60).thought == "I walk ahead."
    assert "seed 7" in stage.words(60).status
    assert np.ptp(poses[:, 0, 2]) > 0.5
    assert fastest(poses) < 4.0
    ending = run(stage, 4.0)
    assert "idle" in stage.words(60).status
    assert fastest(ending) < 4.0
    assert fastest(ending[-60:]) < 0.1
    assert len(stage.clip) == 40


def test_another_prompt_drops_the_answer_and_the_body_blends_over_at_once() -> None:
    stage, talk = body("a person walks")
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0), *moves(60))
    before = run(stage, 2.0)
    arrived, shown = len(stage.track), stage.playhead.position
    assert arrived > shown + 40
    stage.ask("a person waves")
    assert len(stage.track) <= shown + 2 + IDLE_LEAD_FRAMES
    after = run(stage, 1.0)
    joined = np.concatenate([before, after])
    assert fastest(joined) < 4.0
    planted = run(stage, 1.0)
    assert fastest(planted[-30:]) < 0.6  # it stands, though the old answer would have walked on
    assert talk.asked == [("a person waves", False)]
    talk.say(AnswerStarted(8, 20.0, 2), *moves(8, turn=2))
    begin = stage.playhead.position
    run(stage, 0.7)
    placed = stage.answer.placed[0][0]
    assert (placed - begin) / 20.0 < SWAP + 0.1
    kept = stage.answers[0]
    assert kept.stop >= shown
    assert kept.stop < shown + 8  # what was never seen is not saved


def test_a_stop_lets_it_come_to_stand_and_the_rest_is_not_heard() -> None:
    stage, talk = body("a person walks")
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0), *moves(30))
    run(stage, 1.5)
    stage.stop()
    assert talk.stopped
    talk.say(*moves(30), AnswerEnded(Clip(walking(40)), 3.0))
    run(stage, 3.0)
    assert not stage.busy
    assert "idle" in stage.words(60).status
    assert 20 < len(stage.clip) < 40
    talk.stopped = False
    stage.stop()
    assert not talk.stopped


def test_a_slow_generator_is_waited_for_once_while_the_body_stands() -> None:
    stage, talk = body("a person walks", seconds=4.0)
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0))
    seconds, began, standing, stalls = 0.0, None, 0, 0
    for index in range(20):  # 0.2 s of motion each 0.25 s: 0.8 times real time
        talk.say(
            MotionArrived(
                fake_generators.chunk(4 * index),
                0.8,
                1,
                Sample(0.25 * index, 0.2 * (index + 1), 24 * index),
            )
        )
        for _ in range(15):
            stage.tick(PICTURE)
            seconds += PICTURE
            if stage.words(60).message.startswith("slower than real time (0.8 times)"):
                standing += 1
            if began is None and stage.answer.placed:
                began = seconds
            stalls += began is not None and stage.body.idle
    talk.say(AnswerEnded(Clip(walking(80)), 0.8))
    run(stage, 1.5)
    assert began == pytest.approx(1.0, abs=0.35)  # 4 s * (1 / 0.8 - 1)
    assert standing > 20
    assert stalls == 0
    frames = stage.track.frames[stage.answer.begin : stage.answer.stop]
    assert len(frames) == 80  # none was dropped


def test_an_answer_that_keeps_up_needs_no_head_start_for_a_slow_first_block() -> None:
    """Its pacing gives later blocks fewer levels and words."""
    stage, talk = body("a person walks", seconds=8.0, keep_up=True)
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0))
    for index in range(4):  # 0.2 s of motion each 0.4 s: half of real time
        pace = Sample(0.4 * index, 0.2 * (index + 1), 24 * index)
        talk.say(MotionArrived(fake_generators.chunk(4 * index), 0.5, 1, pace))
        run(stage, 0.4)
    assert not stage.answer.placed  # 0.8 s: not yet what a player keeps in hand at this pace
    for index in range(4, 7):
        pace = Sample(1.6 + 0.15 * (index - 4), 0.2 * (index + 1), 24 * index)
        talk.say(MotionArrived(fake_generators.chunk(4 * index), 0.7, 1, pace))
        run(stage, 0.15)
    assert stage.answer.placed


def test_a_generator_that_falls_behind_lets_the_body_stand_and_go_on() -> None:
    stage, talk = body("a person walks")
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0), *moves(6))
    moving = run(stage, 2.5)
    assert stage.waiting
    assert "buffering" in stage.words(60).message
    still = run(stage, 1.0)
    assert fastest(np.concatenate([moving, still])) < 4.0
    talk.say(
        *[MotionArrived(fake_generators.chunk(4 * i), 3.0) for i in range(6, 12)],
        AnswerEnded(Clip(walking(48)), 3.0),
    )
    again = run(stage, 1.0)
    assert not stage.waiting
    assert fastest(np.concatenate([still, again])) < 4.0
    assert np.ptp(again[:, 0, 2]) > 0.3
    run(stage, 3.0)
    assert len(stage.clip) == 48


def test_a_death_is_said_and_the_next_prompt_starts_another() -> None:
    stage, talk = body("a person walks")
    talk.say(
        ModelReady(20.0),
        AnswerStarted(7, 20.0),
        *moves(3),
        GeneratorFailed("the generator died", 1),
    )
    talk.over = True
    run(stage, 1.5)
    assert stage.words(60).message == "the generator died; a new prompt starts another"
    assert not stage.busy
    assert not stage.hopeless
    assert len(stage.clip) == 12
    stage.ask("a person waves")
    assert stage.words(60).message == "loading the model"
    assert stage.failure is None
    talk.say(ModelReady(20.0), AnswerStarted(8, 20.0, 2), *moves(5, turn=2))
    run(stage, 1.0)
    assert stage.words(60).message == ""
    assert len(stage.clip) == 32
    assert stage.clip.prompt == "a person walks / a person waves"


def test_a_stall_is_said_and_a_prompt_then_replaces_the_process() -> None:
    stage, talk = body("a person walks")
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0), *moves(5))
    run(stage, STALLED_SECONDS - 1.0)
    assert "nothing" not in stage.words(60).message
    poses = run(stage, 3.0)
    assert (
        stage.words(60).message
        == "the generator has said nothing for 12 s; a new prompt starts another"
    )
    assert fastest(poses) < 0.1
    stage.ask("a person waves")
    assert talk.asked == [("a person waves", True)]
    assert stage.words(60).message == "loading the model"


def test_loading_and_thinking_are_counted() -> None:
    stage, talk = body("a person walks")
    run(stage, 5.0)
    assert stage.words(60).message == "loading the model, 5 s"
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0))
    run(stage, 4.0)
    assert stage.words(60).message == "thinking, 4 s"


def test_what_can_never_be_shown_closes_the_window_but_a_typed_mistake_does_not() -> None:
    stage, talk = body("a person walks")
    talk.say(GeneratorFailed("seconds 9999 does not fit", 2, 1))
    run(stage, 0.1)
    assert stage.hopeless
    stage, talk = body()
    talk.say(GeneratorFailed("no such bundle", 3))
    run(stage, 0.1)
    assert stage.hopeless
    stage, talk = body()
    talk.say(ModelReady(20.0))
    stage.ask("walk " * 200)
    talk.say(GeneratorFailed("the prompt takes 400 tokens", 2, 1))
    run(stage, 0.1)
    assert not stage.hopeless
    assert stage.words(60).message == "the prompt takes 400 tokens"


def test_a_flood_is_left_in_the_pipe_and_a_flood_of_words_is_forgotten() -> None:
    stage, talk = body("a person walks")
    talk.say(
        ModelReady(20.0), AnswerStarted(7, 20.0), *[ThoughtArrived("word ")] * 2000, *moves(400)
    )
    stage.playhead.playing = False
    run(stage, 16.0)
    assert LONGEST_BUFFER < stage.ahead < LONGEST_BUFFER + 2.0
    assert len(stage.words(60).thought) < 5000
    assert talk.left
    assert stage.progress.silence == 0.0


def test_scrubbing_back_and_again_to_the_present() -> None:
    stage, talk = body("a person walks")
    talk.say(
        ModelReady(20.0), AnswerStarted(7, 20.0), *moves(10), AnswerEnded(Clip(walking(40)), 3.0)
    )
    run(stage, 4.0)
    begin = stage.answer.begin
    stage.seek(0.0)
    assert stage.playhead.position == begin
    np.testing.assert_allclose(stage.pose(), stage.track.frames[begin])
    run(stage, 0.5)
    assert stage.playhead.position == pytest.approx(begin + 10, abs=0.5)
    stage.ask("a person waves")
    stage.tick(PICTURE)
    assert stage.jumped
    stage.tick(PICTURE)
    assert not stage.jumped
    assert stage.playhead.position >= begin + 40
    played, arrived = stage.shares()
    assert (played, arrived) == (0.0, 0.0)


def test_a_loop_plays_the_last_answer_again() -> None:
    stage, talk = body("a person walks")
    talk.say(
        ModelReady(20.0), AnswerStarted(7, 20.0), *moves(10), AnswerEnded(Clip(walking(40)), 3.0)
    )
    stage.playhead.loop = True
    run(stage, 4.0)
    assert stage.answer.begin <= stage.playhead.position < stage.answer.stop
    stage.playhead.position = stage.answer.stop - 1.01
    stage.tick(0.1)
    assert stage.playhead.position == stage.answer.begin
    assert stage.jumped


def test_a_line_that_lasts_for_days_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(living_body, "REMEMBERED_FRAMES", 200)
    stage, talk = body("a person walks")
    talk.say(
        ModelReady(20.0), AnswerStarted(7, 20.0), *moves(10), AnswerEnded(Clip(walking(40)), 3.0)
    )
    poses = run(stage, 60.0)
    assert len(stage.track) < 200 + 2 * IDLE_LEAD_FRAMES
    assert fastest(poses) < 4.0
    stage.ask("a person waves")
    talk.say(AnswerStarted(8, 20.0, 2), *moves(5, turn=2))
    assert fastest(run(stage, 1.0)) < 4.0
    assert last_position(len(stage.track), finished=False) > stage.playhead.position


def test_detail_and_pace_are_shown() -> None:
    stage, talk = body("a person walks")
    coarse = [
        replace(fake_generators.chunk(4 * i), codes=np.array([[3, 1, -1, -1]])) for i in range(5)
    ]
    paced = [
        MotionArrived(each, 0.5, 1, Sample(0.1 * (i + 1), 0.2 * (i + 1), 5 * i))
        for i, each in enumerate(coarse)
    ]
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0), *paced)
    run(stage, 0.6)
    status = stage.words(30.0).status
    for part in (
        "RTF 2.0",
        "50 tokens/s",
        "coarse detail, 2 of 4",
        "33 ms",
        "30 fps",
        "buffer",
        "seed 7",
    ):
        assert part in status, status


def test_another_rate_is_taken_from_the_model() -> None:
    stage, talk = body()
    talk.say(ModelReady(25.0))
    run(stage, 0.5)
    stage.ask("a person walks")
    talk.say(AnswerStarted(7, 25.0), *moves(6), AnswerEnded(Clip(walking(24), fps=25.0), 3.0))
    run(stage, 1.5)
    assert stage.playhead.fps == 25.0
    assert stage.clip.fps == 25.0


def test_a_chunk_without_codes_has_no_detail() -> None:
    stage, talk = body("a person walks")
    bare = MotionChunk(0, walking(20), np.zeros((20, 263), np.float32), np.zeros((0, 4), np.int64))
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0), MotionArrived(bare, 2.0))
    run(stage, 0.3)
    assert "detail" not in stage.words(60).status


def test_an_avatar_gets_every_pose_that_is_shown_idle_motion_too() -> None:
    class Heard:
        def __init__(self) -> None:
            self.poses: list[np.ndarray] = []
            self.waits: list[bool] = []
            self.words = ""
            self.prompts: list[tuple[str, int | None]] = []

        def show(self, joints: np.ndarray, time: float, *, waiting: bool) -> None:
            self.poses.append(joints)
            self.waits.append(waiting)

        def ask(self, prompt: str, seed: int | None) -> None:
            self.prompts.append((prompt, seed))

        def say(self, text: str) -> None:
            self.words += text

    talk, heard = Talk("a person walks"), Heard()
    live: LiveOutput = heard  # type: ignore[assignment]
    stage = LivingStage(talk, "a person walks", GenerateOptions(), live=live)
    shown = run(stage, 1.0)
    talk.say(
        ModelReady(20.0),
        AnswerStarted(7, 20.0),
        ThoughtArrived("I go."),
        *moves(5),
        AnswerEnded(Clip(walking(20)), 3.0),
    )
    shown = np.concatenate([shown, run(stage, 2.0)])
    np.testing.assert_array_equal(np.array(heard.poses), shown)
    assert heard.words == "I go."
    assert fastest(shown) < 4.0
    assert heard.prompts == [("a person walks", 7)]
    assert not any(heard.waits[:30])
    assert not heard.waits[-1]
    stage.ask("and on")
    talk.say(AnswerStarted(8, 20.0, 2), *moves(2, turn=2))
    run(stage, 3.0)
    assert heard.prompts[1:] == [("and on", 8)]
    assert heard.waits[-1]


def test_the_wait_of_a_machine_that_is_known_to_be_slow_is_known_from_the_first_frame() -> None:
    stage, talk = body("a person walks")
    slow = [
        MotionArrived(fake_generators.chunk(4 * i), 0.5, 1, Sample(0.4 * i, 0.2 * (i + 1), 24 * i))
        for i in range(10)
    ]
    talk.say(ModelReady(20.0), AnswerStarted(7, 20.0), *slow, AnswerEnded(Clip(walking(40)), 0.5))
    run(stage, 4.0)
    stage.ask("a person waves")
    talk.say(AnswerStarted(8, 20.0, 2), *moves(4, turn=2, rtf=0.0))
    run(stage, 1.0)
    assert stage.waiting  # 0.8 s are in hand, but the rest of 3 s would not come in time


def test_words_for_the_chat_itself_are_not_danced() -> None:
    stage, talk = body()
    talk.say(ModelReady(20.0, levels=4, examples=("wave", "bow")))
    run(stage, 0.1)
    line = stage.line
    assert line is not None
    assert line.line.example == "wave"

    def write(text: str) -> str:
        line.type(text)
        line.send()
        return stage.message()

    assert "/seed [N]: same seed" in write("/help")
    assert write("/dance") == "there is no /dance; /help lists the words"
    assert write("/levels 9") == "/levels: this model has 4, got 9"
    assert write("/seed 5") == "seed 5"
    assert line.line.example == "wave"  # after four lines
    assert talk.asked == []
    write("walk")
    talk.say(AnswerStarted(5, 20.0, 1), *moves(1), AnswerEnded(Clip(walking(20)), 3.0, 1))
    run(stage, 2.0)
    assert write("/history") == "1. walk (1.0 s, seed 5)"
    write("/again")
    assert [prompt for prompt, _ in talk.asked] == ["walk", "walk"]
    assert not stage.dismissed
    write("quit")
    assert stage.dismissed
