"""Motion files as other people have them, from the folder of cases beside the checkout."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from kinetoken import Clip, FormatError

SHARED = Path(__file__).parents[4] / "shared"
CASES = SHARED / "cases" / "files"
MOCAP = SHARED / "data" / "mocap"
EXTRA = SHARED / "data" / "motion_extra"
SAME = (
    "names_cmu.bvh", "names_mixamo_glued.bvh", "names_unity.bvh", "unit_inches.bvh", "unit_decimetres.bvh",
    "six_channels_zero_offsets.bvh", "frametime_lower.bvh", "end_site_channels0.bvh", "trailing_z.bvh",
)  # fmt: skip
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"there is no {CASES}")


@needs_cases
@pytest.mark.parametrize("name", SAME)
def test_each_file_is_the_base_again(name: str) -> None:
    clip, base = Clip.load(CASES / name), Clip.load(CASES / "base.bvh")
    assert len(clip) == 10
    np.testing.assert_allclose(clip.joints, base.joints[:10], atol=1e-4)


@needs_cases
def test_one_frame_more_is_read_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="9 frames announced, 10 found and read"):
        clip = Clip.load(CASES / "one_frame_more.bvh")
    np.testing.assert_allclose(clip.joints, Clip.load(CASES / "base.bvh").joints[:10], atol=1e-6)


@needs_cases
@pytest.mark.parametrize("name", ["t66.npy", "j3t.npy"])
def test_arrays_in_other_orders_are_the_base_again(name: str) -> None:
    np.testing.assert_array_equal(
        Clip.load(CASES / name).joints, Clip.load(CASES / "base.npz").joints[:20]
    )


@needs_cases
@pytest.mark.parametrize(
    ("name", "message"),
    [("mdm_results.npy", "Python objects"), ("t263_normalised.npy", "normalised[?] Save")],
)
def test_what_cannot_be_read_right_says_why(name: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        Clip.load(CASES / name)


RAW = sorted((MOCAP / "raw" / "animated_drawings_bvh").glob("*.bvh"))
LIBRARIES = sorted(EXTRA.glob("*/*.glb"))


@pytest.mark.skipif(not RAW, reason=f"there are no BVH files in {MOCAP}")
@pytest.mark.parametrize("path", RAW, ids=lambda path: path.stem)
def test_real_bvh_moves_like_what_another_program_made_of_it(path: Path) -> None:
    """Directions of arms and legs, turned about the vertical and resampled there, by their angles."""
    with np.load(MOCAP / "processed" / "clips20_22x3.npz") as made:
        expected = made[f"ad_{path.stem}"].astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units and axes: this file's, told elsewhere
        clip = Clip.load(path)
    frames = np.round(np.arange(len(expected)) * clip.fps / 20).astype(int)
    frames = frames[frames < len(clip)]
    ours, theirs = up(clip.joints[frames]), up(expected[: len(frames)])
    assert np.abs(ours - theirs).mean() < 0.06
    height = ours.mean()
    assert 0.2 < height < 1.0  # shins and thighs mostly hang


def up(joints: np.ndarray) -> np.ndarray:
    """(T, 8) How steeply thighs, shins, upper arms and forearms go down."""
    bones = [(1, 4), (4, 7), (2, 5), (5, 8), (16, 18), (18, 20), (17, 19), (19, 21)]
    begin, end = np.array(bones).T
    ways = joints[:, begin] - joints[:, end]
    return ways[..., 1] / np.linalg.norm(ways, axis=-1)


@pytest.mark.skipif(not LIBRARIES, reason=f"there are no GLB files in {EXTRA}")
@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: path.stem)
def test_every_animation_of_a_real_library_stands_on_the_floor(path: Path) -> None:
    from kinetoken.formats.gltf_reader import GltfReader

    low, high = [], []
    for name in GltfReader(path).animations:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # somebody may lie
            clip = Clip.load(path, animation=name)
        bones = np.linalg.norm(
            clip.joints[:, [4, 7, 18, 20]] - clip.joints[:, [1, 4, 16, 18]], axis=-1
        )
        assert np.ptp(bones, axis=0).max() < 0.02, name
        low.append(clip.joints[..., 1].min())
        high.append(clip.joints[..., 1].max())
    assert abs(np.median(low)) < 0.12
    assert 1.2 < np.median(high) < 2.2
