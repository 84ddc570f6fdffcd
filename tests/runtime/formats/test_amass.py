"""SMPL parameters as in AMASS: written, computed back by others' kinematics, and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bodies import moving_body
from kinetoken import Clip, FormatError, InputError
from kinetoken.cli.main import main
from kinetoken.motion.skeleton import N_JOINTS, PARENTS
from kinetoken.motion.smpl.body import OFFSETS, PELVIS, SIZE, SMPL_REST
from kinetoken.motion.smpl.parameters import SMPLH_JOINTS, axis_angles, rotation_matrices
from synthetic_motion import walking

CLIP = Clip(moving_body(3).astype(np.float32), prompt="wave", text="I wave.", seed=7)
Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
CLOSE = 0.004  # metres on average: SMPL's pelvis and chest are not quite those of our T-pose


def foreign_joints(poses: np.ndarray, root: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Forward kinematics by SciPy's rotations, in the axes of the file."""
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    turned: list[object] = []
    points = np.empty((len(poses), N_JOINTS, 3))
    for joint, parent in enumerate(PARENTS):
        local = rotation.from_rotvec(poses[:, 3 * joint : 3 * joint + 3])
        turned.append(local if parent < 0 else turned[parent] * local)
        points[:, joint] = (
            root if parent < 0 else points[:, parent] + turned[parent].apply(offsets[joint])
        )
    return points


def error(found: np.ndarray, joints: np.ndarray) -> float:
    """Mean distance of joints in metres."""
    return float(np.linalg.norm(found - joints, axis=-1).mean())


def test_the_arrays_are_those_of_amass() -> None:
    arrays = CLIP.to_amass()
    assert {key: np.shape(value) for key, value in arrays.items()} == {
        "poses": (30, 156), "trans": (30, 3), "betas": (16,), "gender": (), "mocap_framerate": (),
        "surface_model_type": (), "root_orient": (30, 3), "pose_body": (30, 63),
        "mocap_frame_rate": (),
    }  # fmt: skip
    assert (arrays["gender"], arrays["surface_model_type"]) == ("neutral", "smplh")
    poses = np.asarray(arrays["poses"])
    np.testing.assert_array_equal(poses[:, :3], arrays["root_orient"])
    np.testing.assert_array_equal(poses[:, 3:66], arrays["pose_body"])
    assert not poses[:, 66:].any()
    assert not np.any(arrays["betas"])
    assert poses.shape[1] == 3 * SMPLH_JOINTS


def test_others_kinematics_put_the_joints_where_they_are() -> None:
    arrays = CLIP.to_amass()
    root = (np.asarray(arrays["trans"]) + PELVIS) / SIZE
    ours = foreign_joints(np.asarray(arrays["poses"]), root, SMPL_REST) @ Y_UP.T
    assert error(ours, CLIP.joints) < CLOSE
    theirs = foreign_joints(np.asarray(arrays["poses"]), root, OFFSETS / SIZE) @ Y_UP.T
    assert error(theirs, CLIP.joints) < 0.02  # SMPL's own lengths


def test_smplx_puts_the_joints_where_they_are() -> None:
    """The kinematics of the smplx package; its body needs a model file with a licence."""
    torch = pytest.importorskip("torch")
    lbs = pytest.importorskip("smplx.lbs")
    arrays = CLIP.to_amass()
    poses = torch.tensor(np.asarray(arrays["poses"])[:, :66]).reshape(-1, 3)
    matrices = lbs.batch_rodrigues(poses).reshape(-1, N_JOINTS, 3, 3)
    rest = np.zeros((N_JOINTS, 3))
    for joint, parent in enumerate(PARENTS[1:], start=1):
        rest[joint] = rest[parent] + SMPL_REST[joint]
    many = torch.tensor(np.repeat(rest[None], len(CLIP), axis=0))
    found, _ = lbs.batch_rigid_transform(matrices, many, torch.tensor(PARENTS), torch.float64)
    root = (np.asarray(arrays["trans"]) + PELVIS) / SIZE
    assert error((found.numpy() + root[:, None]) @ Y_UP.T, CLIP.joints) < CLOSE


@pytest.mark.parametrize("name", ["x.amass.npz", "X.AMASS.NPZ"])
def test_a_file_is_written_and_read_back(tmp_path: Path, name: str) -> None:
    CLIP.save(tmp_path / name)
    back = Clip.load(tmp_path / name)
    assert (back.fps, back.prompt, back.text, back.seed) == (20.0, "wave", "I wave.", 7)
    assert "SMPL" in back.meta["retargeted"]
    assert error(back.joints, CLIP.joints) < CLOSE


