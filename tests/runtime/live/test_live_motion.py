"""From joint positions at 20 fps to the pose of any moment: rotations, timeline, clock."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoken.live import clock
from kinetoken.live.avatar_rotations import RigRun, rest_offsets
from kinetoken.live.settings import LiveSettings
from kinetoken.live.target import FRAME_DTYPE, LiveFrame, stream_header
from kinetoken.live.timeline import MAX_STEP, TimedPose, Timeline
from kinetoken.motion.playback import FASTEST, PREBUFFER, SLOWEST, STARVED
from kinetoken.motion.quaternions import IDENTITY, from_matrices, slerp
from kinetoken.motion.rotations import RestPose, forward_kinematics
from kinetoken.motion.skeleton import N_JOINTS
from synthetic_motion import walking
from synthetic_rig import matrices, rigid

FPS = 20.0
WALK = walking(60)


def test_the_t_pose_is_the_identity() -> None:
    rest = RestPose.standard()
    joints = forward_kinematics(
        np.zeros((1, 3)), np.broadcast_to(np.eye(3), (1, N_JOINTS, 3, 3)), rest
    )
    np.testing.assert_allclose(
        RigRun().push(joints)[0], np.broadcast_to(IDENTITY, (N_JOINTS, 4)), atol=1e-6
    )
    offsets = rest_offsets()
    np.testing.assert_array_equal(offsets[1:], rest.offsets[1:])
    assert offsets[0, 1] == pytest.approx(-joints[0, :, 1].min())


def test_rotations_lead_back_to_the_positions() -> None:
    joints = rigid(30)
    turns = RigRun().push(joints)
    back = forward_kinematics(joints[:, 0], matrices(turns), RestPose.standard())
    np.testing.assert_allclose(back, joints, atol=1e-5)
    assert np.all(
        np.sum(turns[1:] * turns[:-1], axis=-1) > 0.0
    )  # no quaternion jumps to its negative


@given(
    st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(
        lambda q: sum(v * v for v in q) > 0.01
    )
)
def test_any_rotation_becomes_its_quaternion(values: list[float]) -> None:
    quaternion = np.array(values) / np.linalg.norm(values)
    found = from_matrices(matrices(quaternion))
    assert abs(float(found @ quaternion)) == pytest.approx(1.0, abs=1e-9)


def test_half_way_is_half_the_angle() -> None:
    turned = np.array([0.0, np.sin(0.5), 0.0, np.cos(0.5)])
    np.testing.assert_allclose(
        slerp(IDENTITY, turned, 0.5), [0.0, np.sin(0.25), 0.0, np.cos(0.25)], atol=1e-12
    )
    np.testing.assert_array_equal(slerp(turned, turned, 0.3), turned)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12))
def test_frames_in_pieces_of_any_size_are_the_same_motion(sizes: list[int]) -> None:
    joints = WALK[: sum(sizes)]
    whole, pieces = Timeline(FPS), Timeline(FPS)
    whole.push(joints)
    for end in np.cumsum(sizes):
        pieces.push(joints[end - sizes[list(np.cumsum(sizes)).index(end)] : end])
    for timeline in (whole, pieces):
        timeline.finish()
    while not whole.over:
        for timeline in (whole, pieces):
            timeline.advance(1 / 60)
        first, second = whole.pose(), pieces.pose()
        assert first is not None
        assert second is not None
        assert first.time == second.time
        np.testing.assert_array_equal(first.joints, second.joints)
        np.testing.assert_array_equal(first.rotations, second.rotations)
    assert pieces.over


def test_every_third_moment_is_a_frame() -> None:
    timeline = Timeline(FPS)
    timeline.push(WALK)
    timeline.finish()
    for frame in range(1, 20):
        for _ in range(3):
            timeline.advance(1 / 60)
        pose = timeline.pose()
        assert pose is not None
        assert pose.time == pytest.approx(frame / FPS)
        np.testing.assert_allclose(pose.joints, WALK[frame], atol=1e-6)


def test_it_starts_with_something_in_hand_and_rests_when_that_is_gone() -> None:
    timeline = Timeline(FPS)
    assert timeline.pose() is None
    timeline.push(WALK[:8])
    timeline.advance(0.05)
    assert timeline.waiting
    assert timeline.pose().time == 0.0  # type: ignore[union-attr]
    timeline.push(WALK[8 : int(PREBUFFER * FPS) + 2])
    for _ in range(30):
        timeline.advance(0.05)
    held = timeline.pose()
    assert timeline.waiting
    assert timeline.holds == 1
    assert held is not None
    assert PREBUFFER - STARVED <= held.time <= PREBUFFER
    timeline.finish()
    for _ in range(2):
        timeline.advance(0.05)
    assert timeline.over  # the rest is played without a prebuffer


def test_little_in_hand_is_played_slowly_and_made_up_for() -> None:
    timeline = Timeline(FPS)
    timeline.push(WALK[: round(PREBUFFER * FPS) + 2], rtf=1.0)
    timeline.advance(0.05)
    assert timeline.waiting  # a generator that barely keeps up: 0.9 s
    timeline.push(WALK[round(PREBUFFER * FPS) + 2 : 21], rtf=1.0)
    times = [0.0]
    for _ in range(12):
        timeline.advance(0.05)
        times.append(timeline.pose().time)  # type: ignore[union-attr]
    steps = np.diff(times) / 0.05
    assert steps[0] == pytest.approx(1.0)
    assert steps[-1] == pytest.approx(SLOWEST)
    timeline.push(WALK[21:60], rtf=1.0)
    timeline.advance(0.05)
    assert (timeline.pose().time - times[-1]) / 0.05 == pytest.approx(FASTEST)  # type: ignore[union-attr]


def test_a_fast_generator_starts_with_less_in_hand() -> None:
    timeline = Timeline(FPS)
    timeline.push(WALK[: round(0.3 * FPS) + 2], rtf=5.0)
    timeline.advance(0.05)
    assert not timeline.waiting


def test_a_slow_generator_of_known_length_gets_a_head_start() -> None:
    timeline = Timeline(FPS, to_come=4.0)
    timeline.push(
        WALK[:22], rtf=0.5
    )  # 3 s are still to be made and take 6 s: 3 s of motion would have to be in hand
    timeline.advance(0.05)
    assert timeline.waiting
    timeline.push(WALK[22:60], rtf=0.5)
    timeline.advance(0.05)
    assert not timeline.waiting


def test_a_loop_begins_again_and_a_hiccup_does_not_jump() -> None:
    timeline = Timeline(FPS, loop=True)
    timeline.push(WALK[:21])
    timeline.finish()
    timeline.advance(5.0)
    assert timeline.pose().time == pytest.approx(MAX_STEP)  # type: ignore[union-attr]
    times = []
    for _ in range(25):
        timeline.advance(0.05)
        times.append(timeline.pose().time)  # type: ignore[union-attr]
    assert 0.0 in times
    assert not timeline.over


def test_one_frame_and_none() -> None:
    for frames in (0, 1):
        timeline = Timeline(FPS)
        timeline.push(WALK[:frames])
        timeline.finish()
        assert timeline.over
        assert (timeline.pose() is None) == (frames == 0)


def test_a_late_stroke_starts_a_new_row_of_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(clock.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    ticker = clock.Clock(50.0)
    assert ticker.wait() == pytest.approx(0.02)
    assert now[0] == pytest.approx(100.02)
    now[0] += 0.071  # the machine hangs: three strokes are missed
    assert ticker.wait() == pytest.approx(0.06)
    assert ticker.wait() == pytest.approx(0.02)
    assert now[0] == pytest.approx(100.10)
    median, most = ticker.lateness()
    assert median == pytest.approx(0.0, abs=1e-9)
    assert most == pytest.approx(0.051)


def test_bytes_and_lines_say_the_same() -> None:
    pose = TimedPose(1.25, WALK[3].astype(np.float64), np.broadcast_to(IDENTITY, (N_JOINTS, 4)))
    frame = LiveFrame(7, pose, waiting=True)
    row = np.frombuffer(frame.to_bytes(), FRAME_DTYPE)[0]
    line = json.loads(frame.to_json())
    assert len(frame.to_bytes()) == stream_header(LiveSettings())["frame_bytes"] == 632
    assert (row["index"], row["flags"], row["time"]) == (7, 1, 1.25)
    assert (line["frame"], line["waiting"], line["time"]) == (7, True, 1.25)
    np.testing.assert_array_equal(row["joints"], WALK[3])
    np.testing.assert_allclose(line["joints"], WALK[3], atol=1e-5)
    np.testing.assert_array_equal(row["rotations"], line["rotations"])
