"""SIGTERM and SIGHUP end what a script started in the background, and keep what Ctrl-C keeps."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kinetoken.motion.clip import Clip
from synthetic_motion import walking

if sys.platform == "win32":
    pytest.skip("Windows has no such signals", allow_module_level=True)

# Slow from the first token on, when the marker appears.
PROGRAM = """
import sys, time
from kinetoken.__main__ import run
from kinetoken.engines.onnx.model import OnnxRun
push = OnnxRun.push

def slow(self, *arguments):
    open({marker!r}, "a").write(".")
    time.sleep(0.02)
    return push(self, *arguments)

OnnxRun.push = slow
sys.argv = ["kinetoken", *{command!r}]
sys.exit(run())
"""
JOB = 'exec 3<&0; "$@" <&3 & echo $! >pid; wait $!'
"""A script's background job: the shell has it ignore SIGINT."""
WAIT = 120  # seconds, of a loaded machine


def _hears_hang_ups() -> None:
    """Undo what `nohup` does to the tests themselves."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Job:
    """A command in the background of a script, in a folder of its own."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.marker, self._pid = folder / "marker", folder / "pid"
        program = PROGRAM.format(marker=str(self.marker), command=command)
        self.process = subprocess.Popen(
            ["sh", "-c", JOB, "sh", sys.executable, "-c", program], cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=_hears_hang_ups,
        )  # fmt: skip

    def at_work(self, tokens: int = 40) -> None:
        """Wait until it has begun."""
        for _ in range(20 * WAIT):
            if self.marker.exists() and self.marker.stat().st_size >= tokens:
                return
            if self.process.poll() is not None:
                raise AssertionError(self.process.communicate())
            time.sleep(0.05)
        raise AssertionError("it never began")

    def end(self, *numbers: signal.Signals) -> tuple[int, str, str]:
        """Send signals to the command alone; its exit code and what it said."""
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):  # the one before has ended it
                os.kill(int(self._pid.read_text()), number)
            time.sleep(0.2)
        out, err = self.process.communicate(timeout=WAIT)
        return self.process.returncode, out, err


GENERATE = ["generate", "a person walks", "--seconds", "60", "--seed", "3", "-o", "out.npz"]


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGHUP, signal.SIGHUP]])
def test_generate_keeps_its_motion(
    tiny: Path, tmp_path: Path, numbers: list[signal.Signals]
) -> None:
    job = Job(tmp_path, [*GENERATE, "--bundle", str(tiny)])
    job.at_work()
    code, _, err = job.end(signal.SIGINT, *numbers)
    assert code == 130
    seconds = Clip.load(tmp_path / "out.npz").seconds
    assert err == f"kinetoken: stopped; the {seconds:.1f} s of motion so far are in out.npz\n"


def test_batch_keeps_its_clips(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a person walks\n" * 40, encoding="utf-8")
    job = Job(
        tmp_path, ["batch", "prompts.txt", "-o", "clips", "--seconds", "1", "--bundle", str(tiny)]
    )
    job.at_work(200)
    code, _, err = job.end(signal.SIGTERM)
    made = len(list((tmp_path / "clips").glob("*.npz")))
    assert code == 130
    words = "are in clips; the same command continues from there"
    assert err.splitlines()[-1] == f"kinetoken: stopped; {made} of 40 clips {words}"
    rows = (tmp_path / "clips" / "report.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum(json.loads(row)["status"] == "made" for row in rows) == made


def test_a_chat_ends_in_the_middle_of_an_answer(tiny: Path, tmp_path: Path) -> None:
    command = ["chat", "--seconds", "60", "-o", "talk.npz", "--history-file", "talk.json"]
    job = Job(tmp_path, [*command, "--bundle", str(tiny)])
    assert job.process.stdin is not None
    job.process.stdin.write("walk\nwave\n")
    job.process.stdin.flush()
    job.at_work(60)
    code, out, err = job.end(signal.SIGTERM)
    assert (code, out.count("seed")) == (130, 1), "the second prompt is not answered"
    assert err.splitlines()[-1] == "kinetoken: stopped"
    assert len(Clip.load(tmp_path / "talk.npz"))
    assert len(json.loads((tmp_path / "talk.json").read_text(encoding="utf-8"))["turns"]) == 1


@pytest.mark.parametrize(
    ("options", "number"),
    [
        (["--stdout"], signal.SIGTERM),
        (["--ws", "0"], signal.SIGHUP),
        (["--vmc", "127.0.0.1:9", "--stdout"], signal.SIGHUP),
    ],
)
def test_live_output_without_a_window_ends(
    tmp_path: Path, options: list[str], number: signal.Signals
) -> None:
    for package in ("websockets", "pythonosc", "PIL"):
        pytest.importorskip(package)
    Clip(walking(40), fps=20).save(tmp_path / "clip.npz")
    job = Job(tmp_path, ["play", "clip.npz", "--headless", "-o", "kept.npz", *options])
    stream = job.process.stdout if "--stdout" in options else job.process.stderr
    assert stream is not None
    assert stream.readline()  # the first frame's header, or where the page is
    code, _, err = job.end(signal.SIGINT, number)
    assert code == 130
    assert err.splitlines()[-1] == "kinetoken: stopped"
    assert len(Clip.load(tmp_path / "kept.npz")) == 40


def test_hang_ups_of_nohup_stay_ignored(tiny: Path, tmp_path: Path) -> None:
    program = PROGRAM.format(
        marker=str(tmp_path / "again"),
        command=["generate", "walk", "--seconds", "3", "--bundle", str(tiny)],
    )
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while not (tmp_path / "again").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=WAIT) == 0
