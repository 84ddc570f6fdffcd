"""A folder appears whole or not at all, whatever happens to the process that builds it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kinetoken.base.errors import OutputError
from kinetoken_export.bundle import atomic_folder
from kinetoken_export.bundle.atomic_folder import new_folder


def write(folder: Path, text: str) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "bundle"
    with new_folder(out) as folder:
        write(folder, "new")
        assert not out.exists()
    assert (out / "inner" / "file").read_text() == "new"
    assert names(out.parent) == ["bundle"]


@pytest.mark.parametrize("can_swap", [True, False])
def test_an_old_folder_is_replaced_only_when_asked_and_only_by_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_swap: bool
) -> None:
    if not can_swap:
        monkeypatch.setattr(atomic_folder, "find_swap_function", lambda: None)
    out = tmp_path / "bundle"
    with new_folder(out) as folder:
        write(folder, "old")
    with pytest.raises(OutputError, match="exists: give another folder"), new_folder(out):
        pass
    with pytest.raises(RuntimeError), new_folder(out, force=True) as folder:  # noqa: PT012
        write(folder, "half")
        raise RuntimeError
    assert (out / "inner" / "file").read_text() == "old"
    with new_folder(out, force=True) as folder:
        write(folder, "new")
    assert (out / "inner" / "file").read_text() == "new"
    assert names(tmp_path) == ["bundle"]


def test_a_failed_second_rename_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_folder, "find_swap_function", lambda: None)
    out = tmp_path / "bundle"
    with new_folder(out) as folder:
        write(folder, "old")
    real, calls = os.replace, []

    def replace(a: Path, b: Path) -> None:
        calls.append(b)
        if len(calls) == 2:
            raise OSError(errno.EACCES, "Permission denied")
        real(a, b)

    monkeypatch.setattr(atomic_folder.os, "replace", replace)
    with (
        pytest.raises(OutputError, match="Permission denied"),
        new_folder(out, force=True) as folder,
    ):
        write(folder, "new")
    assert (out / "inner" / "file").read_text() == "old"


def test_a_full_disk_is_one_line_and_leaves_the_old_folder(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    with new_folder(out) as folder:
        write(folder, "old")
    with pytest.raises(OutputError, match="No space left"), new_folder(out, force=True):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (out / "inner" / "file").read_text() == "old"
    assert names(tmp_path) == ["bundle"]


def test_a_file_or_link_in_the_place_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with (
            pytest.raises(OutputError, match="is not a folder"),
            new_folder(tmp_path / name, force=True),
        ):
            pass
    assert (tmp_path / "file").read_text() == "mine"


KILLED = """
import sys, time
from pathlib import Path
from kinetoken_export.bundle.atomic_folder import new_folder
with new_folder(Path(sys.argv[1]), force=True) as folder:
    (folder / "half").write_text("half")
    print("building", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL and file locks")
def test_a_killed_build_leaves_the_old_folder_and_the_next_one_clears_up(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    with new_folder(out) as folder:
        write(folder, "old")
    path = os.pathsep.join(filter(None, sys.path))
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"building\n"
    with new_folder(tmp_path / "bundle", force=True) as folder:  # another one at work is left alone
        write(folder, "second")
    assert len(names(tmp_path)) == 3
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    time.sleep(0.05)
    assert (out / "inner" / "file").read_text() == "second"
    with new_folder(out, force=True) as folder:
        write(folder, "new")
    assert (out / "inner" / "file").read_text() == "new"
    assert names(tmp_path) == ["bundle"]


def test_killed_between_two_renames_the_old_folder_comes_back(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    aside = tmp_path / ".bundle.new.0123.old"
    aside.mkdir()
    (aside / "file").write_text("old")
    (tmp_path / ".bundle.new.0123.lock").touch()
    with pytest.raises(RuntimeError), new_folder(out, force=True):
        raise RuntimeError
    assert (out / "file").read_text() == "old"
    assert names(tmp_path) == ["bundle"]
