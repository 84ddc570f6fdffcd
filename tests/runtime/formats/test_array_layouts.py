"""Arrays in other orders are read where it is plain what they are; all else is named."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bodies import moving_body
from kinetoken import Clip, FormatError, InputError
from kinetoken.motion.features import encode
from kinetoken.motion.skeleton import JOINT, MIRROR, N_JOINTS
from synthetic_motion import walking

JOINTS = moving_body(4, 20, reach=0.3).astype(np.float32)
FEATURES = encode(JOINTS)
WALK = walking(40)
ROOT = Path(__file__).parents[3]


def with_more(count: int) -> Any:
    """The 22 and others behind them, as SMPL's relatives have."""
    others = np.repeat(JOINTS[:, 20:21], count - N_JOINTS, axis=1) + 0.05
    return np.concatenate([JOINTS, others], axis=1)


LAYOUTS: dict[str, Any] = {
    "flat": JOINTS.reshape(20, 66),
    "flat, transposed": JOINTS.reshape(20, 66).T,
    "motion-diffusion-model": JOINTS.transpose(1, 2, 0),
    "a batch of one of it": JOINTS.transpose(1, 2, 0)[None],
    "axes first": JOINTS.transpose(2, 1, 0),
    "axes before joints": JOINTS.transpose(0, 2, 1),
    "a batch of one": JOINTS[None],
    "SMPL": with_more(24),
    "SMPL, flat": with_more(24).reshape(20, 72),
    "SMPL-H": with_more(52),
    "SMPL-X": with_more(55),
    "SMPL of MDM": with_more(24).transpose(1, 2, 0)[None],
    "64 bits": JOINTS.astype(np.float64),
    "Fortran's order": np.asfortranarray(JOINTS),
}


def saved(folder: Path, values: Any) -> Path:
    np.save(folder / "x.npy", values)
    return folder / "x.npy"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_joints_in_other_orders(tmp_path: Path, layout: str) -> None:
    np.testing.assert_array_equal(Clip.load(saved(tmp_path, LAYOUTS[layout])).joints, JOINTS)


@pytest.mark.parametrize("frames", [1, 2, 3, 22])
def test_short_motions_in_other_orders(tmp_path: Path, frames: int) -> None:
    some = moving_body(4, frames, reach=0.2).astype(np.float32)
    for values in (some.reshape(frames, 66), some.transpose(1, 2, 0), some[None]):
        np.testing.assert_array_equal(Clip.load(saved(tmp_path, values)).joints, some)


@pytest.mark.parametrize("values", [FEATURES.T, FEATURES[None], FEATURES.T[None, :, None, :]])
def test_features_in_other_orders(tmp_path: Path, values: Any) -> None:
    clip = Clip.load(saved(tmp_path, values))
    np.testing.assert_allclose(clip.features, FEATURES, atol=1e-6)


@pytest.mark.parametrize("key", ["motion", "positions", "joint_positions", "arr_0"])
def test_archives_under_other_keys(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "x.npz", **{key: JOINTS.transpose(1, 2, 0)}, fps=30)
    clip = Clip.load(tmp_path / "x.npz")
    np.testing.assert_array_equal(clip.joints, JOINTS)
    assert clip.fps == 30


@pytest.mark.parametrize(("unit", "factor"), [("cm", 100), ("mm", 1000), ("in", 1 / 0.0254)])
def test_units_and_axes_are_given(tmp_path: Path, unit: str, factor: float) -> None:
    path = saved(tmp_path, JOINTS[..., [0, 2, 1]] * [1, -1, 1] * factor)
    clip = Clip.load(path, unit=unit, up="z")
    np.testing.assert_allclose(clip.joints, JOINTS, atol=1e-5)
    with pytest.raises(FormatError, match=f"{unit}[?] Divide by .*, or give --unit {unit}"):
        Clip.load(path, up="z")


