"""What reading a file costs, counted in work done: never more than its size times a small number.

Each attack here once took minutes or gigabytes. No clock is looked at.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinetoken
from kinetoken.base.errors import FormatError
from kinetoken.formats import gltf_reader
from kinetoken.formats.bvh_syntax import parse_bvh
from kinetoken.formats.humanoid.bone_names import named_bones
from kinetoken.formats.humanoid.landmarks import NoBodyError, by_names
from kinetoken.formats.humanoid.skeleton_tree import Poses, SkeletonTree
from kinetoken.formats.humanoid.tree_shape import by_shape
from kinetoken.formats.numpy_files import arrays, npz
from kinetoken.motion.clip import Clip

HEAD = "HIERARCHY\nROOT hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n}\n"
MANY = 1000
OURS = str(Path(kinetoken.__file__).parent)


def lines_run(work: Callable[[], object]) -> int:
    """Lines of this project's own Python that some work runs."""
    count = 0

    def local(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    def trace(frame: Any, event: str, _: Any) -> Any:
        return local if frame.f_code.co_filename.startswith(OURS) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def refused(work: Callable[[], object], error: type[Exception]) -> Callable[[], None]:
    """The same work, which must end with such an error."""

    def run() -> None:
        with pytest.raises(error):
            work()

    return run


def tree(names: list[str], parents: list[int]) -> SkeletonTree:
    count = len(names)
    points = np.zeros((1, count, 3))
    points[0, :, 1] = np.arange(count)
    return SkeletonTree(
        tuple(names), tuple(parents), Poses(points, np.tile(np.eye(3), (1, count, 1, 1)))
    )


def test_names_that_share_all_their_words() -> None:
    def names(letters: int) -> list[str]:
        return ["Ab" * letters + part for part in "CDEFGHIJ"]

    costs = [lines_run(lambda count=count: named_bones(names(count))) for count in (MANY, 9 * MANY)]
    assert costs[0] == costs[1]  # only the last letters are looked at


def test_joints_that_all_have_the_same_name() -> None:
    names = ["root", *["left hip", "left knee", "left ankle"] * (MANY // 3)]
    star = tree(names, [-1, *[0] * (len(names) - 1)])
    assert lines_run(refused(lambda: by_names(star), NoBodyError)) < 60 * MANY


def test_a_star_of_limbs_alike() -> None:
    chain = 3
    names = ["root", *[f"j{n}" for n in range(chain * MANY)]]
    parents = [-1, *[0 if n % chain == 0 else n for n in range(chain * MANY)]]
    star = tree(names, parents)
    assert lines_run(refused(lambda: by_shape(star, star.rest), NoBodyError)) < 100 * chain * MANY


def test_bvh_frames_are_counted_before_any_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_numbers(*_: Any) -> Any:
        raise AssertionError("numbers were read")

    monkeypatch.setattr("kinetoken.formats.bvh_syntax._numbers", no_numbers)
    text = f"{HEAD}MOTION\nFrames: 400000\nFrame Time: 0.05\n" + "0 0 0\n" * 100
    with pytest.raises(ValueError, match="400000 frames of 3 channels were announced"):
        parse_bvh(text, 500_000)


def test_a_name_of_a_bvh_joint_is_not_copied_to_a_thousand_ends() -> None:
    name = "n" * 100_000
    text = HEAD.replace("hips", name) + "MOTION\nFrames: 1\nFrame Time: 0.05\n0 0 0\n"
    with pytest.raises(ValueError, match="a name of 100000 letters"):
        parse_bvh(text, 500_000)


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Bytes that were taken out of the members of archives."""
    count: Counter[str] = Counter()
    usual = zipfile.ZipExtFile.read

    def read(self: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        data = usual(self, n)
        count[self.name] += len(data)
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "read", read)
    return iter([count])


def put_member(archive: zipfile.ZipFile, name: str, dtype: str, shape: str, data: bytes) -> None:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    archive.writestr(
        f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data
    )


HUGE = {
    "30 million frames": ("<f4", "(30000000, 22, 3)"),
    "30 million numbers": ("|u1", "(30000000,)"),
    "narrow": ("|i1", "(400000, 2600)"),
    "long text": ("<U100000000", "()"),
}


@pytest.mark.parametrize("kind", HUGE)
def test_large_members_are_refused_by_their_headers(
    kind: str, tmp_path: Path, unpacked: Iterator[Counter[str]]
) -> None:
    dtype, shape = HUGE[kind]
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        put_member(archive, "joints", dtype, shape, bytes(1 << 20))
    with pytest.raises(FormatError) as caught:
        Clip.load(path)
    assert "\n" not in str(caught.value)
    assert next(unpacked).total() < 10_000


def test_many_large_members_are_refused_together(
    tmp_path: Path, unpacked: Iterator[Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "LARGEST_MOTION", 1 << 16)
    monkeypatch.setattr(npz, "LARGEST_MOTION", 1 << 16)
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("joints", "features", "codes", "fps", "text"):
            put_member(archive, name, "<f8", "(8192,)", bytes(1 << 16))
    with pytest.raises(FormatError):
        Clip.load(path)
    assert next(unpacked).total() < 10_000


def test_other_arrays_of_motion_are_not_unpacked(
    tmp_path: Path, unpacked: Iterator[Counter[str]]
) -> None:
    path = tmp_path / "several.npz"
    joints = np.repeat(np.zeros((1, 22, 3), np.float32), 20, 0)
    np.savez_compressed(path, joints=joints, motion=np.zeros((1000, 100)), arr_0=np.zeros(1000))
    with pytest.raises(FormatError):
        Clip.load(path)
    assert set(next(unpacked)) == {"joints.npy"}


def glb(document: dict[str, Any], data: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    parts = struct.pack("<II", len(text), 0x4E4F534A) + text
    parts += struct.pack("<II", len(data), 0x004E4942) + data
    return struct.pack("<III", 0x46546C67, 2, 12 + len(parts)) + parts


def animated(channels: int, keys: int, uri: str | None = None) -> dict[str, Any]:
    """A file of which every channel uses the same two arrays."""
    buffer: dict[str, Any] = {"byteLength": keys * 16}
    return {
        "asset": {"version": "2.0"},
        "nodes": [{"name": f"n{n}"} for n in range(channels)],
        "buffers": [buffer if uri is None else {**buffer, "uri": uri}],
        "bufferViews": [{"buffer": 0, "byteLength": keys * 4},
                        {"buffer": 0, "byteOffset": keys * 4, "byteLength": keys * 12}],
        "accessors": [{"componentType": 5126, "type": "SCALAR", "count": keys, "bufferView": 0},
                      {"componentType": 5126, "type": "VEC3", "count": keys, "bufferView": 1}],
        "animations": [{"samplers": [{"input": 0, "output": 1}], "channels": [
            {"sampler": 0, "target": {"node": n, "path": "translation"}} for n in range(channels)]}],
    }  # fmt: skip


class CountedFile(io.BufferedReader):
    """A file that counts what is read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        CountedFile.bytes_read += len(data)
        return data


def test_arrays_of_a_glb_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, keys = tmp_path / "many.glb", 1000
    path.write_bytes(glb(animated(50, keys), np.zeros(keys * 4, np.float32).tobytes()))
    monkeypatch.setattr(CountedFile, "bytes_read", 0)
    monkeypatch.setattr(gltf_reader, "open_input", lambda path: CountedFile(io.FileIO(path)))
    tracks = gltf_reader.GltfReader(path).tracks(0)
    assert len(tracks) == 50
    assert CountedFile.bytes_read <= path.stat().st_size


def test_a_glb_cannot_say_the_same_over_and_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gltf_reader, "_LEAST_READ", 0)
    path, keys = tmp_path / "many.glb", 10_000
    path.write_bytes(glb(animated(2000, keys), np.zeros(keys * 4, np.float32).tobytes()))
    with pytest.raises(gltf_reader.GltfError, match="the same data over and over"):
        gltf_reader.GltfReader(path).tracks(0)


def test_an_embedded_buffer_is_unpacked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, calls = 100, []
    uri = "data:;base64," + base64.b64encode(bytes(keys * 16)).decode()
    path = tmp_path / "embedded.glb"
    path.write_bytes(glb(animated(20, keys, uri)))
    usual = base64.b64decode
    monkeypatch.setattr(
        gltf_reader.base64, "b64decode", lambda *a, **k: calls.append(1) or usual(*a, **k)
    )
    assert len(gltf_reader.GltfReader(path).tracks(0)) == 20
    assert len(calls) == 1


def test_a_deep_tree_of_nodes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.glb"
    nodes = [{"children": [n + 1]} for n in range(2000)]
    path.write_bytes(glb({"asset": {"version": "2.0"}, "nodes": [*nodes, {}]}))
    with pytest.raises(gltf_reader.GltfError, match="very deep"):
        gltf_reader.GltfReader(path).in_order({2000})


def test_a_skeleton_of_too_many_nodes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.glb"
    path.write_bytes(glb(animated(4001, 1), bytes(16)))
    with pytest.raises(FormatError, match="4001 moving nodes where at most 4000 are read"):
        Clip.load(path)