def test_convert_writes_it_and_the_body_stays_on_the_floor(tmp_path: Path) -> None:
    walk = Clip(walking(40))
    walk.save(tmp_path / "walk.npz")
    assert (
        main(["convert", *(str(tmp_path / n) for n in ("walk.npz", "x.npz")), "--as", "amass"]) == 0
    )
    with np.load(tmp_path / "x.npz") as file:
        root = np.asarray(file["trans"]) + PELVIS
        points = foreign_joints(file["poses"], root, OFFSETS)
    assert abs(points[..., 2].min() - SIZE * walk.joints[..., 1].min()) < 0.03
    step = np.linalg.norm(root[-1, :2] - root[0, :2])
    np.testing.assert_allclose(step / SIZE, walk.joints[-1, 0, 2] - walk.joints[0, 0, 2], atol=1e-6)
    assert main(["convert", str(tmp_path / "x.npz"), str(tmp_path / "back.bvh")]) == 0


def saved(folder: Path, **changes: object) -> Path:
    """A file of AMASS with some arrays replaced; None leaves one out."""
    arrays = {**CLIP.to_amass(), **changes}
    path = folder / "file.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})  # type: ignore[arg-type]
    return path


def test_other_forms_are_read(tmp_path: Path) -> None:
    arrays = CLIP.to_amass()
    poses, trans = np.asarray(arrays["poses"]), np.asarray(arrays["trans"])
    usual = Clip.load(saved(tmp_path)).joints
    for changes in (
        {"poses": None},
        {"poses": poses[:, :72].reshape(-1, 24, 3), "root_orient": None},
        {"poses": np.pad(poses, ((0, 0), (0, 9)))},
        {"poses": poses[:, :66].astype(np.float32), "mocap_framerate": None},
    ):
        np.testing.assert_allclose(Clip.load(saved(tmp_path, **changes)).joints, usual, atol=1e-5)
    turned = rotation_matrices(poses[:, :3])
    y_up = np.concatenate([axis_angles(Y_UP @ turned), poses[:, 3:]], axis=1)
    moved = (trans + PELVIS) @ Y_UP.T - PELVIS
    path = saved(tmp_path, poses=y_up, trans=moved)
    np.testing.assert_allclose(Clip.load(path, up="y").joints, usual, atol=1e-5)
    path = saved(tmp_path, mocap_framerate=120.0)
    assert Clip.load(path).fps == 120.0


def test_the_size_of_another_body_comes_from_its_feet_on_the_floor(tmp_path: Path) -> None:
    walk = Clip(walking(40))
    arrays = walk.to_amass()
    large = 1.1 * (np.asarray(arrays["trans"]) + PELVIS) - PELVIS
    path = saved(tmp_path, **{**arrays, "trans": large, "betas": np.ones(16)})
    assert error(Clip.load(path).joints, walk.joints) < 0.04
    high = large + np.array([0.0, 0.0, 3.0])
    path = saved(tmp_path, **{**arrays, "trans": high, "betas": np.ones(16)})
    with pytest.warns(UserWarning, match="feet are rarely on the floor"):
        Clip.load(path)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"trans": None}, "poses .T, 156. and trans"),
        ({"poses": None, "pose_body": None}, "poses .T, 156. and trans"),
        ({"trans": np.zeros((4, 3))}, r"expected trans \(30, 3\), got \(4, 3\)"),
        ({"trans": np.full((30, 3), 1e9)}, "expected metres"),
        ({"trans": np.full((30, 3), np.nan)}, "NaN"),
        ({"poses": np.zeros((30, 132))}, r"66 \(the body\), 72 \(SMPL\)"),
        ({"poses": np.zeros(30)}, "expected SMPL's poses"),
        ({"poses": np.full((30, 156), 90.0)}, "degrees"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, "at least one frame"),
        ({"mocap_framerate": None, "mocap_frame_rate": None}, "expected mocap_framerate"),
        ({"mocap_framerate": 0.0}, "frames per second"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, changes: dict[str, object], line: str
) -> None:
    with pytest.raises(FormatError, match=line):
        Clip.load(saved(tmp_path, **changes))


def test_options_that_cannot_apply_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="leave out --unit"):
        Clip.load(saved(tmp_path), unit="cm")
    assert main(["convert", "a.npz", "b.bvh", "--as", "amass"]) == 2
    assert "--as amass is for .npz files" in capsys.readouterr().err


def test_axis_angles_at_no_turn_and_half_a_turn() -> None:
    vectors = np.array([[0.0, 0.0, 0.0], [1e-12, 0.0, 0.0], [0.0, np.pi, 0.0], [0.3, -0.2, 0.9]])
    np.testing.assert_allclose(axis_angles(rotation_matrices(vectors)), vectors, atol=1e-9)
