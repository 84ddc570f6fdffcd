"""What `convert` writes for games, by the numbers of the written files and foreign readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreign_readers
from bodies import moving_body
from kinetoken import Clip
from kinetoken.cli.main import main
from kinetoken.formats.bone_sets import BONE_SETS
from kinetoken.formats.rig import Rig
from kinetoken.formats.root_motion import ROOT_BONE
from kinetoken.motion.skeleton import JOINT_NAMES, N_JOINTS
from synthetic_motion import walking

CLIP = Clip(moving_body(2).astype(np.float32), prompt="walk")
CLOSE = 1e-4  # metres


def convert(folder: Path, out: str, *options: str, clip: Clip = CLIP) -> Path:
    clip.save(folder / "in.npz")
    assert main(["convert", str(folder / "in.npz"), str(folder / out), *options]) == 0
    return folder / out


def document(path: Path) -> Any:
    raw = path.read_bytes()
    return json.loads(raw[20 : 20 + int.from_bytes(raw[12:16], "little")])


def joints_in(out: Any, names: tuple[str, ...]) -> np.ndarray:
    plain = [name.replace(":", "") for name in names]  # three.js takes colons out
    return np.array([[frame[name] for name in plain] for frame in out["frames"]])


@pytest.mark.parametrize("rig", BONE_SETS)
def test_three_js_finds_the_bones_by_the_names_of_an_engine(tmp_path: Path, rig: str) -> None:
    path = convert(tmp_path, "x.glb", "--rig", rig)
    assert [node["name"] for node in document(path)["nodes"][:N_JOINTS]] == list(BONE_SETS[rig])
    out = foreign_readers.read("glb", path)
    np.testing.assert_allclose(joints_in(out, BONE_SETS[rig]), Rig.of(CLIP).joints(), atol=CLOSE)


@pytest.mark.parametrize("rig", [*BONE_SETS, None])
@pytest.mark.parametrize("root", [(), ("--root-bone",)])
def test_files_with_names_of_an_engine_are_read_back(
    tmp_path: Path, rig: str | None, root: tuple[str, ...]
) -> None:
    path = convert(tmp_path, "x.glb", *root, *(() if rig is None else ("--rig", rig)))
    np.testing.assert_allclose(Clip.load(path).joints, CLIP.joints, atol=0.01)


def test_the_names_are_those_of_the_engines() -> None:
    named = {rig: dict(zip(JOINT_NAMES, names, strict=True)) for rig, names in BONE_SETS.items()}
    assert all(len(set(names)) == N_JOINTS for names in BONE_SETS.values())
    assert named["unreal"]["left_knee"] == "calf_l"
    assert named["unity"]["right_elbow"] == "RightLowerArm"
    assert named["mixamo"]["left_hip"] == "mixamorig:LeftUpLeg"


def test_a_root_bone_carries_the_path_and_the_body_moves_as_before(tmp_path: Path) -> None:
    path = convert(tmp_path, "x.glb", "--root-bone", "--rig", "unreal")
    report = foreign_readers.read("validate", path)
    assert (report["errors"], report["warnings"]) == (0, 0), report["codes"]
    out = foreign_readers.read("glb", path)
    joints = Rig.of(CLIP).joints()
    np.testing.assert_allclose(joints_in(out, BONE_SETS["unreal"]), joints, atol=CLOSE)
    root = joints_in(out, (ROOT_BONE,))[:, 0]
    np.testing.assert_allclose(root, joints[:, 0] * [1.0, 0.0, 1.0], atol=CLOSE)


def test_a_loop_in_place_at_another_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk = Clip(walking(80))
    path = convert(tmp_path, "x.glb", "--loop", "--in-place", "--fps", "30", clip=walk)
    said = capsys.readouterr().out
    assert "loop" in said
    assert "gap" in said
    out = foreign_readers.read("glb", path)
    found = joints_in(out, JOINT_NAMES)
    np.testing.assert_allclose(np.diff(out["times"]), 1 / 30, atol=1e-5)
    np.testing.assert_allclose(found[0], found[-1], atol=CLOSE)
    np.testing.assert_allclose(found[:, 0, [0, 2]], 0.0, atol=CLOSE)


def test_cut_and_mirrored(tmp_path: Path) -> None:
    path = convert(tmp_path, "x.npy", "--trim", "0.5:1", "--mirror")
    found = np.load(path)
    assert found.shape == (10, N_JOINTS, 3)
    np.testing.assert_allclose(found[:, 0], CLIP.joints[10:20, 0] * [-1.0, 1.0, 1.0], atol=1e-6)
    assert np.load(convert(tmp_path, "f.npy", "--mirror", "--as", "features")).shape == (29, 263)


def test_a_bvh_with_z_up(tmp_path: Path) -> None:
    path = convert(tmp_path, "x.bvh", "--write-up", "z")
    found = joints_in(foreign_readers.read("bvh", path), JOINT_NAMES) / 100.0
    x, y, z = np.moveaxis(Rig.of(CLIP).joints(), -1, 0)
    np.testing.assert_allclose(found, np.stack([x, -z, y], axis=-1), atol=CLOSE)
    with pytest.warns(UserWarning, match="Z points up|up"):
        back = Clip.load(path)
    np.testing.assert_allclose(back.joints, CLIP.joints, atol=0.01)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["x.bvh", "--rig", "unity"], "--rig is for .glb files"),
        (["x.npz", "--root-bone"], "--root-bone is for .glb files"),
        (["x.glb", "--write-up", "z"], "--write-up is for .bvh files"),
        (["x.glb", "--root-bone", "--in-place"], "leave one out"),
        (["x.glb", "--trim", "a:b"], "expected seconds A:B"),
        (["x.glb", "--trim", ":"], "expected seconds A:B"),
        (["x.glb", "--trim", "5:6"], "within 0 to 1.5"),
        (["x.glb", "--rig", "unrael"], "did you mean unreal?"),
        (["x.glb", "--loop"], "--loop: expected"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    CLIP.save(tmp_path / "in.npz")
    out = str(tmp_path / options[0])
    try:
        code = main(["convert", str(tmp_path / "in.npz"), out, *options[1:]])
    except SystemExit as end:
        code = int(str(end.code))
    assert code == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / options[0]).exists()
