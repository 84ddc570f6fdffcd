"""Humanoids of other programs: known by name or by shape, kept where they are ours, carried over where they are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bodies import moving_body
from foreign_rigs import NAMINGS, ForeignRig, directions, rig_of
from kinetoken import Clip, FormatError, InputError
from kinetoken.formats.humanoid.units import UNITS, parsed_unit, told_by_leg
from kinetoken.motion.skeleton import BONE_LENGTHS, JOINT, JOINT_NAMES, PARENTS
from synthetic_motion import walking

CLIP = Clip(joints=moving_body(2, 12).astype(np.float32))
CALM = Clip(joints=moving_body(4, 12, reach=0.3).astype(np.float32))
LIMBS = [
    (JOINT[f"{side}_{begin}"], JOINT[f"{side}_{end}"])
    for side in ("left", "right")
    for begin, end in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
    )
]


def read(folder: Path, text: str, **options: str) -> Clip:
    (folder / "x.bvh").write_text(text, encoding="utf-8")
    return Clip.load(folder / "x.bvh", **options)


@pytest.mark.parametrize("program", NAMINGS)
def test_the_names_of_a_program_are_known(tmp_path: Path, program: str) -> None:
    names = NAMINGS[program]
    clip = read(tmp_path, rig_of(CLIP, names).bvh())
    if "-" not in names.values():
        np.testing.assert_allclose(clip.joints, CLIP.joints, atol=1e-4)
        assert "retargeted" not in clip.meta
    check_carried(clip, CLIP)


def check_carried(clip: Clip, source: Clip, close: float = 1e-3) -> None:
    """Limbs point where they pointed, bones are HumanML3D's, the rest is nearly where it was."""
    np.testing.assert_allclose(
        directions(clip.joints, LIMBS), directions(source.joints, LIMBS), atol=close
    )
    bones = np.linalg.norm(clip.joints[:, 1:] - clip.joints[:, list(PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(
        bones, np.repeat(BONE_LENGTHS[None, 1:], len(bones), axis=0), rtol=0.01
    )


def test_a_spine_of_one_and_a_body_without_toes_are_filled_in(tmp_path: Path) -> None:
    gone = ("spine1", "spine2", "left_foot", "right_foot", "left_collar", "right_collar", "neck")
    clip = read(tmp_path, rig_of(CALM, lambda name: "-" if name in gone else name).bvh())
    check_carried(clip, CALM)
    assert np.abs(clip.joints - CALM.joints).max() < 0.15
    assert "from 20 joints" in clip.meta["retargeted"]  # 15, and the ends of 5


def test_joints_in_one_place_as_in_cmus_own_skeleton_are_taken_apart(tmp_path: Path) -> None:
    def longer(name: str) -> float:
        return 0.0 if name in ("spine1", "neck", "left_collar", "right_collar") else 1.0

    clip = read(tmp_path, rig_of(CALM, NAMINGS["CMU, MotionBuilder"], longer=longer).bvh())
    check_carried(clip, CALM)
    assert "retargeted" in clip.meta
    turned = np.abs(clip.joints - clip.joints[:, :1] - CALM.joints + CALM.joints[:, :1])
    assert turned.max() < 0.05


def test_a_body_of_other_proportions_steps_as_far_for_its_legs(tmp_path: Path) -> None:
    def longer(name: str) -> float:
        return 0.4 if re.search("knee|ankle", name) else 1.7 if "spine" in name else 1.0

    rig = rig_of(CALM, longer=longer)
    clip = read(tmp_path, rig.bvh())
    check_carried(clip, CALM)
    hips = (clip.joints[:, 1] + clip.joints[:, 2]) / 2
    theirs = (rig.points[:, 1] + rig.points[:, 2]) / 2 / 0.4
    np.testing.assert_allclose(np.diff(hips, axis=0), np.diff(theirs, axis=0), atol=0.01)


@pytest.mark.parametrize("names", [str, lambda name: "-" if name == "spine2" else name])
def test_a_pose_of_rest_that_is_no_body_does_no_harm(tmp_path: Path, names: object) -> None:
    plain = rig_of(CALM, names)  # type: ignore[arg-type]
    rig = plain.resting_otherwise(np.random.default_rng(1))
    np.testing.assert_allclose(rig.points, plain.points, atol=1e-9)
    clip = read(tmp_path, rig.bvh())
    check_carried(clip, CALM)
    assert np.abs(clip.joints - CALM.joints).max() < 0.2


def test_feet_stay_where_they_stand(tmp_path: Path) -> None:
    walk = Clip(joints=walking(40))
    rig = rig_of(walk, lambda name: "-" if name == "spine2" else name)
    clip = read(tmp_path, rig.bvh())
    feet = [JOINT["left_foot"], JOINT["right_foot"]]
    theirs = [rig.names.index(JOINT_NAMES[foot]) for foot in feet]
    assert abs(clip.joints[:, feet, 1].min() - rig.points[:, theirs, 1].min()) < 1e-3


def unnamed(clip: Clip, seed: int) -> ForeignRig:
    """Joints called by numbers, and limbs in another order in the file."""
    order = np.random.default_rng(seed).permutation(len(JOINT_NAMES))
    return rig_of(clip, lambda name: f"joint{order[JOINT[name]]}")


@pytest.mark.parametrize("seed", range(4))
def test_a_skeleton_without_names_is_known_by_its_shape(tmp_path: Path, seed: int) -> None:
    np.testing.assert_allclose(
        read(tmp_path, unnamed(CALM, seed).bvh()).joints, CALM.joints, atol=1e-4
    )


def test_words_of_another_language_leave_the_shape_and_the_sides(tmp_path: Path) -> None:
    spanish = {"hip": "muslo", "knee": "pierna", "ankle": "pie", "foot": "dedos", "collar": "clavicula",
               "shoulder": "brazo", "elbow": "antebrazo", "wrist": "mano"}  # fmt: skip

    def name(ours: str) -> str:
        side, _, joint = ours.partition("_")
        return f"{spanish[joint]}.{side[0].upper()}" if joint else f"hueso_{ours[:2]}{len(ours)}"

    np.testing.assert_allclose(
        read(tmp_path, rig_of(CALM, name).bvh()).joints, CALM.joints, atol=1e-4
    )


def test_what_is_no_humanoid_says_what_it_has(tmp_path: Path) -> None:
    dog = rig_of(CALM, lambda name: "-" if "left" in name else name.replace("right", "one"))
    with pytest.raises(
        FormatError,
        match=r"a skeleton of 17 \(pelvis, one_hip, .*no left_hip by name, and no two",
    ):
        read(tmp_path, dog.bvh())


@pytest.mark.parametrize("unit", [*UNITS, "0.18"])
def test_units_are_told_by_the_legs_or_given(tmp_path: Path, unit: str) -> None:
    metres = parsed_unit(unit).metres
    text = rig_of(CALM).bvh(unit=metres)
    if unit != "0.18":
        clip = read(tmp_path, text)
        np.testing.assert_allclose(clip.joints, CALM.joints, atol=1e-3)
        assert clip.meta.get("unit", "cm") == (unit if unit not in ("m", "cm") else "cm")
    else:
        with pytest.warns(UserWarning, match="fits no unit; scaled to 0.82 m; --unit"):
            assert np.abs(read(tmp_path, text).joints - CALM.joints).max() < 0.05
    np.testing.assert_allclose(read(tmp_path, text, unit=unit).joints, CALM.joints, atol=1e-3)


def test_a_child_in_centimetres_and_a_giant_in_metres_keep_their_size() -> None:
    assert told_by_leg(45).name == "cm"  # type: ignore[union-attr]
    assert told_by_leg(1.4).name == "m"  # type: ignore[union-attr]
    assert told_by_leg(33).name == "in"  # type: ignore[union-attr]


def test_units_that_cannot_be(tmp_path: Path) -> None:
    text = rig_of(CALM).bvh()
    with pytest.raises(FormatError, match=r"in m a leg would be 82.* m; expected 0.25 to 2.5"):
        read(tmp_path, text, unit="metres")
    for wrong in ("ell", "-1", "nan", ""):
        with pytest.raises(
            InputError, match="expected m, cm, mm, dm, in, ft, cmu or the metres of one unit"
        ):
            read(tmp_path, text, unit=wrong)


@pytest.mark.parametrize("names", [str, lambda name: "-" if name == "spine2" else name])
def test_z_up_is_told_by_the_body_or_given(tmp_path: Path, names: object) -> None:
    text = rig_of(CALM, names).bvh(z_up=True)  # type: ignore[arg-type]
    plain = read(tmp_path, rig_of(CALM, names).bvh())  # type: ignore[arg-type]
    with pytest.warns(
        UserWarning, match="read with Z up, as the body stands along Z; --up y if it lies"
    ):
        np.testing.assert_allclose(read(tmp_path, text).joints, plain.joints, atol=1e-3)
    np.testing.assert_allclose(read(tmp_path, text, up="z").joints, plain.joints, atol=1e-3)
    with (
        pytest.warns(UserWarning, match="Z points up"),
        pytest.warns(UserWarning, match="below the floor; lifted"),
    ):
        lying = read(tmp_path, text, up="y").joints
    np.testing.assert_allclose(lying[..., 2], plain.joints[..., 1], atol=0.02)
    with pytest.raises(InputError, match="up: expected y, z, x, -y, -z, -x, got 'w'"):
        read(tmp_path, text, up="w")


def test_somebody_who_lies_in_a_file_of_y_up_is_left_alone(tmp_path: Path) -> None:
    back = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    lying = CALM.joints @ back.T + (0.0, 1.0, 0.0)
    text = rig_of(Clip(joints=lying.astype(np.float32))).bvh()
    np.testing.assert_allclose(read(tmp_path, text).joints, lying, atol=1e-4)


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_angles_come_in_the_order_of_the_file(tmp_path: Path, order: str) -> None:
    np.testing.assert_allclose(
        read(tmp_path, rig_of(CLIP).bvh(order=order)).joints, CLIP.joints, atol=1e-4
    )


def test_helpers_beside_the_joints_are_passed_by(tmp_path: Path) -> None:
    rig = rig_of(CALM, NAMINGS["Unreal"])
    more = {
        "root": 0,
        "ik_hand_l": 0,
        "thigh_twist_01_l": 1,
        "index_01_l": rig.names.index("hand_l"),
        "eye_r": 15,
    }
    for name, parent in more.items():
        rig.names.append(name)
        rig.parents.append(parent)
    count = len(more)
    turns = np.broadcast_to(np.eye(3), (len(rig.root), count, 3, 3))
    wider = ForeignRig(
        rig.names, rig.parents, np.concatenate([rig.offsets, np.full((count, 3), 0.03)]),
        rig.root, np.concatenate([rig.turns, turns], axis=1),
    )  # fmt: skip
    np.testing.assert_allclose(read(tmp_path, wider.bvh()).joints, CALM.joints, atol=1e-4)


def test_positions_in_every_frame_stand_for_offsets(tmp_path: Path) -> None:
    text = rig_of(CALM).bvh()
    header, _, motion = text.partition("MOTION\n")
    offsets = [line.split()[1:] for line in re.findall(r"OFFSET .*(?=\nCHANNELS)", header)]
    header = re.sub(r"OFFSET .*", "OFFSET 0 0 0", header)
    header = header.replace("CHANNELS 3 ", "CHANNELS 6 Xposition Yposition Zposition ")
    lines = motion.splitlines()
    for index, line in enumerate(lines[2:], start=2):
        values = line.split()
        joints = [
            offset + values[3 * n : 3 * n + 3] for n, offset in enumerate(offsets[1:], start=2)
        ]
        lines[index] = " ".join(values[:6] + [word for joint in joints for word in joint])
    np.testing.assert_allclose(
        read(tmp_path, header + "MOTION\n" + "\n".join(lines)).joints, CALM.joints, atol=1e-4
    )


def in_numbers(text: str, pattern: str, instead: str) -> str:
    """The text with something else in its table of numbers and its frame time."""
    head, _, table = text.partition("Frame Time")
    return head + "Frame Time" + re.sub(pattern, instead, table)


def in_lower_case(text: str) -> str:
    """The keywords in lower case."""
    return re.sub("HIERARCHY|MOTION|JOINT|ROOT|End Site", lambda word: word[0].lower(), text)


LIBERTIES: dict[str, Callable[[str], str]] = {
    "time in lower case": lambda text: text.replace("Frame Time:", "Frame time:"),
    "time without a space": lambda text: text.replace("Frame Time: ", "FrameTime:"),
    "keywords in lower case": in_lower_case,
    "glued braces": lambda text: text.replace("\n{", "{"),
    "channels of an End Site": lambda text: text.replace("0.001\n", "0.001\nCHANNELS 0\n"),
    "named End Sites": lambda text: text.replace("End Site", "End Site of a bone"),
    "short channels": lambda text: re.sub(r"([XYZ])rotation", r"\1rot", text),
    "Ctrl-Z at the end": lambda text: text + "\x1a\x00",
    "comma for a point": lambda text: in_numbers(text, r"\.", ","),
    "commas between": lambda text: in_numbers(text, r"(?<=\d) (?=[-\d])", ", "),
    "semicolons between": lambda text: in_numbers(text, r"(?<=\d) (?=[-\d])", ";"),
    "commas for all points": lambda text: text.replace(".", ","),
    "lines ended by returns": lambda text: text.replace("\n", "\r"),
    "MOTION behind a brace": lambda text: text.replace("}\nMOTION", "}MOTION"),
    "one line for MOTION": lambda text: re.sub(r"MOTION\n(.*)\n", r"MOTION \1 ", text),
    "the time before the count": lambda text: re.sub(
        r"(Frames: 12)\n(Frame Time: .*)\n", r"\2\n\1\n", text
    ),
    "a count with a point": lambda text: text.replace("Frames: 12", "Frames: 12.0"),
    "comments": lambda text: "# made by hand\n// twice\n" + text.replace("{", "{ // opens"),
    "tabs": lambda text: text.replace(" ", "\t"),
}


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_small_liberties_of_syntax_are_taken_along(tmp_path: Path, liberty: str) -> None:
    text = LIBERTIES[liberty](rig_of(CALM).bvh())
    np.testing.assert_allclose(read(tmp_path, text).joints, CALM.joints, atol=1e-4)


def test_utf_16_is_a_text_too(tmp_path: Path) -> None:
    (tmp_path / "x.bvh").write_text(rig_of(CALM).bvh(), encoding="utf-16")
    np.testing.assert_allclose(Clip.load(tmp_path / "x.bvh").joints, CALM.joints, atol=1e-4)


@pytest.mark.parametrize("announced", [11, 13, 0])
def test_a_count_that_is_one_off_is_a_warning(tmp_path: Path, announced: int) -> None:
    text = rig_of(CALM).bvh().replace("Frames: 12", f"Frames: {announced}")
    with pytest.warns(UserWarning, match=f"{announced} frames announced, 12 found and read"):
        assert len(read(tmp_path, text)) == 12


def test_joints_that_grow_are_refused(tmp_path: Path) -> None:
    text = rig_of(CALM).bvh().replace("CHANNELS 6 Xposition", "CHANNELS 7 Xscale Xposition", 1)
    head, _, rows = text.partition("Frame Time: 0.05000000\n")
    for scale, refused in (("1.0 ", False), ("2.0 ", True)):
        changed = (
            head
            + "Frame Time: 0.05\n"
            + "".join(scale + row for row in rows.splitlines(keepends=True))
        )
        if refused:
            with pytest.raises(FormatError, match="joints that change their scale"):
                read(tmp_path, changed)
        else:
            np.testing.assert_allclose(read(tmp_path, changed).joints, CALM.joints, atol=1e-4)
