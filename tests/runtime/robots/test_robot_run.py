"""Robots: kinematics against MuJoCo, limits, feet, hands, and streams equal to the whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kinetoken.motion.clip import Clip
from kinetoken.motion.quaternions import from_matrices, to_matrices
from kinetoken.motion.skeleton import FPS
from kinetoken.robots.chain_angles import chain_angles
from kinetoken.robots.robot_files import qpos
from kinetoken.robots.robot_model import ROBOTS, RobotModel, robot_named
from kinetoken.robots.robot_run import RobotRun
from robot_scenes import model_of

ROOT = Path(__file__).parents[3]
WALK = ROOT / "tests" / "viewer" / "references" / "three_walks.npz"
FACTS = ROOT.parent / "shared" / "data" / "robots" / "g1.json"


@pytest.fixture(params=ROBOTS)
def robot(request: pytest.FixtureRequest) -> RobotModel:
    return robot_named(request.param)


@pytest.fixture(scope="module")
def walk() -> Clip:
    with np.load(WALK) as data:
        return Clip(data[data.files[0]][0, :60].astype(np.float32))


def random_poses(robot: RobotModel, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(7)
    turns = draw.normal(size=(count, 4))
    angles = draw.uniform(*robot.limits.T, size=(count, robot.n_joints))
    return (
        draw.normal(size=(count, 3)),
        turns / np.linalg.norm(turns, axis=1, keepdims=True),
        angles,
    )


def test_kinematics_are_those_of_mujoco(robot: RobotModel) -> None:
    mujoco = pytest.importorskip("mujoco", reason="pip install '.[robot]'")
    model = model_of(mujoco, robot)
    data = mujoco.MjData(model)
    bodies = [model.body(f"{name}_body").id for name in robot.joint_names]
    assert [model.joint(name).qposadr[0] for name in robot.joint_names] == list(
        range(7, 7 + robot.n_joints)
    )
    for root, turn, angles in zip(*random_poses(robot, 50), strict=True):
        data.qpos[:] = [*root, *turn[[3, 0, 1, 2]], *angles]
        mujoco.mj_kinematics(model, data)
        links = robot.place(root, to_matrices(turn), angles)
        np.testing.assert_allclose(links[:-1, :3, 3], data.xpos[bodies], atol=1e-7)
        np.testing.assert_allclose(links[:-1, :3, :3].reshape(-1, 9), data.xmat[bodies], atol=1e-7)


def test_the_numbers_of_g1_are_those_of_the_facts() -> None:
    if not FACTS.exists():
        pytest.skip("../shared/data/robots/g1.json is not beside the checkout")
    facts, robot = json.loads(FACTS.read_bytes()), robot_named("g1")
    assert [joint["joint"] for joint in facts["joints"]] == list(robot.joint_names)
    assert [joint["parent"] for joint in facts["joints"]] == list(robot.parents)
    np.testing.assert_array_equal([joint["range"] for joint in facts["joints"]], robot.limits)
    np.testing.assert_array_equal([joint["speed"] for joint in facts["joints"]], robot.speeds)
    np.testing.assert_array_equal(facts["sole"], robot.sole)


def test_chains_of_three_turn_as_asked(robot: RobotModel) -> None:
    _, turns, _ = random_poses(robot, 200)
    for chain in (robot.legs[0].chain, robot.arms[1].chain):
        goal, made, zero = to_matrices(turns), np.eye(3), np.eye(3)
        angles = chain_angles(robot, chain, goal)
        for joint, angle in zip(chain, angles.T, strict=True):
            sine, versine = np.sin(angle)[:, None, None], 1 - np.cos(angle)[:, None, None]
            local = robot.local[joint, :, :3, :3]
            made = made @ (local[0] + sine * local[1] + versine * local[2])
            zero = zero @ local[0]
        np.testing.assert_allclose(made, goal @ zero, atol=1e-9)


def test_a_walk_keeps_limits_and_feet(robot: RobotModel, walk: Clip) -> None:
    motion = RobotRun(robot).push(walk.joints)
    low, high = robot.limits.T
    assert np.all(motion.angles >= low)
    assert np.all(motion.angles <= high)
    assert np.all(np.abs(np.diff(motion.angles, axis=0)) <= robot.speeds / FPS * (1 + 1e-9))
    links = motion.links()
    for leg in robot.legs:
        corners = np.einsum("tij,sj->tsi", links[:, leg.end, :3, :3], robot.sole)
        soles = (corners + links[:, leg.end, None, :3, 3])[..., 2].min(axis=1)
        assert soles.min() > -0.012
        assert np.median(soles) < 0.05
    forward = motion.root[-1] - motion.root[0]
    human = walk.joints[-1, 0] - walk.joints[0, 0]
    ratio = np.linalg.norm(forward[:2]) / np.linalg.norm(human[[2, 0]])
    assert 0.6 < ratio < 1.1
    assert forward[:2] @ human[[2, 0]] > 0


@pytest.mark.parametrize("cuts", [(1,), (4,), (7, 1, 20)])
def test_a_stream_is_the_whole(robot: RobotModel, walk: Clip, cuts: tuple[int, ...]) -> None:
    whole, run = RobotRun(robot).push(walk.joints[:30]), RobotRun(robot)
    parts, at, index = [], 0, 0
    while at < 30:
        size = cuts[index % len(cuts)]
        parts.append(run.push(walk.joints[at : min(30, at + size)]))
        at, index = at + size, index + 1
    for name in ("root", "quaternions", "angles"):
        streamed = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(streamed, getattr(whole, name))


def test_quaternions_and_matrices_are_inverse() -> None:
    turns = np.random.default_rng(1).normal(size=(20, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    back = from_matrices(to_matrices(turns))
    np.testing.assert_allclose(np.abs(np.sum(back * turns, axis=1)), 1.0, atol=1e-12)


def test_mujoco_finds_feet_on_the_floor_and_nothing_else(robot: RobotModel, walk: Clip) -> None:
    mujoco = pytest.importorskip("mujoco", reason="pip install '.[robot]'")
    model = model_of(mujoco, robot)
    data, motion = mujoco.MjData(model), RobotRun(robot).push(walk.joints[:40])
    feet = {model.body(f"{robot.joint_names[leg.end]}_body").id for leg in robot.legs}
    touching = 0
    for row in qpos(motion):
        data.qpos[:] = row
        mujoco.mj_forward(model, data)
        assert np.all(data.qpos[7:] >= model.jnt_range[1:, 0] - 1e-9)
        assert np.all(data.qpos[7:] <= model.jnt_range[1:, 1] + 1e-9)
        for contact in data.contact:
            bodies = set(model.geom_bodyid[list(contact.geom)])
            if 0 in bodies:  # the floor
                assert bodies - {0} <= feet
                assert contact.dist > -0.012
        touching += any(0 in model.geom_bodyid[list(c.geom)] for c in data.contact)
    assert touching > 10
