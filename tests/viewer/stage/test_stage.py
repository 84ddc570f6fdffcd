from __future__ import annotations

from dataclasses import replace

import numpy as np

import fake_generators
from kinetoken.motion.clip import Clip
from kinetoken.motion.skeleton import BONE_LENGTHS, JOINT, PARENTS
from kinetoken_viewer.generator.messages import (
    AnswerEnded,
    AnswerStarted,
    GeneratorFailed,
    Message,
    MotionArrived,
    ThoughtArrived,
)
from kinetoken_viewer.render.camera import THREE_QUARTER, look_at
from kinetoken_viewer.stage.arriving_stage import ArrivingStage
from kinetoken_viewer.stage.clip_stage import ClipStage
from kinetoken_viewer.stage.generated_stage import LONGEST_BUFFER
from kinetoken_viewer.stage.stage import Stage
from kinetoken_viewer.stage.standing_pose import upright_pose
from kinetoken_viewer.window.controls import Controls
from kinetoken_viewer.window.view import View
from synthetic_motion import walking


class Script:
    """A feed that hands out messages as told."""

    def __init__(self, *messages: Message) -> None:
        self.left = list(messages)

    def poll(self) -> list[Message]:
        out, self.left = self.left[:1], self.left[1:]
        return out

    def close(self) -> None:
        """Nothing is held."""


def live(*messages: Message, expected: float = 0.0) -> ArrivingStage:
    return ArrivingStage("walk", Script(*messages), expected=expected)


def moved(count: int, rtf: float = 2.0) -> list[Message]:
    return [MotionArrived(fake_generators.chunk(4 * i), rtf) for i in range(count)]


def controls(stage: Stage) -> tuple[Controls, View]:
    view = View(stage, THREE_QUARTER, 16 / 9)
    return Controls(stage, view), view


def test_a_clip_is_on_show_at_once() -> None:
    stage = ClipStage(Clip(walking(40), prompt="walk", seed=4))
    stage.tick(0.05)
    assert (stage.prompt, stage.finished) == ("walk", True)
    assert "seed 4" in stage.words(60).status
    assert stage.playhead.position == 1.0
    np.testing.assert_allclose(stage.pose(), walking(40)[1], atol=1e-6)


def test_the_body_stands_until_motion_comes_and_the_words_say_why() -> None:
    stage = live(
        AnswerStarted(9, 20.0),
        ThoughtArrived("I look ahead. "),
        ThoughtArrived("Now I go."),
        *moved(6),
    )
    assert stage.words(60).message == "loading the model"
    np.testing.assert_array_equal(stage.pose(), upright_pose())
    stage.tick(0.02)
    assert stage.words(60).message == "thinking"
    for _ in range(2):
        stage.tick(0.02)
    assert stage.words(60).thought == "I look ahead. Now I go."
    assert "seed 9" in stage.words(60).status


def test_playing_starts_when_the_buffer_is_full_and_never_skips() -> None:
    stage = live(AnswerStarted(9, 20.0), *moved(12))
    seen = []
    for _ in range(100):
        stage.tick(1 / 60)
        seen.append(stage.playhead.position)
    assert seen[3] == 0.0  # 4 frames are not 0.6 s
    steps = np.diff(seen)
    assert steps.max() <= 20 / 60 + 1e-9
    assert seen[-1] <= len(stage.track) - 2


def test_a_slow_generator_is_named() -> None:
    stage = live(AnswerStarted(9, 20.0), *moved(2, rtf=0.4), expected=8.0)
    for _ in range(5):
        stage.tick(1 / 60)
    assert stage.waiting
    assert stage.words(60).message == "slower than real time (0.4 times): 11 s until it moves on"


def test_a_failure_is_shown_and_what_came_can_be_kept() -> None:
    stage = live(
        AnswerStarted(9, 20.0), ThoughtArrived("I go."), *moved(3), GeneratorFailed("it died", 6)
    )
    for _ in range(10):
        stage.tick(1 / 60)
    assert stage.words(60).message == "it died"
    assert stage.playhead.position > 0  # what came plays on
    clip = stage.clip
    assert clip is not None
    assert (len(clip), clip.text, clip.seed, clip.prompt) == (12, "I go.", 9, "walk")


def test_a_flood_is_left_in_the_pipe() -> None:
    stage = live(AnswerStarted(9, 20.0), *moved(400))
    stage.playhead.playing = False
    for _ in range(500):
        stage.tick(1 / 60)
    assert stage.playhead.ahead(len(stage.track), finished=False) < LONGEST_BUFFER + 1.0


