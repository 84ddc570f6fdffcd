"""GLB and VRM animation, read back by programs that others wrote; and the mannequin's mesh."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import foreign_readers
from bodies import moving_body
from kinetoken import Clip, InputError
from kinetoken.formats import mannequin
from kinetoken.formats.rig import Rig
from kinetoken.formats.vrma import HUMANOID
from kinetoken.motion.skeleton import JOINT_NAMES, N_JOINTS, PARENTS

CLIP = Clip(
    joints=moving_body(1).astype(np.float32), prompt='wave "hi" \u263a', text="I wave.", seed=3
)
CLOSE = 1e-4  # metres


def saved(folder: Path, suffix: str, clip: Clip = CLIP) -> Path:
    clip.save(folder / f"clip{suffix}")
    return folder / f"clip{suffix}"


def joints_of(
    frames: list[dict[str, list[float]]], names: tuple[str, ...] = JOINT_NAMES
) -> np.ndarray:
    return np.array([[frame[name] for name in names] for frame in frames])


def wobbling() -> Clip:
    """A body as a codec gives it: no bone keeps its length."""
    noise = np.random.default_rng(5).normal(0, 0.01, CLIP.joints.shape)
    return Clip(joints=(CLIP.joints + noise).astype(np.float32))


CLIPS = {
    "rigid": CLIP,
    "wobbling": wobbling(),
    "one frame": Clip(joints=CLIP.joints[:1]),
    "60 fps": Clip(joints=CLIP.joints, fps=60.0),
    "one point": Clip(joints=np.zeros((3, N_JOINTS, 3), np.float32)),
}


@pytest.mark.parametrize("suffix", [".glb", ".vrma"])
@pytest.mark.parametrize("name", CLIPS)
def test_the_validator_of_khronos_finds_nothing(tmp_path: Path, suffix: str, name: str) -> None:
    report = foreign_readers.read("validate", saved(tmp_path, suffix, CLIPS[name]))
    assert (report["errors"], report["warnings"]) == (0, 0), report["codes"]
    # It knows no VRM, and a hand without a mesh is an empty node to it.
    assert set(report["codes"]) <= (
        {"UNSUPPORTED_EXTENSION", "NODE_EMPTY"} if suffix == ".vrma" else set()
    )


@pytest.mark.parametrize("name", ["rigid", "wobbling"])
def test_three_js_plays_the_glb_where_the_joints_are(tmp_path: Path, name: str) -> None:
    clip = CLIPS[name]
    out = foreign_readers.read("glb", saved(tmp_path, ".glb", clip))
    rig = Rig.of(clip)
    np.testing.assert_allclose(joints_of(out["frames"]), rig.joints(), atol=CLOSE)
    np.testing.assert_allclose(out["times"], np.arange(len(clip)) / 20, atol=1e-6)
    assert out["meshes"] == len(mannequin.MATERIALS)
    if name == "rigid":
        np.testing.assert_allclose(joints_of(out["frames"]), clip.joints, atol=CLOSE)
        assert out["name"] == clip.prompt
    check_skin(rig, np.array(out["skinned"]))


def check_skin(rig: Rig, found: np.ndarray) -> None:
    """Vertices of the last frame, moved here by linear blending of their bones."""
    rest = rig.rest_joints()
    mesh = mannequin.build_mannequin(rest)
    turned = np.array(rig.rotations[-1])
    for joint, parent in enumerate(PARENTS[1:], start=1):
        turned[joint] = turned[parent] @ turned[joint]
    index = found[:, 0].astype(int)
    joints, weights = mesh.joints[index], mesh.weights[index]
    away = mesh.positions[index][:, None] - rest[joints]
    moved = rig.joints()[-1][joints] + (turned[joints] @ away[..., None])[..., 0]
    np.testing.assert_allclose(found[:, 1:], (weights[..., None] * moved).sum(axis=1), atol=CLOSE)


def test_three_js_plays_the_bvh_where_the_joints_are(tmp_path: Path) -> None:
    out = foreign_readers.read("bvh", saved(tmp_path, ".bvh"))
    np.testing.assert_allclose(joints_of(out["frames"]) / 100, CLIP.joints, atol=CLOSE)


def test_bvhio_reads_the_bvh_where_the_joints_are(tmp_path: Path) -> None:
    bvhio = pytest.importorskip("bvhio")
    root = bvhio.readAsHierarchy(str(saved(tmp_path, ".bvh")))
    for frame in (0, len(CLIP) - 1):
        root.loadPose(frame)
        found = {joint.Name: tuple(joint.PositionWorld) for joint, _, _ in root.layout()}
        np.testing.assert_allclose(joints_of([found])[0] / 100, CLIP.joints[frame], atol=CLOSE)


def test_pixivs_vrm_animation_moves_an_avatar_of_the_same_size(tmp_path: Path) -> None:
    rig = Rig.of(CLIP)
    bone_of = {joint: bone for bone, joint in HUMANOID.items()}
    offsets = [rig.rest_joints()[0], *rig.rest.offsets[1:]]
    parents = ["", *(bone_of[JOINT_NAMES[parent]] for parent in PARENTS[1:])]
    bones = [
        [bone_of[name], parent, *offset]
        for name, parent, offset in zip(JOINT_NAMES, parents, offsets, strict=True)
    ]
    (tmp_path / "rest.json").write_text(json.dumps(bones), encoding="ascii")
    out = foreign_readers.read("vrma", saved(tmp_path, ".vrma"), tmp_path / "rest.json")
    named = tuple(bone_of[name] for name in JOINT_NAMES)
    np.testing.assert_allclose(joints_of(out["frames"], named), CLIP.joints, atol=CLOSE)
    assert out["rotations"] == 17  # all bones but toes, hands and head, which end the skeleton


def test_all_joints_are_humanoid_bones_once() -> None:
    assert sorted(HUMANOID.values()) == sorted(JOINT_NAMES)


@pytest.mark.parametrize("suffix", [".glb", ".vrma"])
def test_notes_of_any_text_are_valid_json(tmp_path: Path, suffix: str) -> None:
    path = saved(
        tmp_path,
        suffix,
        Clip(joints=CLIP.joints, prompt="half \udcff" * 30, meta={"model": "tiny"}),
    )
    raw = path.read_bytes()
    document = json.loads(raw[20 : 20 + int.from_bytes(raw[12:16], "little")])
    assert document["asset"]["extras"]["model"] == "tiny"
    assert "half ?" in document["asset"]["extras"]["prompt"]
    assert len(document["animations"][0]["name"]) <= 60
    with pytest.raises(InputError, match="no frames"):
        Clip(joints=CLIP.joints[:0]).save(path)
    assert path.read_bytes() == raw


def test_the_mesh_is_closed_looks_outward_and_stands_on_the_floor() -> None:
    mesh = mannequin.build_mannequin(Rig.of(CLIP).rest_joints())
    triangles = np.concatenate([part.reshape(-1, 3) for part in mesh.triangles.values()]).astype(
        int
    )
    a, b, c = (mesh.positions[triangles[:, corner]].astype(np.float64) for corner in range(3))
    outward = np.cross(b - a, c - a)
    assert (np.sum(outward * mesh.normals[triangles].sum(axis=1), axis=1) > 0).all()
    edges = np.concatenate([triangles[:, [i, (i + 1) % 3]] for i in range(3)])
    assert len(np.unique(edges, axis=0)) == len(edges)  # no edge twice in one direction,
    assert {(i, j) for i, j in edges} == {(j, i) for i, j in edges}  # and each once in the other
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    assert abs(mesh.positions[:, 1].min()) < 0.03
    assert 1.5 < mesh.positions[:, 1].max() < 1.9


def test_every_vertex_is_carried_whole_and_softly_at_the_joints() -> None:
    mesh = mannequin.build_mannequin(Rig.of(CLIP).rest_joints())
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1, atol=1e-6)
    assert (mesh.weights >= 0).all()
    assert (mesh.joints[mesh.weights == 0] == 0).all()
    knee = np.linalg.norm(mesh.positions - Rig.of(CLIP).rest_joints()[4], axis=1) < 0.07
    assert 0.3 < mesh.weights[knee].max(axis=1).mean() < 0.9
