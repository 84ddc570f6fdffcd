"""GLB and VRM animation back in.

Our own exactly, those of others at 20 fps, everything else refused.
"""

from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bodies import moving_body
from foreign_gltf import GltfWriter, document_of, packed
from foreign_rigs import NAMINGS, directions, rig_of
from kinetoken import Clip, FormatError, InputError
from kinetoken.formats.rig import Rig
from kinetoken.formats.vrma import HUMANOID
from kinetoken.motion.skeleton import JOINT, JOINT_NAMES
from synthetic_motion import walking

CLIP = Clip(
    joints=moving_body(1, 24).astype(np.float32), prompt='wave "hi" ☺', text="I wave.",
    seed=2**62, meta={"model": "tiny"},
)  # fmt: skip
CALM = Clip(joints=moving_body(4, 31, reach=0.3).astype(np.float32), fps=30.0)
AT_20 = CALM.joints[np.arange(21) * 3 // 2] * 0.5 + CALM.joints[(np.arange(21) * 3 + 1) // 2] * 0.5


def saved(folder: Path, raw: bytes, suffix: str = ".glb") -> Path:
    (folder / f"x{suffix}").write_bytes(raw)
    return folder / f"x{suffix}"


@pytest.mark.parametrize("suffix", [".glb", ".vrma"])
@pytest.mark.parametrize("fps", [20.0, 60.0, 29.97])
def test_our_own_come_back_whole(tmp_path: Path, suffix: str, fps: float) -> None:
    clip = Clip(CLIP.joints, fps, CLIP.prompt, CLIP.text, CLIP.seed, meta=CLIP.meta)
    clip.save(tmp_path / f"x{suffix}")
    back = Clip.load(tmp_path / f"x{suffix}")
    np.testing.assert_allclose(back.joints, clip.joints, atol=2e-6)
    assert back.fps == pytest.approx(fps, abs=1e-3)
    assert (back.prompt, back.text, back.seed) == (clip.prompt, clip.text, clip.seed)
    assert back.meta == clip.meta


@pytest.mark.parametrize("suffix", [".glb", ".vrma", ".bvh"])
def test_bones_that_stretch_come_back_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    walk = Clip(joints=walking(20))
    walk.save(tmp_path / f"x{suffix}")
    back = Clip.load(tmp_path / f"x{suffix}")
    np.testing.assert_allclose(back.joints, Rig.of(walk).joints(), atol=1e-5)
    assert len(Clip.load(tmp_path / f"x{suffix}")) == 20


def test_one_frame_comes_back(tmp_path: Path) -> None:
    Clip(CLIP.joints[:1]).save(tmp_path / "x.glb")
    back = Clip.load(tmp_path / "x.glb")
    np.testing.assert_allclose(back.joints, CLIP.joints[:1], atol=2e-6)
    assert back.fps == 20


FORMS: dict[str, dict[str, Any]] = {
    "metres": {},
    "an armature in centimetres": {"centimetres": True},
    "an armature with Z up": {"z_up": True},
    "both": {"centimetres": True, "z_up": True},
    "rotations of 16 bits": {"kind": "i2"},
    "splines": {"interpolation": "CUBICSPLINE"},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("program", ["Mixamo", "Unreal", "VRoid", "Rigify"])
def test_others_are_sampled_20_times_a_second(tmp_path: Path, form: str, program: str) -> None:
    writer = GltfWriter()
    document = document_of(rig_of(CALM, NAMINGS[program]), writer, **FORMS[form])
    clip = Clip.load(saved(tmp_path, writer.file(document)))
    assert (clip.fps, len(clip)) == (20.0, 21)
    np.testing.assert_allclose(clip.joints[::2], CALM.joints[::3], atol=2e-3)
    np.testing.assert_allclose(clip.joints, AT_20, atol=0.02)
    assert clip.meta["animation"] == "Take 001"


def test_steps_hold_until_the_next_key(tmp_path: Path) -> None:
    writer = GltfWriter()
    document = document_of(rig_of(CALM), writer, interpolation="STEP", fps=2.0)
    clip = Clip.load(saved(tmp_path, writer.file(document)))
    np.testing.assert_allclose(clip.joints[:9], np.repeat(CALM.joints[:1], 9, axis=0), atol=1e-4)


def test_data_with_gaps_and_data_as_text(tmp_path: Path) -> None:
    for stride, embedded in ((16, False), (0, True)):
        writer = GltfWriter(stride)
        document = document_of(rig_of(CALM), writer)
        clip = Clip.load(saved(tmp_path, writer.file(document, embedded)))
        np.testing.assert_allclose(clip.joints[::2], CALM.joints[::3], atol=1e-4)


def test_sparse_arrays_change_some_numbers(tmp_path: Path) -> None:
    writer = GltfWriter()
    document = document_of(rig_of(CALM), writer)
    times, root = (document["animations"][0]["samplers"][-1][key] for key in ("input", "output"))
    del times
    places = writer.add(np.array([0, 3], "u2"))
    moved = writer.add(np.array([[5, 1, 5], [6, 1, 6]], "f4"))
    view = {key: writer.accessors[key]["bufferView"] for key in (places, moved)}
    writer.accessors[root]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": view[places], "componentType": 5123},
        "values": {"bufferView": view[moved]},
    }
    clip = Clip.load(saved(tmp_path, writer.file(document)))
    np.testing.assert_allclose(clip.joints[0, 0], [5, 1, 5], atol=1e-4)
    np.testing.assert_allclose(clip.joints[2, 0], [6, 1, 6], atol=1e-4)


def test_a_node_with_a_matrix(tmp_path: Path) -> None:
    writer = GltfWriter()
    document = document_of(rig_of(CALM), writer, centimetres=True, z_up=True)
    armature = document["nodes"][-1]
    del armature["rotation"], armature["scale"]
    armature["matrix"] = [0.01, 0, 0, 0, 0, 0, -0.01, 0, 0, 0.01, 0, 0, 0, 0, 0, 1]
    clip = Clip.load(saved(tmp_path, writer.file(document)))
    np.testing.assert_allclose(clip.joints[::2], CALM.joints[::3], atol=1e-4)


def vrm(version: int, names: list[str]) -> dict[str, Any]:
    """An extension that names the bones."""
    bone_of = {joint: bone for bone, joint in HUMANOID.items()}
    bones = {bone_of[joint]: {"node": index} for index, joint in enumerate(names)}
    if version == 0:
        return {"VRM": {"humanoid": {"humanBones": [{"bone": b, **n} for b, n in bones.items()]}}}
    return {"VRMC_vrm": {"humanoid": {"humanBones": bones}}}


@pytest.mark.parametrize("version", [0, 1])
def test_vrm_says_which_bone_is_which(tmp_path: Path, version: int) -> None:
    writer = GltfWriter()
    rig = rig_of(CALM, lambda name: f"骨{JOINT[name]}")
    document = document_of(rig, writer)
    document["extensions"] = vrm(version, list(JOINT_NAMES))
    clip = Clip.load(saved(tmp_path, writer.file(document)))
    np.testing.assert_allclose(clip.joints[::2], CALM.joints[::3], atol=1e-4)


def test_a_body_of_other_proportions_is_carried_over(tmp_path: Path) -> None:
    writer = GltfWriter()
    rig = rig_of(CALM, longer=lambda name: 0.4 if "knee" in name or "ankle" in name else 1.5)
    clip = Clip.load(saved(tmp_path, writer.file(document_of(rig, writer))))
    bones = [(JOINT["left_hip"], JOINT["left_knee"]), (JOINT["right_elbow"], JOINT["right_wrist"])]
    np.testing.assert_allclose(
        directions(clip.joints[::2], bones), directions(CALM.joints[::3], bones), atol=1e-3
    )
    assert "retargeted" in clip.meta


def two_takes(folder: Path) -> Path:
    writer = GltfWriter()
    first = document_of(rig_of(CALM), writer, name="Idle")
    second = document_of(rig_of(Clip(joints=walking(31), fps=30)), writer, name="Wave\x1b[31m")
    first["animations"] += second["animations"]
    return saved(folder, writer.file(first))


def test_one_of_several_animations(tmp_path: Path) -> None:
    path = two_takes(tmp_path)
    with pytest.warns(
        UserWarning, match=r"read the first of 2 animations; --animation NAME .*: Idle, Wave\?\[31m"
    ):
        first = Clip.load(path)
    assert Clip.load(path, animation="idle").joints[3, 0, 0] == first.joints[3, 0, 0]
    second = Clip.load(path, animation="2")
    assert abs(second.joints[-1, 0, 2] - walking(31)[-1, 0, 2]) < 0.01
    with pytest.raises(
        InputError, match=r"expected one of the animations Idle, Wave.*, got 'Jump'"
    ):
        Clip.load(path, animation="Jump")


def test_steps_at_20_keys_a_second_keep_their_frames(tmp_path: Path) -> None:
    writer = GltfWriter()
    document = document_of(rig_of(CALM), writer, interpolation="STEP", fps=20.0)
    clip = Clip.load(saved(tmp_path, writer.file(document)))
    np.testing.assert_allclose(clip.joints, CALM.joints, atol=1e-4)


def test_an_animation_that_moves_nothing_is_passed_over(tmp_path: Path) -> None:
    writer = GltfWriter()
    document = document_of(rig_of(CALM), writer)
    document["animations"].insert(0, {"name": "Empty", "samplers": [], "channels": []})
    with pytest.warns(UserWarning, match=r"read number 2 of 2 animations; .*: Empty, Take 001"):
        clip = Clip.load(saved(tmp_path, writer.file(document)))
    np.testing.assert_allclose(clip.joints[::2], CALM.joints[::3], atol=1e-4)


def two_bodies(writer: GltfWriter, moves: str) -> dict[str, Any]:
    """One beside the other, each with a skin; `moves`: "second" or "both"."""
    one = document_of(rig_of(Clip(joints=walking(31), fps=30)), writer)
    other = document_of(rig_of(CALM), writer)
    count = len(one["nodes"])
    for node in other["nodes"]:
        node["children"] = [child + count for child in node.get("children", [])]
    take = other["animations"][0]
    for channel in take["channels"]:
        channel["target"]["node"] += count
    if moves == "both":
        before = one["animations"][0]
        for channel in take["channels"]:
            channel["sampler"] += len(before["samplers"])
        take = {key: before[key] + take[key] for key in ("samplers", "channels")}
    skins = [
        {"joints": list(range(begin, begin + count - 1))} for begin in (0, count)
    ]  # the armatures are no joints
    return {"nodes": one["nodes"] + other["nodes"], "skins": skins, "animations": [take]}


def test_of_two_bodies_the_one_that_moves_is_read(tmp_path: Path) -> None:
    writer = GltfWriter()
    document = two_bodies(writer, "second")
    clip = Clip.load(saved(tmp_path, writer.file(document)))
    np.testing.assert_allclose(clip.joints[::2], CALM.joints[::3], atol=1e-4)


def test_of_two_bodies_that_move_the_first_is_read_with_a_warning(tmp_path: Path) -> None:
    writer = GltfWriter()
    document = two_bodies(writer, "both")
    with pytest.warns(UserWarning, match="read the first of several bodies"):
        clip = Clip.load(saved(tmp_path, writer.file(document)))
    assert abs(clip.joints[-1, 0, 2] - walking(31)[-1, 0, 2]) < 0.02


Change = Any


def changed(folder: Path, change: Change) -> Path:
    writer = GltfWriter()
    document = document_of(rig_of(CALM), writer)
    change(document, writer)
    return saved(folder, writer.file(document))


def cycle(document: dict[str, Any], writer: GltfWriter) -> None:
    document["nodes"][21]["children"] = [22]


def on_its_own(document: dict[str, Any], writer: GltfWriter) -> None:
    document["nodes"][0]["children"].append(0)


def meshopt(document: dict[str, Any], writer: GltfWriter) -> None:
    writer.views[0]["extensions"] = {"EXT_meshopt_compression": {}}


REFUSED: list[tuple[Change, str]] = [
    (lambda d, w: d.pop("animations"), "expected an animation, got a model without one"),
    (lambda d, w: d["animations"][0].update(channels=[]), "one that moves no node"),
    (cycle, "nodes that form no tree"),
    (on_its_own, "nodes that form no tree"),
    (meshopt, "packed by EXT_meshopt_compression; save it without compression"),
    (lambda d, w: w.accessors[0].update(count=10**9), "larger than its data"),
    (lambda d, w: w.views[1].update(byteOffset=10**9), "bytes of data announced"),
    (lambda d, w: w.views[1].update(byteOffset=-4), "without sizes"),
    (lambda d, w: w.accessors[1].update(type="VEC3"), "times and .* values of rotation"),
    (lambda d, w: w.accessors[1].update(componentType=1), "an accessor of no known kind"),
    (lambda d, w: d["animations"][0]["samplers"][0].update(output=999), "accessor 999, which is not there"),
    (lambda d, w: d["animations"][0]["channels"][0]["target"].update(node=99), "node 99, which is not there"),
    (lambda d, w: d["nodes"][3].update(translation=["a"] * 3), "a node whose place is no number"),
    (lambda d, w: d["nodes"][3].update(rotation=[1, 2]), "a node whose place is no number"),
    (lambda d, w: [n.update(name="bone") for n in d["nodes"][:4]] and d.update(nodes=d["nodes"][:4]), "got"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_is_wrong_takes_one_line(tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        Clip.load(changed(tmp_path, change))
    assert "x.glb" in str(caught.value)
    assert str(caught.value).removeprefix(str(tmp_path)).isprintable()


def test_key_times_that_go_back_or_are_no_numbers(tmp_path: Path) -> None:
    for times in ([0, 2, 1], [0, np.nan, 1]):
        writer = GltfWriter()
        document = document_of(rig_of(Clip(joints=CALM.joints[:3])), writer)
        number = writer.add(np.array(times, "f4"))
        for sampler in document["animations"][0]["samplers"]:
            sampler["input"] = number
        with pytest.raises(FormatError, match="key times that do not go on"):
            Clip.load(saved(tmp_path, writer.file(document)))


def test_a_take_of_days_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    writer = GltfWriter()
    document = document_of(rig_of(Clip(joints=CALM.joints[:3])), writer)
    number = writer.add(np.array([0, 1, 1e8], "f4"))
    document["animations"][0]["samplers"][0]["input"] = number
    with pytest.raises(FormatError, match=r"expected at most 25000 s, got 1e\+08"):
        Clip.load(saved(tmp_path, writer.file(document)))


DEEP = struct.pack("<4sIIII", b"glTF", 2, 100_020, 100_000, 0x4E4F534A) + b"[" * 100_000


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "no binary glTF"),
        (b"a walk", "no binary glTF"),
        (b"glTF\1\0\0\0" + bytes(100), "glTF of version 1"),
        (packed({"nodes": []})[:30], "announced, 30 there"),
        (packed({"nodes": []}).replace(b"nodes", b'nod"s'), "a header that is no JSON"),
        (DEEP, "a header that is no JSON"),
        (packed({"asset": {}}), "a model without one"),
    ],
)  # fmt: skip
def test_files_that_are_no_gltf(tmp_path: Path, raw: bytes, message: str) -> None:
    for suffix in (".glb", ".vrma"):
        with pytest.raises(FormatError, match=message):
            Clip.load(saved(tmp_path, raw, suffix))


def test_a_file_cut_anywhere_or_altered_anywhere_is_one_line(tmp_path: Path) -> None:
    Clip(CALM.joints[:5]).save(tmp_path / "own.vrma")
    whole = (tmp_path / "own.vrma").read_bytes()
    for size in range(0, len(whole) - 4, 531):
        with pytest.raises(FormatError):
            Clip.load(saved(tmp_path, whole[:size], ".vrma"))
    rng = np.random.default_rng(0)
    for _ in range(300):
        raw = bytearray(whole)
        for place in rng.integers(20, len(raw), 3):
            raw[place] = rng.integers(0, 256)
        with contextlib.suppress(FormatError, InputError, UserWarning):
            Clip.load(saved(tmp_path, bytes(raw), ".vrma"))


def test_what_names_no_number_is_no_crash(tmp_path: Path) -> None:
    """Wrong types everywhere in the JSON."""
    Clip(CALM.joints[:3]).save(tmp_path / "own.vrma")
    raw = (tmp_path / "own.vrma").read_bytes()
    size = int.from_bytes(raw[12:16], "little")
    text, data = raw[20 : 20 + size].decode(), raw[28 + size :]
    for wrong in (None, 7, "x", [], {}, [None], {"node": "x"}, -1, 1.5, True):
        for key in (
            "nodes",
            "animations",
            "accessors",
            "bufferViews",
            "buffers",
            "extensions",
            "asset",
            "skins",
        ):
            document = json.loads(text)
            document[key] = wrong
            check_refused(tmp_path, packed(document, data))
        for key in ("nodes", "animations", "accessors", "bufferViews", "buffers"):
            for field in json.loads(text)[key][0]:
                document = json.loads(text)
                document[key][0][field] = wrong
                check_refused(tmp_path, packed(document, data))


def check_refused(folder: Path, raw: bytes) -> None:
    """A clip, a refusal or a warning; nothing else."""
    with contextlib.suppress(FormatError, InputError, UserWarning):
        Clip.load(saved(folder, raw, ".vrma"))