def test_the_end_brings_the_whole_clip() -> None:
    whole = Clip(walking(16), prompt="walk", text="I go. <move><m_0_1></move>", seed=9)
    stage = live(AnswerStarted(9, 20.0), *moved(2), AnswerEnded(whole, 2.0))
    for _ in range(5):
        stage.tick(0.01)
    assert stage.finished
    assert stage.clip is whole
    assert len(stage.track) == 16
    assert stage.words(60).thought == "I go."


def test_keys() -> None:
    stage = ClipStage(Clip(walking(40)), "walk")
    keys, view = controls(stage)
    assert keys.press("SPACE")
    assert not stage.playhead.playing
    assert keys.press("RIGHT")
    assert stage.playhead.position == 1.0
    assert keys.press("LEFT")
    assert stage.playhead.position == 0.0
    assert keys.press("UP")
    assert stage.playhead.speed == 1.5
    assert keys.press("L")
    assert not stage.playhead.loop
    assert keys.press("F")
    assert not view.following
    assert keys.press("H")
    assert keys.help
    assert keys.press("_3")
    assert view.camera.yaw > 1.5
    assert not keys.press("F12")


def test_restart_and_scrub_cut_the_camera() -> None:
    stage = ClipStage(Clip(walking(40)), "walk")
    keys, _ = controls(stage)
    keys.scrub(0.5)
    assert keys.cut
    assert stage.playhead.position == 19.5
    assert stage.shares() == (0.5, 1.0)
    keys.press("R")
    assert stage.playhead.position == 0.0


def test_scrub_of_a_live_motion_stops_at_what_has_arrived() -> None:
    stage = live(AnswerStarted(9, 20.0), *moved(5), expected=10.0)
    for _ in range(8):
        stage.tick(0.0)
    stage.seek(0.9)
    assert stage.playhead.position == 18.0
    played, arrived = stage.shares()
    assert 0 < played <= arrived < 0.2


def test_the_view_follows_pans_and_stays() -> None:
    stage = ClipStage(Clip(walking(40)), "walk")
    _, view = controls(stage)
    for _ in range(200):
        stage.playhead.position = 39.0
        view.tick(1 / 60, cut=False)
    np.testing.assert_allclose(view.camera.target, look_at(walking(40)[-1]), atol=1e-3)
    view.pan(-100, 0, 720)
    offset = np.asarray(view.camera.target) - look_at(walking(40)[-1])
    stage.playhead.position = 0.0
    view.tick(0.0, cut=True)
    np.testing.assert_allclose(
        np.asarray(view.camera.target) - look_at(walking(40)[0]), offset, atol=1e-3
    )
    view.toggle_follow()
    before = view.camera
    stage.playhead.position = 39.0
    view.tick(1.0, cut=True)
    assert view.camera == before


def test_a_chosen_distance_survives_a_new_window_shape() -> None:
    _, view = controls(ClipStage(Clip(walking(4)), "walk"))
    near = view.camera.distance
    view.resized(0.5)
    assert view.camera.distance > near
    view.zoom(2)
    chosen = view.camera.distance
    view.resized(1.0)
    assert view.camera.distance == chosen


def test_standing_has_the_skeletons_bones_and_stands_on_the_floor() -> None:
    pose = upright_pose()
    lengths = [np.linalg.norm(pose[j] - pose[p]) for j, p in enumerate(PARENTS) if p >= 0]
    np.testing.assert_allclose(lengths, BONE_LENGTHS[1:], atol=1e-9)
    assert pose[:, 1].min() == 0.0
    assert pose[JOINT["left_hip"], 0] > 0 > pose[JOINT["right_hip"], 0]
    assert pose[JOINT["head"], 1] > 1.4


def test_a_clip_of_another_rate_plays_in_its_own_time() -> None:
    stage = ClipStage(replace(Clip(walking(40)), fps=40.0), "walk")
    stage.tick(0.1)
    assert stage.playhead.position == 4.0


class Heard:
    """Live output that only listens."""

    def __init__(self) -> None:
        self.poses: list[tuple[np.ndarray, float]] = []
        self.words = ""

    def show(self, joints: np.ndarray, time: float, *, waiting: bool) -> None:
        self.poses.append((joints, time))

    def say(self, text: str) -> None:
        self.words += text


def test_what_is_shown_is_what_live_output_gets() -> None:
    heard = Heard()
    stage = ClipStage(Clip(walking(20)), "walk", live=heard)  # type: ignore[arg-type]
    for _ in range(3):
        stage.tick(1 / 60)
        np.testing.assert_array_equal(heard.poses[-1][0], stage.pose())
    assert [round(time, 4) for _, time in heard.poses] == [0.0167, 0.0333, 0.05]
    stage.playhead.toggle(20, finished=True)
    stage.tick(1 / 60)
    assert heard.poses[-1][1] == heard.poses[-2][1]  # a pause holds the avatar still
    stage.seek(0.5)
    stage.tick(0.0)
    assert heard.poses[-1][1] > 0.4
