"""Cuts, mirror images, motion on the spot and loops, as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from bodies import moving_body
from kinetoken import Clip, InputError
from kinetoken.motion.edits.cuts import mirror_image, trimmed, without_path
from kinetoken.motion.edits.loop import closest_cycle, loop_of
from kinetoken.motion.resample import at_rate
from kinetoken.motion.skeleton import JOINT, MIRROR, PARENTS
from kinetoken.motion.transition import heading, yaw
from synthetic_motion import STEPS_PER_SECOND, walking

CLIP = Clip(moving_body(4).astype(np.float32), prompt="wave", features=np.zeros((30, 263)))
CYCLE = 2.0 / STEPS_PER_SECOND  # seconds of a walk


def curved_walk(turn: float) -> Clip:
    """A walk of 4 s along +Z that turns by `turn` radians in the end; a codec's noise on it."""
    joints = walking(80).astype(np.float64)
    for frame, pose in enumerate(joints):
        joints[frame] = pose @ yaw(turn * frame / 79).T
    return Clip((joints + np.random.default_rng(0).normal(0, 0.002, joints.shape)).astype("f4"))


def local(pose: np.ndarray) -> np.ndarray:
    """A pose as if at the origin, facing +Z."""
    return (pose - pose[0] * [1.0, 0.0, 1.0]) @ yaw(-heading(pose)).T


def test_a_part_is_cut_out() -> None:
    part = trimmed(CLIP, 0.5, 1.0)
    np.testing.assert_array_equal(part.joints, CLIP.joints[10:20])
    assert (part.features, part.prompt) == (None, "wave")
    assert len(trimmed(CLIP, None, 1.0)) == 20
    assert len(trimmed(CLIP, 1.0, None)) == 10


@pytest.mark.parametrize(("begin", "end"), [(1.0, 0.5), (0.0, 9.0), (2.0, None), (1.5, 1.51)])
def test_a_part_that_is_not_there_is_refused(begin: float, end: float | None) -> None:
    with pytest.raises(InputError, match=r"within 0 to 1\.5"):
        trimmed(CLIP, begin, end)


def test_a_part_shorter_than_a_frame_is_told_as_that() -> None:
    with pytest.raises(InputError, match=r"1:1\.01 is shorter than a frame, which takes 0\.05"):
        trimmed(CLIP, 1.0, 1.01)


def test_the_mirror_image_exchanges_the_sides() -> None:
    image = mirror_image(CLIP)
    left, right = JOINT["left_wrist"], JOINT["right_wrist"]
    np.testing.assert_allclose(image.joints[:, left], CLIP.joints[:, right] * [-1, 1, 1])
    np.testing.assert_array_equal(mirror_image(image).joints, CLIP.joints)
    assert MIRROR[left] == right


def test_in_place_the_pelvis_stays_above_the_origin() -> None:
    still = without_path(CLIP)
    assert not still.joints[:, 0, [0, 2]].any()
    np.testing.assert_array_equal(still.joints[..., 1], CLIP.joints[..., 1])
    bones = CLIP.joints[:, 1:] - CLIP.joints[:, PARENTS[1:]]
    np.testing.assert_allclose(still.joints[:, 1:] - still.joints[:, PARENTS[1:]], bones, atol=1e-6)


@pytest.mark.parametrize("fps", [20.0, 60.0])
@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_a_loop_is_one_cycle_whose_ends_agree(fps: float, turn: float) -> None:
    clip = at_rate(curved_walk(turn), fps)
    loop, cycle = loop_of(clip)
    assert abs((len(loop) - 1) / fps - CYCLE) < 0.06
    assert cycle.end - cycle.begin == len(loop) - 1
    assert cycle.gap < 0.04
    np.testing.assert_allclose(local(loop.joints[-1]), local(loop.joints[0]), atol=1e-5)
    assert abs(heading(loop.joints[-1]) - heading(loop.joints[0])) < 1e-5
    travel = np.linalg.norm(loop.joints[-1, 0] - loop.joints[0, 0])
    assert abs(travel - 1.2 * (len(loop) - 1) / fps) < 0.05
    assert f"gap {cycle.gap * 100:.1f} cm" in loop.meta["loop"]


@pytest.mark.parametrize("fps", [20.0, 60.0])
def test_the_seam_is_no_faster_than_the_motion(fps: float) -> None:
    loop, _ = loop_of(at_rate(curved_walk(0.0), fps), straight=True)
    poses = without_path(loop).joints[:-1].astype(np.float64)
    twice = np.concatenate([poses, poses])
    jerk = np.linalg.norm(np.diff(twice, n=2, axis=0), axis=-1).max(axis=1)
    seam = len(poses)
    assert jerk[seam - 3 : seam + 1].max() <= 1.5 * jerk[: seam - 3].max()


def test_a_turn_that_was_meant_stays_unless_the_loop_is_straight() -> None:
    clip = curved_walk(4.0)
    loop, _ = loop_of(clip)
    assert abs(heading(loop.joints[-1]) - heading(loop.joints[0])) > 0.5
    loop, _ = loop_of(clip, straight=True)
    assert abs(heading(loop.joints[-1]) - heading(loop.joints[0])) < 1e-5


def test_what_does_not_repeat_is_refused() -> None:
    rising = np.repeat(walking(1), 40, axis=0)
    rising[:, JOINT["left_wrist"], 1] += np.linspace(0.0, 1.0, 40)
    with pytest.raises(InputError, match="never comes back to a pose"):
        closest_cycle(Clip(rising))
    with pytest.raises(InputError, match=r"at least 0\.\d s of motion, got 0\.3"):
        closest_cycle(Clip(walking(6)))
    with pytest.raises(InputError, match="at most 75 s, got 80"):
        closest_cycle(Clip(np.repeat(walking(1), 1600, axis=0)))


def test_an_idle_body_loops() -> None:
    noise = np.random.default_rng(0).normal(0, 0.001, (40, 22, 3))
    loop, cycle = loop_of(Clip((np.repeat(walking(1), 40, axis=0) + noise).astype(np.float32)))
    assert cycle.gap < 0.01
    assert len(loop) > 8


@pytest.mark.parametrize("fps", [10.0, 30.0, 60.0])
def test_another_rate_keeps_times_and_has_no_kinks(fps: float) -> None:
    other = at_rate(CLIP, fps)
    assert other.fps == fps
    assert len(other) == int(29 * fps / 20) + 1
    same = {10.0: (1, 2), 30.0: (3, 2), 60.0: (3, 1)}[fps]
    np.testing.assert_allclose(
        other.joints[:: same[0]],
        CLIP.joints[:: same[1]][: len(other.joints[:: same[0]])],
        atol=1e-6,
    )
    steps = np.linalg.norm(np.diff(other.joints.astype(float), n=2, axis=0), axis=-1).max()
    own = np.linalg.norm(np.diff(CLIP.joints.astype(float), n=2, axis=0), axis=-1).max()
    assert steps < 2.5 * own * (20.0 / fps) ** 2
