"""Everything that people do, under doubles of Windows and macOS: what they lack is missing here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kinetoken.motion.clip import Clip

if sys.platform != "linux":
    pytest.skip("doubles of other systems are for Linux", allow_module_level=True)
for package in ("pyglet", "PIL", "websockets", "pythonosc"):
    pytest.importorskip(package)

FOLDER = Path(__file__).parent / "support" / "other_systems"
CODE_PAGES = {"windows": "cp1252", "macos": "ascii"}
QUICK = ("tests/runtime/base", "tests/runtime/live/test_live_page.py")
WORKFLOW = ("@.ci/quick", "tests/runtime/batch", "tests/runtime/chat", "tests/runtime/cli")
"""The tests that .github/workflows/ci.yml runs."""
ON_LINUX_ALONE = "library_that_never_returns or removed_meanwhile or pipe or device or made_to_end"


def environment(system: str) -> dict[str, str]:
    """Variables of a process under a double of the system."""
    path = os.pathsep.join([str(FOLDER), *filter(None, sys.path)])
    return {
        **os.environ, "PYTHONPATH": path, "KINETOKEN_TEST_SYSTEM": system,
        "PYTHONIOENCODING": CODE_PAGES[system], "PYTHONUTF8": "0",
    }  # fmt: skip


@pytest.mark.parametrize("system", CODE_PAGES)
def test_every_command_works_there(system: str, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("walk\nwave\n", encoding="utf-8")
    answer = (
        "I walk. <move>"
        + "".join(f"<m_{level}_7>" for _ in range(5) for level in range(4))
        + "</move>"
    )
    (tmp_path / "answer.txt").write_text(answer, encoding="utf-8")
    readable, writable = os.pipe()
    env = {name: value for name, value in environment(system).items() if name != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, str(FOLDER / "commands.py"), str(writable)], cwd=tmp_path, env=env,
        input=b"walk\nwave\n", capture_output=True, pass_fds=[writable], timeout=300,
    )  # fmt: skip
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        found = json.loads(pipe.read() or b"{}")
    said = done.stdout.decode(CODE_PAGES[system]) + done.stderr.decode(CODE_PAGES[system])
    assert done.returncode == 0, said
    assert "Traceback" not in said
    assert found["system"] == system
    assert found["codes"] == [0] * 13, said
    assert found["second_batch"] == 5
    assert "another kinetoken batch writes into clips" in said
    assert found["swaps"] == ["bundle", "bundle/second"]
    assert json.loads((tmp_path / "talk.json").read_text(encoding="utf-8"))
    assert len(list((tmp_path / "clips").glob("*.npz"))) == 2
    assert Clip.load(tmp_path / "walk.npz").prompt == "a person walks \u2192 \u0439"
    leftovers = [
        path.name for path in tmp_path.rglob(".*") if ".part" in path.name or ".new." in path.name
    ]
    assert leftovers == []
    for name in ("walk.gif", "talk.bvh", "answer.npz", "walk.glb"):
        assert (tmp_path / name).stat().st_size


def test_what_cannot_be_shown_is_escaped(tmp_path: Path) -> None:
    name = "\u0445\u043e\u0434.npz"
    for system, page in CODE_PAGES.items():
        command = [sys.executable, "-m", "kinetoken", "inspect", name]
        done = subprocess.run(command, env=environment(system), capture_output=True, cwd=tmp_path)
        line = done.stderr.decode(page)
        assert (done.returncode, line.count("\n")) == (3, 1), line
        assert r"\u0445\u043e\u0434.npz" in line


def test_the_core_tests_pass_on_windows() -> None:
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *QUICK,
        "-k", f"not ({ON_LINUX_ALONE})",
    ]  # fmt: skip
    env = environment("windows") | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, env=env, cwd=FOLDER.parents[2], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_windows_can_import_the_tests_that_the_workflow_runs_there() -> None:
    command = [
        sys.executable, "-m", "pytest", "-q", "--collect-only", "--assert=plain",
        "-p", "no:cacheprovider", *WORKFLOW,
    ]  # fmt: skip
    env = environment("windows") | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, env=env, cwd=FOLDER.parents[2], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_double_is_one(tmp_path: Path) -> None:
    """Our modules see the other system, and the library of Python sees this one."""
    program = """
import os, signal, sys, subprocess
from pathlib import Path
from kinetoken.base import atomic_file, operating_system as system
from kinetoken.live.browser import page_server
assert (system.WINDOWS, system.LINUX, os.name, sys.platform) == (True, False, "posix", "linux")
assert system.c_function("malloc_trim") is None
assert system.STOP_SIGNALS == (2, 15, 21)
assert system.process_exists(os.getpid()) is None
assert system.read_system_file(Path("/proc/stat")) == ""
path = Path("held.txt")
path.write_text("x", encoding="utf-8")
with path.open("rb"):
    for forbidden in (path.unlink, lambda: os.replace(path, "other.txt")):
        try:
            forbidden()
        except PermissionError:
            continue
        raise SystemExit("an open file was moved")
path.unlink()
try:
    page_server.socket.socket().setsockopt(1, 2, 1)
except AssertionError:
    print("as Windows")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment("windows"), cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "as Windows\n", done.stderr
