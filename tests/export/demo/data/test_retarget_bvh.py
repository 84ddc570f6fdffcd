"""BVH in: the format, and CMU clips onto the 22 joints."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from kinetoken.base.errors import FormatError, InputError
from kinetoken.motion.skeleton import BONE_LENGTHS, PARENTS
from kinetoken_export.demo.data.bvh import read_cmu_bvh
from kinetoken_export.demo.data.clips import clip_id, load_clips, open_clips
from kinetoken_export.demo.data.prepare import prepare
from kinetoken_export.demo.data.retarget import CARRIERS, retarget, source_fps

TWO_JOINTS = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT knee
  {
    OFFSET 0 -10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -10 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.05
0 90 0 0 0 0 0 0 0
1 90 2 90 0 0 0 45 0
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_joints_are_where_the_rotations_put_them(tmp_path: Path) -> None:
    motion = read_cmu_bvh(written(tmp_path / "a.bvh", TWO_JOINTS))
    assert motion.names == ("hip", "knee")
    assert motion.frame_time == 0.05
    np.testing.assert_allclose(motion.positions[0], [[0, 90, 0], [0, 80, 0]], atol=1e-9)
    # A quarter turn about Z carries the bone that hangs down to +X.
    np.testing.assert_allclose(motion.positions[1], [[1, 90, 2], [11, 90, 2]], atol=1e-9)
    np.testing.assert_allclose(
        motion.rotations[1, 1] @ motion.rotations[1, 1].T, np.eye(3), atol=1e-12
    )


@pytest.mark.parametrize(
    "text", ["", "hello", TWO_JOINTS[:200], TWO_JOINTS.replace("1 90 2 90 0 0 0 45 0\n", "1 90")]
)
def test_something_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FormatError, match=r"a\.bvh: expected a BVH file"):
        read_cmu_bvh(written(tmp_path / "a.bvh", text))


def test_another_skeleton_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="lThigh"):
        retarget(read_cmu_bvh(written(tmp_path / "a.bvh", TWO_JOINTS)), 20.0)


def test_ids_and_rates_of_the_files() -> None:
    assert [clip_id(s) for s in ("02_01", "salsa_03", "salsa_16", "indian_04", "martial_09")] == [
        "cmu_02_01", "cmu_60_03", "cmu_61_01", "cmu_94_04", "cmu_135_09",
    ]  # fmt: skip
    assert source_fps("salsa_03", 1 / 120) == 60.0
    assert source_fps("02_01", 1 / 120) == pytest.approx(120)
    assert len(CARRIERS) == len(PARENTS)


def test_a_captured_walk_is_retargeted(mocap: Path, tmp_path: Path) -> None:
    with tarfile.open(mocap / "raw" / "cmu_daz_01-14.tar.xz") as archive:
        member = next(m for m in archive if m.name.endswith("02_01.bvh"))
        file = archive.extractfile(member)
        assert file
        (tmp_path / "bvh").mkdir()
        (tmp_path / "bvh" / "02_01.bvh").write_bytes(file.read())
    (tmp_path / "bvh" / "03_01.bvh").write_text(TWO_JOINTS)
    prepare(tmp_path / "bvh", tmp_path / "work")
    clips = load_clips(tmp_path / "work")
    assert set(clips) == {"cmu_02_01"}
    walk = clips["cmu_02_01"]
    bones = np.linalg.norm(walk[:, 1:] - walk[:, PARENTS[1:]], axis=-1)
    np.testing.assert_allclose(bones, np.broadcast_to(BONE_LENGTHS[1:], bones.shape), atol=1e-5)
    with np.load(mocap / "processed" / "clips20_22x3.npz") as reference:
        difference = np.abs(
            walk[:, 1:]
            - walk[:, :1]
            - reference["cmu_02_01"][:, 1:]
            + reference["cmu_02_01"][:, :1]
        )
    assert difference.max() < 0.02


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04 cut short"])
def test_more_clips_that_are_none_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "more.npz").write_bytes(content)
    with pytest.raises(FormatError, match="npz of clips"):
        open_clips(tmp_path / "more.npz")
    with pytest.raises(InputError, match="no such file"):
        open_clips(tmp_path / "none.npz")


def test_an_empty_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected CMU \.bvh files"):
        prepare(tmp_path, tmp_path / "work")


def test_a_folder_without_a_usable_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "03_01.bvh").write_text(TWO_JOINTS)
    with pytest.raises(InputError, match=r"the 1 \.bvh files under .*none can be used \(cmu_03_01"):
        prepare(tmp_path, tmp_path / "work")
    assert not (tmp_path / "work").exists()
