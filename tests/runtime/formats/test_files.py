"""Files are written whole or not at all, and what is read is checked."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinetoken import Clip, FormatError, InputError, OutputError
from kinetoken.base import atomic_file
from kinetoken.base.atomic_file import atomic_path, check_writable
from kinetoken.cli.shell.doubtful_prompt import path_found
from kinetoken.formats.numpy_files.npy import write_npy
from kinetoken.formats.registry import names_a_file
from kinetoken.motion.features import encode
from kinetoken.motion.recover import recover
from synthetic_motion import walking

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*the head is not above the feet"
)  # numbers by chance are no body
WALK = walking(8)
FEATURES = encode(walking(9)).astype(np.float32)
CLIP = Clip(
    joints=recover(FEATURES).astype(np.float32),
    fps=20.0,
    prompt="walk",
    text="I walk.<move><m_0_1></move>",
    seed=2**62,
    features=FEATURES,
    codes=np.array([[1, -1], [2, 3]], np.int64),
    meta={"model": "tiny"},
)


def test_a_clip_survives_npz(tmp_path: Path) -> None:
    CLIP.save(tmp_path / "x.npz")
    back = Clip.load(tmp_path / "x.npz")
    for name in ("joints", "features", "codes"):
        np.testing.assert_array_equal(getattr(back, name), getattr(CLIP, name))
    for name in ("fps", "prompt", "text", "seed", "meta"):
        assert getattr(back, name) == getattr(CLIP, name)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as plain:
        assert set(plain.files) == {
            "joints",
            "features",
            "codes",
            "fps",
            "text",
            "prompt",
            "seed",
            "meta",
        }
        assert plain["joints"].shape == (8, 22, 3)


def test_a_clip_of_joints_alone_survives_npz(tmp_path: Path) -> None:
    bare = Clip(joints=CLIP.joints)
    bare.save(tmp_path / "x.NPZ")
    back = Clip.load(tmp_path / "x.NPZ")
    assert (back.features, back.codes, back.seed, back.meta) == (None, None, None, {})


def test_npy_holds_joints_or_features(tmp_path: Path) -> None:
    write_npy(CLIP, tmp_path / "joints.npy")
    np.testing.assert_array_equal(Clip.load(tmp_path / "joints.npy").joints, CLIP.joints)
    write_npy(CLIP, tmp_path / "features.npy", "features")
    back = Clip.load(tmp_path / "features.npy")
    np.testing.assert_array_equal(back.features, FEATURES)
    np.testing.assert_allclose(back.joints, CLIP.joints, atol=1e-6)


def test_features_are_encoded_from_joints_where_there_are_none(
    golden: Path, tmp_path: Path
) -> None:
    clip = Clip.load(golden / "new_joints_012314.npy")
    write_npy(clip, tmp_path / "features.npy", "features")
    back = Clip.load(tmp_path / "features.npy")
    np.testing.assert_allclose(back.joints, clip.joints[:-1], atol=1e-3)


def test_features_that_cannot_be_had(tmp_path: Path) -> None:
    for clip in (Clip(joints=CLIP.joints[:1]), Clip(joints=CLIP.joints, fps=30.0)):
        with pytest.raises(InputError, match="20 fps"):
            write_npy(clip, tmp_path / "x.npy", "features")
    with pytest.raises(FormatError, match="with a facing direction"):
        write_npy(Clip(joints=np.zeros((5, 22, 3), np.float32)), tmp_path / "x.npy", "features")
    assert list(tmp_path.iterdir()) == []


Failure = Callable[[pytest.MonkeyPatch], None]


def full_at_flush(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "fsync", no_space)


def full_at_write(patch: pytest.MonkeyPatch) -> None:
    """The disk fills in the middle of the file: the writer's stream fails after some bytes."""
    plain_open = Path.open

    def open_on_full_disk(path: Path, mode: str = "r", **more: Any) -> Any:
        stream = plain_open(path, mode, **more)
        if "w" in mode:
            stream.write("half" if "b" not in mode else b"half")
            stream.write = no_space
        return stream

    patch.setattr(Path, "open", open_on_full_disk)


def full_at_replace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "replace", no_space)


def no_space(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("suffix", [".npz", ".bvh", ".npy", ".glb", ".vrma"])
@pytest.mark.parametrize("fail", [full_at_flush, full_at_write, full_at_replace])
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # zipfile's own __del__ on a full disk
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, fail: Failure
) -> None:
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(b"before")
    fail(monkeypatch)
    with pytest.raises(OutputError, match=r"No space left on device; free some space"):
        write_npy(CLIP, path) if suffix == ".npy" else CLIP.save(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_device_is_no_place_for_a_clip() -> None:
    with pytest.raises(OutputError, match="not a regular file"):
        check_writable("/dev/full")


def test_an_interrupt_while_writing_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"

    def stopped_half_way() -> None:
        with atomic_path(path) as part:
            part.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_half_way()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="nobody can say there whether a process is alive")
