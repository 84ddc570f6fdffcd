"""The Blender extension in Blender itself: `make blender-test`. Needs the bpy package; a minute or more, so it is marked.

Limbs of every target are compared with the joints of the clip, which kinetoken writes as .npz from the same seed.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinetoken import Clip
from kinetoken.cli.main import main
from kinetoken.formats.rig import Rig
from kinetoken.motion.skeleton import JOINT

pytestmark = pytest.mark.blender
os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="blender-")  # not this user's own
bpy = pytest.importorskip("bpy", reason="Blender is not installed as a package: pip install bpy")
addon_utils = pytest.importorskip("addon_utils")
from mathutils import Vector

FOLDER = Path(__file__).parents[2] / "extras" / "blender"
PROMPT, SECONDS, SEED = "a person walks forward", 2.0, 4
LIMBS = {"shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"}
MODULE = "bl_ext.user_default.kinetoken"


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The zip, built, installed and switched on as a user does; its panel module."""
    spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    packed = build.build(tmp_path_factory.mktemp("zip") / "kinetoken.zip")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for name in ("io_scene_gltf2", "rigify"):
        addon_utils.enable(name, default_set=True)
    bpy.ops.extensions.package_install_files(
        filepath=str(packed), repo="user_default", enable_on_install=True, overwrite=True
    )
    return sys.modules[f"{MODULE}.panel"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("bin") / "kinetoken"
    paths = ":".join(p for p in sys.path if p and not (Path(p) / "bpy").exists())
    path.write_text(
        f"#!/bin/sh\nPYTHONPATH='{paths}' exec '{sys.executable}' -m kinetoken \"$@\"\n"
    )
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("clip") / "walk.npz"
    options = ("--seconds", str(SECONDS), "--seed", str(SEED))
    assert main(["generate", PROMPT, *options, "-o", str(path)]) == 0
    return Clip.load(path)


@pytest.fixture(autouse=True)
def empty_scene(extension: Any, program: str) -> Any:
    for block in (*bpy.data.objects, *bpy.data.actions, *bpy.data.armatures, *bpy.data.meshes):
        bpy.data.batch_remove([block])
    bpy.context.preferences.addons[MODULE].preferences.program = program
    settings = bpy.context.scene.kinetoken
    settings.prompt, settings.seconds, settings.seed, settings.message = PROMPT, SECONDS, SEED, ""
    yield
    extension.stop()


def run(extension: Any, seconds: float = 600.0) -> list[float]:
    """Press the button, and do what Blender's timer does until it is over; the progress seen."""
    assert bpy.ops.kinetoken.generate() == {"FINISHED"}
    seen, end = [], time.monotonic() + seconds
    while extension._work is not None:
        assert time.monotonic() < end
        seen.append(extension._work.progress)
        time.sleep(extension.tick() or 0.0)
    return seen


def world(thing: Any, bone: str, part: str = "head") -> np.ndarray:
    return np.array(thing.matrix_world @ getattr(thing.pose.bones[bone], part))


def at_key(number: int, fps: float = 20.0) -> None:
    """Go to the moment of a frame of the clip."""
    when = number / fps * bpy.context.scene.render.fps
    bpy.context.scene.frame_set(int(when), subframe=when - int(when))


def limbs_of(points: np.ndarray) -> dict[str, np.ndarray]:
    """Directions of eight limbs from joints (22, 3), Y up, in Blender's axes."""
    turned = points[:, [0, 2, 1]] * [1.0, -1.0, 1.0]
    out = {}
    for side in ("left", "right"):
        for part, after in LIMBS.items():
            way = turned[JOINT[f"{side}_{after}"]] - turned[JOINT[f"{side}_{part}"]]
            out[f"{side}_{part}"] = way / np.linalg.norm(way)
    return out


def worst_angle(
    thing: Any, bones: dict[str, str], clip: Clip, turn: np.ndarray | None = None
) -> float:
    """Degrees between the limbs of a posed armature and those of the clip's rig, at worst."""
    joints, worst = Rig.of(clip).joints(), 0.0
    for frame in range(0, len(clip), 7):
        at_key(frame)
        for name, way in limbs_of(joints[frame]).items():
            side, part = name.split("_")
            ends = [world(thing, bones[f"{side}_{p}"]) for p in (LIMBS[part], part)]
            found = (ends[0] - ends[1]) / np.linalg.norm(ends[0] - ends[1])
            wanted = way if turn is None else turn @ way
            worst = max(worst, float(np.degrees(np.arccos(np.clip(found @ wanted, -1, 1)))))
    return worst


def channels(action: Any) -> set[str]:
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return {curve.data_path for bag in bags for curve in bag.fcurves}


def test_nothing_selected_gives_a_new_armature_that_moves_as_the_clip(
    extension: Any, clip: Clip
) -> None:
    seen = run(extension)
    assert seen == sorted(seen)
    (armature,) = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    assert armature.animation_data.action.name == PROMPT
    joints = Rig.of(clip).joints()[:, :, [0, 2, 1]] * [1.0, -1.0, 1.0]
    for frame in range(0, len(clip), 7):
        at_key(frame)
        found = np.array([world(armature, name) for name in JOINT])
        np.testing.assert_allclose(found, joints[frame], atol=1e-3)
    assert [thing.name for thing in bpy.data.objects if thing.type == "MESH"] == ["mannequin"]
    assert "has the action" in bpy.context.scene.kinetoken.message


def metarig() -> Any:
    bpy.ops.object.armature_human_metarig_add()
    return bpy.context.view_layer.objects.active


def test_a_metarig_takes_the_motion(extension: Any, clip: Clip) -> None:
    target = metarig()
    run(extension)
    assert bpy.data.objects[:] == [target], "what was imported is gone again"
    assert [action.name for action in bpy.data.actions] == [PROMPT]
    bones = extension_bones(extension, target)
    assert worst_angle(target, bones, clip) < 1.0
    paths = channels(target.animation_data.action)
    assert len(paths) == len(bones) + 1  # a rotation each, and the place of the hips
    lowest = [min_foot(target, bones, frame) for frame in range(0, len(clip), 3)]
    assert -0.06 < min(lowest) < 0.06, "the feet stand on the floor"


def test_other_bones_and_the_former_action_stay(extension: Any) -> None:
    target = metarig()
    finger, arm = (target.pose.bones[name] for name in ("f_index.01.L", "upper_arm.L"))
    finger.rotation_mode = "QUATERNION"
    finger.rotation_quaternion = (0.9, 0.4358899, 0.0, 0.0)
    arm.keyframe_insert("rotation_quaternion", frame=1)
    former = target.animation_data.action
    run(extension)
    assert list(finger.rotation_quaternion) == pytest.approx((0.9, 0.4358899, 0.0, 0.0), abs=1e-6)
    assert target.animation_data.action is not former
    assert former.use_fake_user
    assert PROMPT in bpy.data.actions


def test_cancel_while_it_is_carried_over_leaves_the_armature_as_it_was(extension: Any) -> None:
    target = metarig()
    arm = target.pose.bones["upper_arm.L"]
    arm.rotation_quaternion = (0.9, 0.4358899, 0.0, 0.0)
    arm.keyframe_insert("rotation_quaternion", frame=1)
    former = target.animation_data.action
    assert bpy.ops.kinetoken.generate() == {"FINISHED"}
    while not extension._work.text.startswith("to "):
        time.sleep(extension.tick() or 0.0)
    assert target.animation_data.action is None
    bpy.ops.kinetoken.cancel()
    assert target.animation_data.action == former
    assert list(arm.rotation_quaternion) == pytest.approx((0.9, 0.4358899, 0.0, 0.0), abs=1e-6)
    assert bpy.data.objects[:] == [target]
    assert bpy.data.actions[:] == [former]


def min_foot(target: Any, bones: dict[str, str], frame: int) -> float:
    at_key(frame)
    return float(min(world(target, bones[f"{s}_foot"], "tail")[2] for s in ("left", "right")))


def extension_bones(extension: Any, target: Any) -> dict[str, str]:
    names = sys.modules[f"{MODULE}.bone_names"]
    return dict(names.bones_of(bone.name for bone in target.data.bones)[1])


def mixamo() -> Any:
    """An armature as Mixamo's FBX files come in: centimetres, Y up, turned and scaled by the object; A-pose, other lengths."""
    data = bpy.data.armatures.new("mixamo")
    thing = bpy.data.objects.new("mixamo", data)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    thing.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    down = np.radians(50.0)
    out, drop = np.cos(down), np.sin(down)
    places = {
        "Hips": (0, 104, 0), "Spine": (0, 114, -1), "Spine1": (0, 126, -2), "Spine2": (0, 140, -2),
        "Neck": (0, 156, -3), "Head": (0, 165, -1), "HeadTop_End": (0, 184, 4),
    }  # fmt: skip
    parents = {
        "Spine": "Hips",
        "Spine1": "Spine",
        "Spine2": "Spine1",
        "Neck": "Spine2",
        "Head": "Neck",
        "HeadTop_End": "Head",
    }
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        arm = np.array([sign * 18.0, 151.0, -4.0])
        along = np.array([sign * out, -drop, 0.05])
        chains = {
            "Shoulder": (sign * 6, 150, -3), "Arm": arm, "ForeArm": arm + 30 * along,
            "Hand": arm + 55 * along, "HandMiddle1": arm + 64 * along, "UpLeg": (sign * 9.5, 99, 0),
            "Leg": (sign * 10, 54, 1), "Foot": (sign * 10, 10, -3), "ToeBase": (sign * 11, 2, 10),
            "Toe_End": (sign * 11, 1, 18),
        }  # fmt: skip
        places |= {side + name: place for name, place in chains.items()}
        order = ["Shoulder", "Arm", "ForeArm", "Hand", "HandMiddle1"]
        parents |= {side + b: side + a for a, b in itertools.pairwise(order)}
        order = ["UpLeg", "Leg", "Foot", "ToeBase", "Toe_End"]
        parents |= {side + b: side + a for a, b in itertools.pairwise(order)}
        parents |= {f"{side}Shoulder": "Spine2", f"{side}UpLeg": "Hips"}
    following = {above: name for name, above in reversed(parents.items())}
    for number, (name, place) in enumerate(places.items()):
        bone = data.edit_bones.new(f"mixamorig:{name}")
        bone.head = Vector(place)
        after = following.get(name)
        bone.tail = Vector(places[after]) if after else bone.head + Vector((0, 5, 1))
        bone.roll = 0.3 * number
    for name, above in parents.items():
        data.edit_bones[f"mixamorig:{name}"].parent = data.edit_bones[f"mixamorig:{above}"]
    bpy.ops.object.mode_set(mode="OBJECT")
    thing.rotation_euler, thing.scale = (np.pi / 2, 0.0, 0.0), (0.01, 0.01, 0.01)
    bpy.context.view_layer.update()
    return thing


@pytest.mark.parametrize("heading", [0.0, 70.0])
def test_a_mixamo_armature_takes_the_motion_the_way_it_faces(
    extension: Any, clip: Clip, heading: float
) -> None:
    target = mixamo()
    target.rotation_mode = "QUATERNION"
    turn = Vector((0, 0, 1))
    from mathutils import Quaternion

    about = Quaternion(turn, np.radians(heading))
    target.rotation_quaternion = about @ Quaternion((1, 0, 0), np.pi / 2)
    target.location = (3.0, -1.0, 0.0)
    bpy.context.view_layer.update()
    before = world(target, "mixamorig:Hips")
    run(extension)
    bones = extension_bones(extension, target)
    assert len(bones) == 22
    assert worst_angle(target, bones, clip, np.array(about.to_matrix())) < 1.0
    at_key(0)
    begin = world(target, "mixamorig:Hips")
    at_key(len(clip) - 1)
    gone = world(target, "mixamorig:Hips") - begin
    ours = clip.joints[-1, 0] - clip.joints[0, 0]
    wanted = np.array(about.to_matrix()) @ [ours[0], -ours[2], ours[1]]
    assert gone @ wanted / np.linalg.norm(gone) / np.linalg.norm(wanted) > 0.99
    assert 0.8 < np.linalg.norm(gone) / np.linalg.norm(wanted) < 1.3
    assert np.linalg.norm((begin - before)[:2]) < 0.3
    lowest = [min_foot(target, bones, frame) for frame in range(0, len(clip), 3)]
    assert -0.08 < min(lowest) < 0.08, "the feet stand on the floor"


def test_a_rigify_rig_takes_the_motion(extension: Any, clip: Clip) -> None:
    target = metarig()
    plain = extension_bones(extension, target)
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.view_layer.objects.active
    assert rig is not target
    bpy.data.objects.remove(target)
    rig.select_set(True)
    seen = run(extension)
    assert seen == sorted(seen)
    skeleton = {joint: f"ORG-{bone}" for joint, bone in plain.items()}
    assert worst_angle(rig, skeleton, clip) < 1.0
    assert rig.pose.bones["upper_arm_parent.L"]["IK_FK"] == 1.0


def test_an_armature_with_unknown_bones_is_one_line(extension: Any) -> None:
    data = bpy.data.armatures.new("crane")
    thing = bpy.data.objects.new("crane", data)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    thing.select_set(True)
    with pytest.raises(RuntimeError, match="neither Rigify's nor Mixamo's bone names"):
        bpy.ops.kinetoken.generate()
    assert extension._work is None


def test_kinetokens_own_line_reaches_the_panel(extension: Any) -> None:
    bpy.context.scene.kinetoken.levels = 32
    run(extension)
    bpy.context.scene.kinetoken.levels = 0
    assert "level" in bpy.context.scene.kinetoken.message
    assert len(bpy.data.objects) == 0


class Layout:
    """Stands for a UILayout, and takes only calls that Blender's own would take."""

    def __init__(self) -> None:
        self.__dict__["calls"] = list[str]()

    def __setattr__(self, name: str, value: object) -> None:
        assert name in bpy.types.UILayout.bl_rna.properties

    def __getattr__(self, name: str) -> Any:
        known = bpy.types.UILayout.bl_rna.functions[name].parameters

        def call(*args: object, **options: Any) -> Layout:
            assert set(options) <= set(known.keys())
            icons = known["icon"].enum_items if "icon" in options else {}
            assert "icon" not in options or options["icon"] in icons
            self.calls.append(name if name != "operator" else str(args[0]))
            return self

        return call


def test_the_panel_is_a_form_and_while_it_runs_a_bar(extension: Any) -> None:
    layout = Layout()
    panel = type("Shown", (), {"layout": layout})()
    extension.KinetokenPanel.draw(panel, bpy.context)
    assert layout.calls == ["column", *["prop"] * 4, "label", "kinetoken.generate"]
    layout.calls.clear()
    bpy.ops.kinetoken.generate()
    extension.KinetokenPanel.draw(panel, bpy.context)
    assert layout.calls[-2:] == ["progress", "kinetoken.cancel"]
    preferences = bpy.context.preferences.addons[MODULE].preferences
    extension.KinetokenPreferences.draw(type("Shown", (), {"layout": layout})(), bpy.context)
    assert preferences.program


def test_cancel_leaves_the_scene_as_it_was(extension: Any) -> None:
    bpy.context.scene.kinetoken.seconds = 600.0
    assert bpy.ops.kinetoken.generate() == {"FINISHED"}
    assert not bpy.ops.kinetoken.generate.poll(), "one at a time"
    process = extension._work._job._process
    extension.tick()
    assert bpy.ops.kinetoken.cancel() == {"FINISHED"}
    assert process.poll() is not None
    assert extension._work is None
    assert len(bpy.data.objects) == len(bpy.data.actions) == 0
