"""Positions to rotations and back, and the BVH file that carries them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bvh_reader import read_bvh
from kinetoken import Clip
from kinetoken.motion import rotations as rot
from kinetoken.motion.hinges import HINGES, rotations_about
from kinetoken.motion.quaternions import QuaternionRun, from_matrices
from kinetoken.motion.skeleton import BONE_LENGTHS, JOINT_NAMES, PARENTS

REST = rot.RestPose.standard()


def random_turns(rng: np.random.Generator, shape: tuple[int, ...], reach: float) -> np.ndarray:
    """Rotation matrices by axis and angle (Rodrigues)."""
    axis = rng.normal(size=(*shape, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = rng.uniform(0, reach, shape)[..., None, None]
    k = np.cross(np.eye(3), axis[..., None, :])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def random_body(seed: int, frames: int = 40) -> np.ndarray:
    """Joints (T, 22, 3) of a rigid skeleton in any pose."""
    rng = np.random.default_rng(seed)
    local = random_turns(rng, (frames, 22), 2.5)
    return rot.forward_kinematics(rng.normal(size=(frames, 3)), local, REST)


def test_a_rigid_body_of_another_size_keeps_its_bones() -> None:
    joints = random_body(6) * 1.3
    rest = rot.RestPose.fit(joints)
    np.testing.assert_allclose(np.linalg.norm(rest.offsets, axis=1), 1.3 * BONE_LENGTHS, atol=1e-9)
    back = rot.forward_kinematics(
        joints[:, 0], rot.local_rotations(rot.global_rotations(joints, rest)), rest
    )
    np.testing.assert_allclose(back, joints, atol=1e-9)


def bent_body(seed: int, frames: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Joints and orientations of a body that moves smoothly, knees and elbows bent as hinges."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 2 * np.pi, frames)[:, None]
    waves = 0.5 * np.sin(time * rng.uniform(0.5, 2, 22) + rng.uniform(0, 6, 22))
    axes = np.repeat(rng.normal(size=(1, 22, 3)), frames, axis=0)
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    local = np.stack([rotations_about(axes[:, j], waves[:, j]) for j in range(22)], axis=1)
    for joint in (3, 6, 10, 11, 12, 13, 14, 15, 20, 21):
        local[:, joint] = np.eye(3)
    for hinge in HINGES:
        upper = np.array(REST.offsets[hinge.middle]) / np.linalg.norm(REST.offsets[hinge.middle])
        aside = np.cross(np.array(hinge.axis), upper)
        tilt = rotations_about(
            np.repeat(aside[None], frames, axis=0), np.full(frames, -np.arcsin(hinge.carry))
        )
        bend = rotations_about(
            np.repeat(np.array(hinge.axis)[None], frames, axis=0), 1.1 + waves[:, hinge.middle]
        )
        local[:, hinge.middle] = bend @ tilt
    joints = rot.forward_kinematics(np.zeros((frames, 3)), local, REST)
    world = local.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        world[:, joint] = world[:, parent] @ local[:, joint]
    return joints, world


@pytest.mark.parametrize("seed", range(3))
def test_bent_knees_and_elbows_show_the_twist_of_the_limb_above(seed: int) -> None:
    joints, world = bent_body(seed)
    found = rot.global_rotations(joints, REST)
    tops = [hinge.top for hinge in HINGES]
    np.testing.assert_allclose(found[:, tops], world[:, tops], atol=1e-6)


def test_the_twist_never_jumps_whatever_the_arm_does() -> None:
    frames = 800
    turn = np.linspace(0, 1.3 * np.pi, frames)
    bend = np.clip(np.linspace(5, -1, frames), 0, 1)
    joints = np.repeat(
        rot.forward_kinematics(np.zeros((1, 3)), np.eye(3)[None, None].repeat(22, 1), REST),
        frames,
        0,
    )
    wrist = np.stack(
        [np.cos(bend), -np.sin(bend) * np.sin(turn), np.sin(bend) * np.cos(turn)], axis=1
    )
    joints[:, 20] = joints[:, 18] + np.linalg.norm(REST.offsets[20]) * wrist
    shoulder = rot.global_rotations(joints, REST)[:, 16]
    steps = np.swapaxes(shoulder[:-1], -1, -2) @ shoulder[1:]
    angles = np.arccos(np.clip((np.trace(steps, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert np.degrees(angles).max() < 15
    np.testing.assert_allclose(shoulder[-1], np.eye(3), atol=1e-9)


def test_streamed_rotations_equal_those_of_the_whole() -> None:
    joints, _ = bent_body(7)
    whole = rot.RotationRun().push(joints)
    for size in (1, 3, 7, 59):
        run = rot.RotationRun()
        parts = [run.push(joints[at : at + size]) for at in range(0, len(joints), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_quaternions_turn_as_their_matrices_and_never_change_sign() -> None:
    turned = random_turns(np.random.default_rng(3), (50, 4), np.pi)
    q = from_matrices(turned)
    xyz, w = q[..., :3], q[..., 3:]
    points = np.random.default_rng(4).normal(size=(50, 4, 3))
    cross = np.cross(xyz, points)
    np.testing.assert_allclose(
        points + 2 * (w * cross + np.cross(xyz, cross)),
        (turned @ points[..., None])[..., 0],
        atol=1e-9,
    )
    angles = np.linspace(0, 6 * np.pi, 100)
    spin = rotations_about(np.tile([0.0, 1.0, 0.0], (100, 1)), angles)[:, None]
    run = QuaternionRun()
    found = np.concatenate([run.push(part) for part in np.array_split(spin, 9)])
    assert (np.sum(found[1:] * found[:-1], axis=-1) > 0.9).all()


@pytest.mark.parametrize("seed", range(3))
def test_rigid_bodies_come_back_exactly(seed: int) -> None:
    joints = random_body(seed)
    rest = rot.RestPose.fit(joints)
    world = rot.global_rotations(joints, rest)
    np.testing.assert_allclose(
        world @ np.swapaxes(world, -1, -2), np.broadcast_to(np.eye(3), world.shape), atol=1e-9
    )
    assert (np.linalg.det(world) > 0).all()
    back = rot.forward_kinematics(joints[:, 0], rot.local_rotations(world), rest)
    np.testing.assert_allclose(back, joints, atol=1e-9)


def test_golden_motion_comes_back(golden: Path) -> None:
    joints = np.load(golden / "new_joints_012314.npy").astype(np.float64)
    rest = rot.RestPose.fit(joints)
    back = rot.forward_kinematics(
        joints[:, 0], rot.local_rotations(rot.global_rotations(joints, rest)), rest
    )
    np.testing.assert_allclose(back, joints, atol=1e-5)


def test_the_rest_pose_is_a_t_pose_facing_z_with_constant_bones() -> None:
    joints = rot.forward_kinematics(
        np.zeros((1, 3)), np.broadcast_to(np.eye(3), (1, 22, 3, 3)), REST
    )[0]
    names = dict(zip(JOINT_NAMES, joints, strict=True))
    assert names["left_wrist"][0] > 0.6 > -0.6 > names["right_wrist"][0]
    assert abs(names["left_wrist"][1] - names["left_shoulder"][1]) < 0.1
    assert names["head"][1] > 0.4
    assert names["left_ankle"][1] < -0.7
    assert names["left_foot"][2] > names["left_ankle"][2] + 0.1
    np.testing.assert_allclose(np.linalg.norm(REST.offsets, axis=1), BONE_LENGTHS, atol=1e-12)


def test_stretched_bones_are_projected_on_the_constant_lengths() -> None:
    joints = random_body(5) * np.linspace(0.9, 1.3, 40)[:, None, None]
    rest = rot.RestPose.fit(joints)
    back = rot.forward_kinematics(
        joints[:, 0], rot.local_rotations(rot.global_rotations(joints, rest)), rest
    )
    bones = np.linalg.norm(back[:, 1:] - back[:, list(PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(bones, np.broadcast_to(BONE_LENGTHS[1:], bones.shape), atol=1e-9)


def test_the_swing_of_opposite_and_equal_directions_is_a_rotation() -> None:
    a = np.eye(3)
    for b in (a, -a):
        turn = rot.swing(a, b)
        np.testing.assert_allclose(np.einsum("tij,tj->ti", turn, a), b, atol=1e-9)
        np.testing.assert_allclose(np.linalg.det(turn), 1.0, atol=1e-9)


def test_a_mirrored_body_still_gives_rotations_not_reflections() -> None:
    joints = random_body(2) * (-1.0, 1.0, 1.0)
    world = rot.global_rotations(joints, REST)
    np.testing.assert_allclose(np.linalg.det(world), 1.0, atol=1e-9)


def test_bones_of_no_length_give_finite_rotations() -> None:
    world = rot.global_rotations(np.zeros((3, 22, 3)), rot.RestPose.fit(np.zeros((3, 22, 3))))
    assert np.isfinite(world).all()


def test_euler_angles_rebuild_the_matrices_and_never_jump() -> None:
    angles_about = np.linspace(0, 4 * np.pi, 200)
    z = np.zeros((200, 1, 3, 3))
    z[:, 0] = np.eye(3)
    z[:, 0, 0, 0] = z[:, 0, 1, 1] = np.cos(angles_about)
    z[:, 0, 0, 1], z[:, 0, 1, 0] = -np.sin(angles_about), np.sin(angles_about)
    run = rot.EulerRun()
    angles = np.concatenate([run.push(part) for part in np.array_split(z, 7)])
    np.testing.assert_allclose(angles[:, 0, 0], np.degrees(angles_about), atol=1e-6)
    np.testing.assert_allclose(angles[:, 0, 1:], 0, atol=1e-6)


def written(joints: np.ndarray, path: Path) -> dict[str, np.ndarray]:
    Clip(joints=joints.astype(np.float32)).save(path)
    bvh = read_bvh(path)
    assert bvh.frame_time == pytest.approx(0.05)
    assert bvh.root.channels == [
        "Xposition",
        "Yposition",
        "Zposition",
        "Zrotation",
        "Yrotation",
        "Xrotation",
    ]
    return bvh.positions()


def test_a_bvh_file_stands_where_the_joints_are(tmp_path: Path) -> None:
    joints = random_body(9)
    positions = written(joints, tmp_path / "body.bvh")
    assert set(positions) == set(JOINT_NAMES)
    for index, name in enumerate(JOINT_NAMES):
        np.testing.assert_allclose(positions[name], joints[:, index] * 100, atol=1e-3)


@pytest.mark.parametrize("name", ["012314", "000000"])
def test_a_golden_bvh_file_stands_where_the_joints_are(
    golden: Path, tmp_path: Path, name: str
) -> None:
    joints = np.load(golden / f"new_joints_{name}.npy")
    positions = written(joints, tmp_path / "golden.bvh")
    for index, joint in enumerate(JOINT_NAMES):
        np.testing.assert_allclose(positions[joint], joints[:, index] * 100, atol=1e-3)


def test_every_leaf_has_an_end_site(tmp_path: Path) -> None:
    Clip(joints=random_body(1, 2).astype(np.float32)).save(tmp_path / "x.bvh")
    text = (tmp_path / "x.bvh").read_text(encoding="ascii")
    assert text.count("End Site") == 5
    assert text.count("JOINT") == 21