def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here, old = atomic_file._place(), time.time() - 2 * atomic_file.STALE_SECONDS
    stale = [
        f".{here}-{dead.pid}-01234567.part.mp4",
        f".{here}-{dead.pid}-01234567.part",
        f".{here}-{os.getpid()}-01234567.part.npz",  # of one that had our number
        ".76543210-1-01234567.part.npz",  # of another machine, and old
    ]
    others = [
        f".{here}-{os.getppid()}-01234567.part.mp4",
        f".76543210-{dead.pid}-01234567.part.mp4",
        f".mine.{dead.pid}.part.mp4",
    ]
    for name in (*stale, *others):
        (tmp_path / name).write_bytes(b"half")
    os.utime(tmp_path / stale[-1], (old, old))
    with atomic_path(tmp_path / "film.mp4") as part:
        part.write_bytes(b"whole")
        with atomic_path(tmp_path / "film.mp4") as other:
            other.write_bytes(b"whole too")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*others, "film.mp4"])
    assert (tmp_path / "film.mp4").read_bytes() == b"whole"


KILLED = """
import os, signal, sys
from kinetoken.base.atomic_file import atomic_path
with atomic_path(sys.argv[1]) as part:
    part.write_text("half a chat")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="nobody can say there whether a process is alive")
def test_killed_writers_leave_no_growing_number_of_halves(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "talk.json")]
    for _ in range(3):
        assert subprocess.run(command).returncode == -signal.SIGKILL
        assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / "talk.json").write_text("{}", encoding="utf-8")
    with atomic_path(tmp_path / "talk.json") as part:
        part.write_text("whole", encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["talk.json"]


def test_a_folder_is_swept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[Path] = []
    monkeypatch.setattr(atomic_file, "_sweep", swept.append)
    for _ in range(3):
        CLIP.save(tmp_path / "x.npz")
    assert swept == [tmp_path]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    for check in (check_writable, CLIP.save):
        with pytest.raises(OutputError, match="there is no folder"):
            check(tmp_path / "no" / "x.npz")
        with pytest.raises(OutputError, match="not a regular file"):
            check(tmp_path / "folder.npz")
        with pytest.raises(OutputError, match="shorter name"):
            check(tmp_path / ("x" * 400 + ".npz"))
    CLIP.save(tmp_path / ("x" * 250 + ".npz"))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="root and Windows write everywhere",
)
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        check_writable(tmp_path / "x.npz")


def test_permission_denied_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", denied)
    for check in (check_writable, CLIP.save):
        with pytest.raises(
            OutputError, match=r"Permission denied; choose a place that you may write to"
        ):
            check(tmp_path / "x.npz")


def test_checking_a_place_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(b"before")
    check_writable(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_written_through_and_the_mask_is_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real.npz", tmp_path / "link.npz"
    real.touch()
    link.symlink_to(real)
    mask = os.umask(0o027)
    try:
        CLIP.save(link)
    finally:
        os.umask(mask)
    assert link.is_symlink()
    assert len(Clip.load(real)) == 8
    assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["x.csv", "x", "x.npz.bak"])
def test_unknown_suffixes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(
        InputError, match=r"expected a name that ends in \.npz, \.bvh, \.glb, .* or \.npy"
    ):
        CLIP.save(tmp_path / name)
    with pytest.raises(
        InputError, match=r"expected a name that ends in \.npz, \.bvh, \.glb, .* or"
    ):
        Clip.load(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.glb", "no such file"),
        ("x.VRMA", "no such file"),
        ("x.mp4", "MP4 holds pictures, not motion"),
        ("x.fbx", "no such file"),
        ("folder/x", "no such file"),
    ],
)
def test_files_that_are_not_read_say_why(name: str, words: str) -> None:
    assert path_found(name) is not None
    with pytest.raises((InputError, FormatError), match=words):
        Clip.load(name)


@pytest.mark.parametrize("words", ["'my walk.npz'", '"C:\\x\\walk.fbx"', "~", "~/walk"])
def test_quotes_and_a_home_do_not_hide_a_path(words: str) -> None:
    assert path_found(words) is not None


@pytest.mark.parametrize(
    "words", ["walk", "a person walks", "walk and/or run", "see x.mp4 first", "", "x" * 5000, "a.b"]
)
def test_other_words_name_no_file(words: str) -> None:
    assert not names_a_file(words)
    assert words == "a.b" or path_found(words) is None


@pytest.mark.parametrize(
    ("turn", "guess"), [([0, 2, 1], "Z points up"), ([1, 0, 2], "X points up")]
)
def test_another_axis_up_is_a_warning(tmp_path: Path, turn: list[int], guess: str) -> None:
    np.save(tmp_path / "x.npy", WALK[..., turn] * [-1, 1, 1])
    with pytest.warns(UserWarning, match=guess):
        assert len(Clip.load(tmp_path / "x.npy")) == len(WALK)


def test_upside_down_is_a_warning_and_upright_is_none(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", WALK * [1, -1, -1])
    with pytest.warns(UserWarning, match="-Y points up"):
        Clip.load(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", WALK)
    assert len(Clip.load(tmp_path / "x.npy")) == len(WALK)


def test_a_text_named_npz_is_told_in_our_words(tmp_path: Path) -> None:
    for name in ("x.npz", "x.npy"):
        (tmp_path / name).write_text("a walk")
        with pytest.raises(FormatError, match="no file of NumPy's, or holds objects") as caught:
            Clip.load(tmp_path / name)
        assert "pickle" not in str(caught.value)


def test_a_clip_of_nothing_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames"):
        Clip(joints=np.zeros((0, 22, 3), np.float32)).save(tmp_path / "x.npz")


JOINTS = CLIP.joints
BROKEN: list[tuple[dict[str, Any], str]] = [
    ({}, "got nothing"),
    ({"poses": JOINTS}, "got poses"),
    ({"joints": JOINTS[:, :21]}, r"got \(8, 21, 3\): the 21 joints of KIT-ML\? Save"),
    ({"joints": FEATURES[:, :200]}, r"got \(8, 200\)"),
    ({"joints": JOINTS[:0]}, "at least one frame, got none"),
    ({"features": FEATURES[:0]}, "at least one frame, got none"),
    ({"joints": np.full_like(JOINTS, np.nan)}, "NaN or infinity"),
    ({"joints": JOINTS, "features": np.full_like(FEATURES, np.inf)}, "NaN or infinity"),
    ({"joints": JOINTS * 1e8}, "expected metres"),
    ({"joints": np.full(JOINTS.shape, "a")}, "expected numbers"),
    ({"joints": JOINTS, "features": FEATURES[:3]}, r"expected features \(8, 263\)"),
    ({"joints": JOINTS, "fps": 0}, "1 to 1000 frames per second"),
    ({"joints": JOINTS, "fps": np.nan}, "1 to 1000 frames per second"),
    ({"joints": JOINTS, "fps": [20, 20]}, "fps as one number"),
    ({"joints": JOINTS, "fps": 1001}, "1 to 1000 frames per second, got 1001"),
    (
        {"joints": WALK * 100},
        r"metres, got a leg of 8\d\.?\d*: cm\? Divide by 100, or give --unit cm",
    ),
    ({"joints": WALK * 1000}, r"mm\? Divide by 1000, or give --unit mm"),
    ({"joints": WALK * 5.5}, "scale the body to 0.25 to 2.5, or give .* --unit 0.17"),
    ({"joints": WALK * 0}, "expected a body, got legs of length 0"),
    ({"joints": JOINTS, "text": 3}, "text as one string"),
    ({"joints": JOINTS, "seed": 0.5}, "seed as one whole number"),
    ({"joints": JOINTS, "codes": [1, 2]}, "codes"),
    ({"joints": JOINTS, "meta": "{"}, "meta as JSON"),
    ({"joints": JOINTS, "meta": "3"}, "meta as a JSON object"),
]


@pytest.mark.parametrize(("arrays", "message"), BROKEN)
def test_archives_of_something_else(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(FormatError, match=message) as caught:
        Clip.load(tmp_path / "x.npz")
    assert "x.npz" in str(caught.value)


def test_a_clip_of_endless_length_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinetoken.formats.numpy_files.arrays.MAX_FRAMES", 7)
    CLIP.save(tmp_path / "x.npz")
    with pytest.raises(FormatError, match=r"at most 7 frames, got \(8, 22, 3\); cut it into"):
        Clip.load(tmp_path / "x.npz")


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", joints=np.array([{}], object))
    np.save(tmp_path / "x.npy", np.array([{}], object))
    for name in ("x.npz", "x.npy"):
        with pytest.raises(FormatError, match="expected plain arrays"):
            Clip.load(tmp_path / name)


def test_files_that_are_missing_mixed_up_or_cut_short(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        Clip.load(tmp_path / "none.npz")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(FormatError, match="cannot read"):
        Clip.load(tmp_path / "folder.npy")
    CLIP.save(tmp_path / "x.npz")
    whole = (tmp_path / "x.npz").read_bytes()
    np.save(tmp_path / "array.npy", JOINTS)
    (tmp_path / "archive.npy").write_bytes(whole)
    (tmp_path / "array.npz").write_bytes((tmp_path / "array.npy").read_bytes())
    with pytest.raises(FormatError, match=r"rename it to end in \.npz"):
        Clip.load(tmp_path / "archive.npy")
    with pytest.raises(FormatError, match=r"rename it to end in \.npy"):
        Clip.load(tmp_path / "array.npz")
    for size in (0, 1, 10, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.npz").write_bytes(whole[:size])
        with pytest.raises(FormatError):
            Clip.load(tmp_path / "cut.npz")
    middle = bytearray(whole)
    middle[300:340] = bytes(40)
    (tmp_path / "altered.npz").write_bytes(bytes(middle))
    with pytest.raises(FormatError):
        Clip.load(tmp_path / "altered.npz")