OTHERS: list[tuple[Any, str]] = [
    (np.random.default_rng(0).normal(0, 0.4, (20, 66)), r"\(20, 66\), whose numbers are no positions"),
    (np.random.default_rng(0).normal(0, 0.4, (20, 24, 3)), "rotations, or normalised[?]"),
    (np.zeros((20, 21, 3)), "the 21 joints of KIT-ML"),
    (np.zeros((20, 251)), "the features of KIT-ML"),
    (np.zeros((20, 17, 3)), "Human3.6M or COCO"),
    (np.zeros((20, 22, 6)), "6-D rotations"),
    (np.zeros((20, 24, 3, 3)), "rotation matrices"),
    (np.zeros((20, 272)), "MotionStreamer"),
    (np.zeros((20, 5)), r"got \(20, 5\); other skeletons are read from BVH and GLB"),
    (np.zeros((3, 22, 3, 20)), r"one motion, got \(3, 22, 3, 20\): 3 of them[?] Save one: numpy.save"),
    (np.zeros((3, 20, 22, 3)), "3 of them"),
    (np.zeros((3, 20, 263)), "3 of them"),
    (np.zeros(0), r"got \(0,\)"),
    (np.float32(3), r"got \(\)"),
    (np.zeros((20, 66), "c8"), "expected numbers, got complex64"),
    (np.zeros(20, [("x", "f4")]), "expected numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "message"), OTHERS)
def test_what_is_no_body_is_named(tmp_path: Path, values: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        Clip.load(saved(tmp_path, values))


def test_smpl_parameters_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", poses=np.zeros((20, 156)), betas=np.zeros(16))
    with pytest.raises(FormatError, match="got betas, poses; SMPL parameters, as in AMASS"):
        Clip.load(tmp_path / "x.npz")


def test_normalised_features_are_refused_with_the_reason(tmp_path: Path) -> None:
    long = encode(moving_body(5, 200))
    normalised = (long - long.mean(axis=0)) / np.maximum(long.std(axis=0), 1e-2)
    with pytest.raises(
        FormatError, match=r"got legs of .* to .* m where HumanML3D's are 0.82: normalised\? Save"
    ):
        Clip.load(saved(tmp_path, normalised))
    noisy = FEATURES + np.random.default_rng(0).normal(0, 0.01, FEATURES.shape)
    assert len(Clip.load(saved(tmp_path, noisy))) == len(FEATURES)


def test_features_have_a_unit_of_their_own(tmp_path: Path) -> None:
    path = saved(tmp_path, FEATURES)
    with pytest.raises(InputError, match="features are in metres, Y up; leave out --unit and --up"):
        Clip.load(path, unit="cm", up="y")
    with pytest.raises(InputError, match=r"--animation is for .glb and .vrma"):
        Clip.load(path, animation="Walk")


def results_of_mdm(folder: Path) -> Path:
    """What motion-diffusion-model writes: a dict in an array of objects, three motions in it."""
    motions = np.stack([walking(20).transpose(1, 2, 0)] * 3)
    found = {"motion": motions, "text": ["a", "b", "c"], "lengths": np.array([20] * 3)}
    np.save(folder / "results.npy", found)  # type: ignore[arg-type]
    return folder / "results.npy"


class Evil:
    """Runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("evil"),))


def test_pickled_results_are_named_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FormatError, match=r"Python objects, which may run code .*docs/motion-files.md shows"
    ):
        Clip.load(results_of_mdm(tmp_path))
    np.save(tmp_path / "x.npy", np.array(Evil()), allow_pickle=True)
    np.savez(tmp_path / "x.npz", joints=np.array(Evil()))
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Evil()))
    for name in ("x.npy", "x.npz", "plain.npy"):
        with pytest.raises(FormatError, match="expected plain arrays"):
            Clip.load(tmp_path / name)
    assert not (tmp_path / "evil").exists()


def test_the_page_takes_a_motion_out_safely(tmp_path: Path) -> None:
    page = (ROOT / "docs/motion-files.md").read_text(encoding="utf-8")
    script = re.search(r"```python\n(.*?Unpickler.*?)```", page, re.DOTALL)
    assert script is not None
    results_of_mdm(tmp_path)
    subprocess.run([sys.executable, "-c", script[1]], cwd=tmp_path, check=True)
    np.testing.assert_allclose(Clip.load(tmp_path / "motion.npy").joints, walking(20))
    (tmp_path / "motion.npy").unlink()
    np.save(tmp_path / "results.npy", {"motion": Evil()})  # type: ignore[arg-type]
    run = subprocess.run(
        [sys.executable, "-c", script[1]], cwd=tmp_path, capture_output=True, check=False
    )
    assert run.returncode != 0
    assert b"UnpicklingError" in run.stderr
    assert not (tmp_path / "evil").exists()


def test_sizes_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    whole = saved(tmp_path, JOINTS).read_bytes()
    for announced in (b"(20000000, 22, 3)", b"(21, 22, 3)"):
        raw = whole.replace(b"(20, 22, 3), }" + b" " * (len(announced) - 11), announced + b", }")
        (tmp_path / "x.npy").write_bytes(raw)
        with pytest.raises(FormatError, match=r"is cut short: .* bytes announced"):
            Clip.load(tmp_path / "x.npy")


def test_a_damaged_header_is_one_line(tmp_path: Path) -> None:
    whole = saved(tmp_path, JOINTS).read_bytes()
    for old, new in (
        (b"{", b"("),
        (b"}", b" "),
        (b"'<f4'", b"'<q4'"),
        (b"(20", b"(-2"),
        (b"20,", b"2.,"),
    ):
        (tmp_path / "x.npy").write_bytes(whole.replace(old, new, 1))
        with pytest.raises(FormatError, match=r"x\.npy"):
            Clip.load(tmp_path / "x.npy")


LAFAN = ["pelvis", "left_hip", "left_knee", "left_ankle", "left_foot", "right_hip", "right_knee", "right_ankle",
         "right_foot", "spine1", "spine2", "spine3", "neck", "head", "left_collar", "left_shoulder", "left_elbow",
         "left_wrist", "right_collar", "right_shoulder", "right_elbow", "right_wrist"]  # fmt: skip


def test_joints_in_the_order_of_another_skeleton_are_named(tmp_path: Path) -> None:
    there = JOINTS[:, [JOINT[name] for name in LAFAN]]
    with pytest.raises(FormatError, match="in the order of LaFAN1's") as caught:
        Clip.load(saved(tmp_path, there))
    order = json.loads(re.search(r"joints\[:, (\[.*\])\]", str(caught.value))[1])  # type: ignore[index]
    np.testing.assert_array_equal(there[:, order], JOINTS)


@pytest.mark.parametrize(
    "values", [JOINTS[:, ::-1], np.random.default_rng(0).normal(0, 0.3, (20, 22, 3))]
)
def test_22_joints_that_are_no_body_are_refused(tmp_path: Path, values: Any) -> None:
    with pytest.raises(FormatError, match="are no body: rotations, or joints in another order"):
        Clip.load(saved(tmp_path, values))


@pytest.mark.parametrize("values", [JOINTS, JOINTS.reshape(len(JOINTS), 66), FEATURES])
def test_frames_of_zeros_behind_a_motion_are_refused(tmp_path: Path, values: Any) -> None:
    padded = np.concatenate([values, np.zeros((30, *values.shape[1:]))])
    with pytest.raises(FormatError, match=f"30 frames of zeros behind {len(values)}: padding"):
        Clip.load(saved(tmp_path, padded))


@pytest.mark.parametrize("key", ["mocap_framerate", "mocap_frame_rate", "framerate", "frame_rate"])
def test_frames_per_second_under_other_keys(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "x.npz", positions=JOINTS, **{key: np.float64(60)})
    assert Clip.load(tmp_path / "x.npz").fps == 60


@pytest.mark.parametrize("values", [WALK * [-1, 1, 1], WALK * [1, 1, -1], WALK[:, MIRROR]])
def test_a_mirrored_body_is_told(tmp_path: Path, values: Any) -> None:
    with pytest.warns(UserWarning, match="feet and knees point backward; are the sides exchanged"):
        Clip.load(saved(tmp_path, values))
