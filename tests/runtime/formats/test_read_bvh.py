"""BVH files of others: the 22 joints by many names, in many units; all else is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bodies import moving_body
from kinetoken import Clip, FormatError
from kinetoken.motion.skeleton import JOINT_NAMES

CLIP = Clip(joints=moving_body(2, 4).astype(np.float32))
MIXAMO = dict(zip(JOINT_NAMES, (
    "Hips", "LeftUpLeg", "RightUpLeg", "Spine", "LeftLeg", "RightLeg", "Spine1", "LeftFoot", "RightFoot", "Spine2",
    "LeftToeBase", "RightToeBase", "Neck", "LeftShoulder", "RightShoulder", "Head", "LeftArm", "RightArm",
    "LeftForeArm", "RightForeArm", "LeftHand", "RightHand",
), strict=True))  # fmt: skip


def smpl(name: str) -> str:
    """left_hip to L_Hip."""
    return "_".join(
        part.capitalize() for part in name.replace("left_", "l_").replace("right_", "r_").split("_")
    )


NAMINGS: dict[str, Callable[[str], str]] = {
    "ours": str,
    "smpl": smpl,
    "smplx": lambda name: "m_avg_" + smpl(name),
    "camel": lambda name: smpl(name).replace("L_", "Left").replace("R_", "Right"),
    "mixamo": lambda name: "mixamorig:" + MIXAMO[name],
    "text-to-motion": lambda name: MIXAMO[name].replace("ToeBase", "Toe"),
}


def text_of(folder: Path, name: Callable[[str], str] = str) -> str:
    """A file of this project with other names."""
    CLIP.save(folder / "own.bvh")
    words = (folder / "own.bvh").read_text(encoding="ascii").split(" ")
    text = " ".join(words)
    for joint in sorted(JOINT_NAMES, key=len, reverse=True):
        for kind in ("ROOT", "JOINT"):
            text = text.replace(f"{kind} {joint}\n", f"{kind} {name(joint)}\n")
    return text


def read(folder: Path, text: str) -> Clip:
    (folder / "x.bvh").write_text(text, encoding="utf-8")
    return Clip.load(folder / "x.bvh")


@pytest.mark.parametrize("naming", NAMINGS)
def test_the_joints_are_known_by_many_names(tmp_path: Path, naming: str) -> None:
    clip = read(tmp_path, text_of(tmp_path, NAMINGS[naming]))
    np.testing.assert_allclose(clip.joints, CLIP.joints, atol=1e-5)
    assert clip.fps == pytest.approx(20)
    assert clip.features is None


def scaled(text: str, factor: float) -> str:
    """The same motion in another unit."""
    header, motion = text.split("MOTION\n")
    lines = []
    for line in header.splitlines():
        key, *values = line.split()
        lines.append(
            " ".join([key, *(str(float(v) * factor) for v in values)]) if key == "OFFSET" else line
        )
    frames = motion.splitlines()
    for index, line in enumerate(frames[2:], start=2):
        values = line.split()
        frames[index] = " ".join([*(str(float(v) * factor) for v in values[:3]), *values[3:]])
    return "\n".join([*lines, "MOTION", *frames, ""])


@pytest.mark.parametrize("factor", [0.01, 1.0, 10.0])
def test_the_unit_is_told_by_the_legs(tmp_path: Path, factor: float) -> None:
    np.testing.assert_allclose(
        read(tmp_path, scaled(text_of(tmp_path), factor)).joints, CLIP.joints, atol=1e-4
    )


def test_other_line_ends_marks_and_joints_do_no_harm(tmp_path: Path) -> None:
    text = text_of(tmp_path)
    (tmp_path / "x.bvh").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    np.testing.assert_allclose(Clip.load(tmp_path / "x.bvh").joints, CLIP.joints, atol=1e-5)
    finger = "JOINT left_thumb\n{\nOFFSET 1 0 0\nCHANNELS 1 Zrotation\nEnd Site\n{\nOFFSET 1 0 0\n}\n}\nEnd Site"
    head, _, tail = text.partition("JOINT left_wrist")
    more = head + "JOINT left_wrist" + tail.replace("End Site", finger, 1)
    values = more.split("MOTION")[1].splitlines()
    column = 3 + 3 * (1 + more[: more.index("left_thumb")].count("CHANNELS 3"))
    rows = [line.split() for line in values[3:]]
    rows = [[*row[:column], "5", *row[column:]] for row in rows]
    table = "\n".join([*values[:3], *(" ".join(row) for row in rows)])
    np.testing.assert_allclose(
        read(tmp_path, more.split("MOTION")[0] + "MOTION" + table).joints, CLIP.joints, atol=1e-5
    )


def test_a_body_of_other_size_survives_the_way_through_a_file(tmp_path: Path) -> None:
    tall = Clip(joints=CLIP.joints * np.float32(1.15))
    tall.save(tmp_path / "tall.bvh")
    np.testing.assert_allclose(Clip.load(tmp_path / "tall.bvh").joints, tall.joints, atol=1e-5)


BROKEN: list[tuple[Callable[[str], str], str]] = [
    (lambda text: "", "no HIERARCHY at its start"),
    (lambda text: "\0" * 100, "no HIERARCHY at its start"),
    (
        lambda text: text.split("JOINT")[0] + "}\nMOTION\nFrames: 1\nFrame Time: 1\n0 0 0 0 0 0\n",
        r"a skeleton of 1 \(pelvis\): no left_hip by name, and no two legs",
    ),
    (lambda text: text.partition("MOTION")[0], "without MOTION"),
    (lambda text: text[:-40], "numbers where 4 frames of 69"),
    (lambda text: text + "1 2 3\n", "numbers where 4 frames of 69"),
    (lambda text: text.replace("Frames: 4", "Frames: 6"), "276 numbers where 6 frames of 69"),
    (lambda text: text.replace("Frames: 4", "Frames: -1"), "-1 frames where 1 to"),
    (lambda text: text.replace("JOINT neck", "ROOT neck"), "a second ROOT; save the skeletons"),
    (lambda text: text.replace("ROOT pelvis\n{", "ROOT pelvis\n"), "got a JOINT where none can be"),
    (lambda text: text.replace("Frames: 4", "Frames: 1000000"), "1000000 frames where 1 to"),
    (lambda text: text.replace("Frames: 4", "Frames: many"), "got"),
    (lambda text: text.replace("Frame Time: 0.05", "Frame Time: 0"), "a Frame Time of 0 s"),
    (lambda text: text.replace("Frame Time: 0.05", "Frame Time: nan"), "a Frame Time of nan s"),
    (lambda text: text.replace("Frame Time: 0.05", ""), "without Frames or Frame Time"),
    (lambda text: text[:-20] + " nan\n", "got|NaN"),
    (lambda text: text[:-5] + " x\n", "not all numbers"),
    (lambda text: text.replace("OFFSET", "OFFSET here", 3), "got"),
    (lambda text: text.replace("Zrotation", "Wrotation", 1), "channels that are none"),
    (lambda text: text.replace("}", "", 1), "got"),
    (lambda text: text.replace("JOINT neck", "}\nJOINT neck", 1), "got|another tree"),
    (lambda text: text.replace("Frames: 4", "Frames: " + "9" * 5000), "got"),
    (
        lambda text: (
            text.replace("ROOT pelvis", "ROOT \x1b[31m" + "x" * 5000).split("JOINT")[0]
            + "}\nMOTION\nFrames: 1\nFrame Time: 1\n0 0 0 0 0 0\n"
        ),
        r"a skeleton of 1 \(\?\[31mxxx.*no left_hip",
    ),
    (lambda text: text.replace("Frame Time: 0.05", "Frame Time: " + "x" * 5000), "got"),
    (lambda text: scaled(text, 1e-5), "expected a leg in m, cm, mm"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_all_else_is_refused_in_one_line(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read(tmp_path, change(text_of(tmp_path)))
    assert "x.bvh" in str(caught.value)
    assert str(caught.value).removeprefix(str(tmp_path)).isprintable()
    assert len(str(caught.value)) < 500


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    text = text_of(tmp_path)
    for size in range(0, len(text) - 12, 97):
        with pytest.raises(FormatError):
            read(tmp_path, text[:size])


def test_numbers_beyond_all_bounds_are_refused(tmp_path: Path) -> None:
    head, _, rows = text_of(tmp_path).rpartition("Frame Time: 0.05\n")
    for huge in ("1e300", "inf", "nan"):
        _, rest = rows.split(" ", 1)
        with pytest.raises(FormatError, match="expected finite positions within"):
            read(tmp_path, f"{head}Frame Time: 0.05\n{huge} {rest}")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        Clip.load(tmp_path / "none.bvh")
    (tmp_path / "folder.bvh").mkdir()
    with pytest.raises(FormatError, match="cannot read"):
        Clip.load(tmp_path / "folder.bvh")
