"""Standard streams that are closed lose nothing and raise nothing, and the exit code is true."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kinetoken.motion.clip import Clip

if sys.platform == "win32":
    pytest.skip("its shells close no streams", allow_module_level=True)

CLOSED = [
    " ".join(words)
    for count in range(4)
    for words in itertools.combinations(("<&-", ">&-", "2>&-"), count)
]


def shell(
    line: str, tiny: Path, folder: Path, *, redirections: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a kinetoken command as a shell does, with these redirections."""
    return subprocess.run(
        ["sh", "-c", f'"$0" -m kinetoken {line} {redirections}', sys.executable], cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "KINETOKEN_BUNDLE": str(tiny)},
        capture_output=True, text=True, timeout=120, input="",
    )  # fmt: skip


@pytest.mark.parametrize("closed", CLOSED)
def test_a_clip_is_made_whatever_is_closed(tiny: Path, tmp_path: Path, closed: str) -> None:
    done = shell("generate walk --seconds 1 -o out.npz", tiny, tmp_path, redirections=closed)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(Clip.load(tmp_path / "out.npz"))
    assert os.listdir(tmp_path) == ["out.npz"]
    assert (" >&-" in f" {closed}") == (done.stdout == "")


@pytest.mark.parametrize("command", ["inspect", "generate walk --seconds 1 --json", "--version"])
def test_a_report_that_nobody_gets_is_not_done(tiny: Path, tmp_path: Path, command: str) -> None:
    done = shell(command, tiny, tmp_path, redirections=">&-")
    version = command == "--version"
    assert (done.returncode, "Traceback" in done.stderr) == (0 if version else 5, False)
    assert done.stderr.count("\n") == (0 if version else 1)
    if command != "inspect":
        assert shell(command, tiny, tmp_path, redirections=">/dev/full").returncode == 5


def test_other_commands(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("walk\n", encoding="utf-8")
    for command, made in (
        ("batch prompts.txt -o clips --seconds 1 --seed 1", "clips/000001.npz"),
        ("convert clips/000001.npz out.bvh", "out.bvh"),
        ("chat --history-file talk.json", ""),
        ("convert nothing.npz out.glb", ""),
    ):
        done = shell(command, tiny, tmp_path, redirections="<&- 2>/dev/full")
        assert done.returncode == (3 if "nothing" in command else 0), done.stderr
        assert "Traceback" not in done.stderr
        assert (tmp_path / made).exists()


def test_frames_for_a_closed_output_are_refused(tiny: Path, tmp_path: Path) -> None:
    done = shell("generate walk --stdout -o out.npz", tiny, tmp_path, redirections=">&-")
    assert done.returncode == 5
    assert (
        done.stderr == "kinetoken: --stdout: standard output is closed; open it, or leave it out\n"
    )
    assert os.listdir(tmp_path) == []
