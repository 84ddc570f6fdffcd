"""An engine that ends the process in the middle: what it had made is kept, and one line says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kinetoken.motion.clip import Clip

if sys.platform != "linux":
    pytest.skip("the work is done apart on Linux alone", allow_module_level=True)

# The engine does WHAT at its push number AT; commands are read from sys.argv, as the program does.
PROGRAM = """
import os, signal, sys, time
from kinetoken.cli.main import main
from kinetoken.engines.onnx.model import OnnxRun
push, calls = OnnxRun.push, []

def odd(self, *arguments):
    calls.append(1)
    if len(calls) == {at}:
        {what}
    return push(self, *arguments)

OnnxRun.push = odd
sys.argv = ["kinetoken", *{command!r}]
sys.exit(main())
"""
ABORT = "os.abort()"


def start(
    bundle: Path, command: list[str], what: str = ABORT, at: int = 90
) -> subprocess.Popen[str]:
    program = PROGRAM.format(at=at, what=what, command=[*command, "--bundle", str(bundle)])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", program], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


GENERATE = ["generate", "a person walks", "--seconds", "12", "--seed", "3"]


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (ABORT, "SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    ],
)
def test_what_came_before_is_in_the_file(
    tiny: Path, generator: object, tmp_path: Path, what: str, name: str
) -> None:
    out, whole = tmp_path / "walk.npz", tmp_path / "whole.npz"
    code, _, err = end(start(tiny, [*GENERATE, "-o", str(out)], what))
    clip = Clip.load(out)
    assert code == 6
    line = (
        f"the engine ended the program ({name}); the {clip.seconds:.1f} s of motion so far are in"
    )
    assert err.splitlines()[-1] == f"kinetoken: {line} {out}"
    assert len(clip) > 20
    assert end(start(tiny, [*GENERATE, "-o", str(whole)], "pass"))[0] == 0
    expected = Clip.load(whole)
    assert len(clip) < len(expected)
    assert (clip.joints == expected.joints[: len(clip)]).all()
    assert (clip.prompt, clip.seed, clip.fps) == (expected.prompt, 3, expected.fps)


def test_where_nothing_had_come_or_nothing_is_to_be_kept(tiny: Path, tmp_path: Path) -> None:
    code, _, err = end(start(tiny, [*GENERATE, "-o", str(tmp_path / "x.npz")], at=1))
    assert (code, list(tmp_path.iterdir())) == (6, [])
    assert err == "kinetoken: the engine ended the program (SIGABRT); no motion had come yet\n"
    code, _, err = end(start(tiny, GENERATE))
    assert code == 6
    assert err.endswith("(SIGABRT); nothing was saved (no -o was given)\n")


def test_codes_and_output_pass_as_they_are(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.npz"
    code, said, err = end(start(tiny, [*GENERATE, "--json", "-o", str(out)], "pass"))
    assert (code, json.loads(said)["out"], err) == (0, str(out), "")
    code, said, err = end(start(tiny, [*GENERATE, "--seconds", "never"], "pass"))
    assert (code, said, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_program_stops_its_work(
    tiny: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out, marker = tmp_path / "x.npz", tmp_path / "marker"
    slow = f"open({str(marker)!r}, 'w').close(), time.sleep(1)"
    process = start(tiny, [*GENERATE, "-o", str(out)], slow, at=60)
    wait_for(marker)
    process.send_signal(number)
    code, _, err = end(process)
    assert (code, err.splitlines()[-1].startswith("kinetoken: stopped; the ")) == (130, True)
    assert len(Clip.load(out))


def test_ctrl_c_of_a_terminal_reaches_both_and_is_heard_once(tiny: Path, tmp_path: Path) -> None:
    out, marker = tmp_path / "x.npz", tmp_path / "marker"
    slow = f"open({str(marker)!r}, 'w').close(), time.sleep(1)"
    process = start(tiny, [*GENERATE, "-o", str(out)], slow, at=60)
    wait_for(marker)
    os.killpg(process.pid, signal.SIGINT)  # the worst: the child hears it twice
    assert end(process)[0] == 130
    assert len(Clip.load(out))


def test_the_work_ends_with_the_program(tiny: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    slow = f"open({str(marker)!r}, 'w').write(str(os.getpid())), time.sleep(2)"
    process = start(tiny, [*GENERATE, "-o", str(tmp_path / "x.npz")], slow, at=60)
    wait_for(marker)
    time.sleep(0.2)
    child = int(marker.read_text())
    assert child != process.pid
    process.kill()
    process.communicate(timeout=60)  # whose pipes the child holds open
    for _ in range(600):
        if not Path(f"/proc/{child}").exists():
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()


def wait_for(path: Path) -> None:
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


def test_a_batch_keeps_its_clips_and_goes_on(tiny: Path, tmp_path: Path) -> None:
    prompts, out = tmp_path / "prompts.txt", tmp_path / "clips"
    prompts.write_text("".join(f"a person walks {n}\n" for n in range(6)))
    command = [
        "batch",
        str(prompts),
        "-o",
        str(out),
        "--parallel",
        "1",
        "--seconds",
        "2",
        "--seed",
        "1",
    ]
    code, _, err = end(start(tiny, command, at=150))
    made = sorted(out.glob("*.npz"))
    assert (code, 0 < len(made) < 6) == (6, True)
    words = f"what was made is in {out}; the same command continues from there"
    assert err.splitlines()[-1] == f"kinetoken: the engine ended the program (SIGABRT); {words}"
    before = {path: path.stat().st_mtime_ns for path in made}
    assert end(start(tiny, command, "pass"))[0] == 0
    assert len(list(out.glob("*.npz"))) == 6
    assert {path: path.stat().st_mtime_ns for path in made} == before
