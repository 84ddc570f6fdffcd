"""Smoothing: streamed equals offline to the bit, what trembles is calmed, what is fast keeps its speed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import kinetoken
from kinetoken.motion.clip import Clip, MotionChunk
from kinetoken.motion.skeleton import FPS, JOINT, PARENTS
from kinetoken.motion.smooth import Smoothing
from kinetoken.tokens.markup import read_strictly
from kinetoken_viewer.stage.standing_pose import upright_pose
from synthetic_motion import walking

Array = NDArray[np.float64]
FRAMES = 41


def standing(frames: int = FRAMES) -> Array:
    return np.repeat(upright_pose()[None].astype(np.float64), frames, axis=0)


def trembling(joints: Array, size: float = 0.003) -> Array:
    return np.asarray(joints + np.random.default_rng(5).normal(0.0, size, joints.shape))


def lengths(joints: Array) -> Array:
    return np.asarray(np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1))


def kicking(frames: int = FRAMES, speed: float = 6.0) -> Array:
    """A body whose right shin swings up and back within 0.4 s, its foot at `speed` m/s at most."""
    joints = standing(frames)
    knee, ankle, foot = (JOINT[f"right_{part}"] for part in ("knee", "ankle", "foot"))
    time = (np.arange(frames) - frames // 2) / FPS
    length = np.linalg.norm(joints[0, foot] - joints[0, knee])
    angle = (
        speed / length / (np.pi / 0.4) * np.where(abs(time) < 0.2, np.cos(time * np.pi / 0.4), 0.0)
    )
    cos, sin = np.cos(angle), np.sin(angle)
    for joint in (ankle, foot):
        arm = joints[:, joint] - joints[:, knee]
        joints[:, joint, 1] = joints[:, knee, 1] + cos * arm[:, 1] + sin * arm[:, 2]
        joints[:, joint, 2] = joints[:, knee, 2] - sin * arm[:, 1] + cos * arm[:, 2]
    return joints


@given(cuts=st.sets(st.integers(0, FRAMES)), frames=st.integers(0, FRAMES))
def test_every_cutting_gives_the_motion_of_one_batch_to_the_bit(
    cuts: set[int], frames: int
) -> None:
    joints = trembling(walking(FRAMES).astype(np.float64))[:frames]
    whole = Smoothing().apply(joints)
    run = Smoothing().start()
    pieces = [run.push(joints[a:b]) for a, b in pairwise([0, *sorted(cuts), FRAMES])]
    np.testing.assert_array_equal(np.concatenate([*pieces, run.finish()]), whole)
    assert len(whole) == frames


def test_the_first_frame_is_final_at_once_and_others_after_the_delay() -> None:
    run, joints = Smoothing().start(), standing(9)
    assert Smoothing().frames == 2
    assert [len(run.push(joints[i : i + 1])) for i in range(9)] == [1, 0, 1, 0, 1, 1, 1, 1, 1]
    assert len(run.finish()) == 2


def test_a_long_motion_is_computed_in_pieces() -> None:
    joints = trembling(np.tile(walking(50).astype(np.float64), (100, 1, 1)))
    run = Smoothing().start()
    np.testing.assert_array_equal(
        Smoothing().apply(joints), np.concatenate([run.push(joints), run.finish()])
    )


def test_a_tremble_goes_and_the_first_and_last_frame_stay() -> None:
    joints = trembling(standing())
    calm = Smoothing().apply(joints)
    np.testing.assert_allclose(calm[[0, -1]], joints[[0, -1]], atol=1e-12)
    before, after = (np.abs(np.diff(j, n=3, axis=0)).mean() for j in (joints, calm))
    assert after < 0.2 * before
    assert np.linalg.norm(calm - joints, axis=-1).mean() < 0.01


def test_what_is_even_stays() -> None:
    glide = standing() + np.arange(FRAMES)[:, None, None] * np.array([0.05, 0.0, 0.02])
    np.testing.assert_allclose(Smoothing().apply(glide), glide, atol=1e-9)


def test_a_kick_keeps_its_speed_while_the_rest_is_calmed() -> None:
    kick, foot = kicking(), JOINT["right_foot"]
    calm = Smoothing().apply(trembling(kick))
    fastest = [np.linalg.norm(np.diff(j[:, foot], axis=0), axis=-1).max() for j in (kick, calm)]
    assert fastest[0] * FPS > 4.0
    assert fastest[1] > 0.97 * fastest[0]
    still = [
        np.abs(np.diff(j[:, : JOINT["head"]], n=3, axis=0)).mean() for j in (trembling(kick), calm)
    ]
    assert still[1] < 0.4 * still[0]


def test_a_nod_is_no_deeper_than_before() -> None:
    """The head is faster than the neck, and stays with it."""
    nod, neck = standing(), [JOINT["neck"], JOINT["head"]]
    angle = 0.5 * np.clip(1.0 - np.abs(np.arange(FRAMES) - 20) / 4.0, 0.0, 1.0)
    for joint in neck:
        arm = nod[:, joint] - nod[:, JOINT["spine1"]]
        nod[:, joint, 1] -= (1.0 - np.cos(angle)) * arm[:, 1]
        nod[:, joint, 2] += np.sin(angle) * arm[:, 1]
    calm = Smoothing().apply(nod)
    bend = [
        np.arctan2(j[:, neck[1], 2] - j[:, neck[0], 2], j[:, neck[1], 1] - j[:, neck[0], 1])
        for j in (nod, calm)
    ]
    assert 0.8 * np.ptp(bend[0]) < np.ptp(bend[1]) < 1.02 * np.ptp(bend[0])


def test_bones_keep_their_length_or_that_of_the_frames_around() -> None:
    for joints in (kicking(), walking(60).astype(np.float64)):
        before, after = lengths(joints), lengths(Smoothing().apply(joints))
        around = np.pad(before, ((2, 2), (0, 0)), mode="edge")
        windows = np.stack([around[k : k + len(before)] for k in range(5)])
        assert (after > windows.min(axis=0) - 1e-9).all()
        assert (after < windows.max(axis=0) + 1e-9).all()


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected joints \(n, 22, 3\)"):
        Smoothing().start().push(np.zeros((3, 21, 3)))


def test_a_clip_of_another_rate_waits_as_long() -> None:
    fine = Clip(np.repeat(standing(30), 3, axis=0).astype(np.float32), fps=60.0)
    assert fine.smoothed().meta["smooth"] == "on, 6 frames later"
    assert len(Clip(np.zeros((0, 22, 3), np.float32)).smoothed()) == 0


ASKED = {"seed": 3, "seconds": 2.0, "max_thought": 2}


def test_the_option_changes_joints_alone(generator: kinetoken.Generator) -> None:
    plain = generator.generate("a person walks", **ASKED)
    smooth = generator.generate("a person walks", smooth=True, **ASKED)
    np.testing.assert_array_equal(plain.features, smooth.features)
    np.testing.assert_array_equal(plain.codes, smooth.codes)
    assert plain.text == smooth.text
    assert "smooth" not in plain.meta
    assert smooth.meta["smooth"] == "on, 2 frames later"
    assert not np.array_equal(plain.joints, smooth.joints)
    np.testing.assert_allclose(plain.smoothed().joints, smooth.joints, atol=1e-5)
    assert smooth.smoothed() is smooth


def test_feet_are_locked_after_smoothing(generator: kinetoken.Generator) -> None:
    both = generator.generate("a person walks", smooth=True, foot_lock=True, **ASKED)
    plain = generator.generate("a person walks", **ASKED)
    np.testing.assert_allclose(plain.smoothed().foot_locked().joints, both.joints, atol=1e-5)
    again = plain.foot_locked().smoothed()
    assert again.meta["foot_lock"] == "on"


def test_the_first_pose_comes_with_the_same_token_and_frames_two_later(
    generator: kinetoken.Generator,
) -> None:
    came = []
    for smooth in (False, True):
        answer = generator.stream("a person walks", smooth=smooth, **ASKED)
        chunks = [c for c in answer if isinstance(c, MotionChunk)]
        came.append(chunks)
        assert [c.start for c in chunks] == list(np.cumsum([0, *(len(c.joints) for c in chunks)]))[
            :-1
        ]
        assert all(len(c.joints) == len(c.features) for c in chunks)
    plain, later = ([len(c.joints) for c in chunks] for chunks in came)
    assert len(plain) == len(later)
    assert later[0] == plain[0] - 2
    assert later[1:-1] == plain[1:-1]


def test_a_stopped_answer_has_the_codes_of_its_frames(generator: kinetoken.Generator) -> None:
    stride = generator.bundle.decoder.stride
    for stop in (1, 2, 5):
        answer = generator.stream("a person walks", smooth=True, **ASKED)
        motion = (c for c in answer if isinstance(c, MotionChunk))
        handed = [next(motion) for _ in range(stop)]
        answer.close()
        clip = answer.clip()
        assert clip.codes is not None
        assert clip.features is not None
        assert len(clip) == len(clip.features) == stride * len(clip.codes)
        assert len(clip) == sum(len(c.joints) for c in handed) // stride * stride
        assert answer.stats.frames == len(clip)
        if len(clip):
            read = read_strictly(clip.text, *_shape(generator))
            np.testing.assert_array_equal(read.frames, clip.codes)


def _shape(generator: kinetoken.Generator) -> tuple[int, int]:
    levels = generator.bundle.vocabulary.levels
    return len(levels), len(levels[0])


def test_a_session_goes_on_where_a_smoothed_turn_ended(generator: kinetoken.Generator) -> None:
    session = generator.session(smooth=True, **ASKED)
    first = [c.joints for c in session.say("walk") if isinstance(c, MotionChunk)]
    second = [c.joints for c in session.say("walk") if isinstance(c, MotionChunk)]
    step = np.linalg.norm(second[0][0, 0, [0, 2]] - first[-1][-1, 0, [0, 2]])
    assert step < 0.2
