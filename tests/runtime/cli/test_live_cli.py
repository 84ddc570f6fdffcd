"""Live output from the command line: what arrives, and one line for whatever stands in its way."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fake_senders
from kinetoken import Clip
from kinetoken.base.errors import EngineError, InputError, MissingPackageError
from kinetoken.cli import main as cli
from kinetoken.live import sender
from kinetoken.live.live_output import LiveOutput
from kinetoken.live.settings import LiveSettings
from synthetic_motion import walking

GENERATE = ("generate", "walk", "--seed", "3", "--seconds", "1", "--max-thought", "3")


@pytest.fixture
def environment(tiny: Path) -> dict[str, str]:
    path = os.pathsep.join(p for p in sys.path if p)
    hidden = {"DISPLAY", "WAYLAND_DISPLAY"}
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    return {**kept, "PYTHONPATH": path, "KINETOKEN_BUNDLE": str(tiny), "KINETOKEN_THREADS": "1"}


def start(environment: dict[str, str], *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kinetoken", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(environment: dict[str, str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    with start(environment, *arguments) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_standard_output_carries_nothing_but_frames(
    environment: dict[str, str], tmp_path: Path
) -> None:
    clip = tmp_path / "walk.npz"
    code, out, err = run(environment, *GENERATE, "--stdout", "--json", "-o", clip)
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    head, frames, last = lines[0], [line for line in lines if "frame" in line], lines[-1]
    assert (head["format"], head["prompt"], head["seed"], head["fps"]) == (
        "kinetoken-live",
        "walk",
        "3",
        20.0,
    )
    assert last == {"end": True, "frames": len(frames)}
    assert [line["frame"] for line in frames] == list(range(len(frames)))
    joints = Clip.load(clip).joints
    np.testing.assert_allclose(frames[0]["joints"], joints[0], atol=1e-4)
    np.testing.assert_allclose(frames[-1]["joints"], joints[-1], atol=1e-4)
    assert json.loads(err.splitlines()[-1])["seed"] == 3
    assert (
        "".join(line["say"] for line in lines if "say" in line)
        == json.loads(err.splitlines()[-1])["thought"]
    )


def test_a_reader_that_leaves_is_one_line_and_the_clip_is_kept(
    environment: dict[str, str], tmp_path: Path
) -> None:
    clip = tmp_path / "walk.npz"
    with start(environment, *GENERATE, "--stdout", "-o", clip) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["format"] == "kinetoken-live"
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(60) == 141
    assert err.count("the reader of standard output is gone") == 1
    assert "Traceback" not in err
    assert len(Clip.load(clip)) == 20


def test_a_clip_is_played_again_and_again_until_ctrl_c(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "walk.npz"
    Clip(walking(8), prompt="a person walks").save(path)
    with start(environment, "play", path, "--stdout", "--headless", "--rate", "120") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        times = [json.loads(process.stdout.readline())["time"] for _ in range(120)]
        assert sum(b < a for a, b in itertools.pairwise(times)) >= 2
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read().splitlines()
        err = process.stderr.read()
        assert process.wait(60) == 130
    assert json.loads(rest[-1])["end"] is True  # the last line is whole
    assert err.splitlines()[-1] == "kinetoken: stopped"


@pytest.mark.parametrize("options", [(), ("--headless",)])
def test_without_a_window_a_clip_is_streamed(
    environment: dict[str, str], tmp_path: Path, options: Any
) -> None:
    path = tmp_path / "walk.npz"
    Clip(walking(8), prompt="a person walks").save(path)
    code, out, err = run(environment, "play", path, "--stdout", "--once", *options)
    assert code == 0, err
    assert json.loads(out.splitlines()[-1])["end"] is True
    assert ("no window" in err) == (not options)


def test_a_prompt_is_streamed_and_kept(environment: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    code, out, err = run(
        environment, "play", *GENERATE[1:], "--stdout", "--once", "--headless", "-o", kept
    )
    assert code == 0, err
    np.testing.assert_allclose(
        json.loads(out.splitlines()[-2])["joints"], Clip.load(kept).joints[-1], atol=1e-4
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--vmc", "no-such-host.invalid"), "cannot find the host"),
        (("--vmc", "host:port"), "expected HOST or HOST:PORT"),
        (("--ws", "70000"), "expected a port"),
        (("--host", "0.0.0.0"), "--ws"),
        (("--stdout", "--rate", "0"), "frames per second"),
        (("--hip-height", "1"), "--vmc"),
    ],
)
def test_mistakes(
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    words: str,
) -> None:
    pytest.importorskip("pythonosc", reason="python-osc is not installed: pip install '.[live]'")
    monkeypatch.setenv("KINETOKEN_BUNDLE", str(tiny))
    assert cli.main([*GENERATE, *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


@pytest.mark.parametrize(
    ("option", "module", "package"),
    [
        (("--vmc",), "pythonosc", "python-osc"),
        (("--vrchat",), "pythonosc", "python-osc"),
        (("--ws", "0"), "websockets", "websockets"),
        (("--sonic",), "zmq", "pyzmq"),
    ],
)
def test_a_missing_package_is_told_before_a_model_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: tuple[str, ...],
    module: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("KINETOKEN_BUNDLE", "no-such-bundle")
    assert cli.main([*GENERATE, *option]) == MissingPackageError.exit_code
    assert f"this needs {package}" in capsys.readouterr().err


def test_a_port_in_use_is_one_line(environment: dict[str, str]) -> None:
    pytest.importorskip("websockets", reason="websockets is not installed: pip install '.[live]'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, out, err = run(environment, *GENERATE, "--stdout", "--ws", taken.getsockname()[1])
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "choose another port" in err


def test_a_sender_that_dies_is_told_once_and_does_not_stop_the_generator() -> None:
    told: list[str] = []
    with LiveOutput(LiveSettings(stdout=True), told.append, worker=fake_senders.dies) as live:
        for _ in range(200):
            live.push(walking(40))
        live.finish()
        live.wait()
        assert live.over
        assert live.exit_code == EngineError.exit_code
    assert told[0] == "ready"
    assert len(told) == 2
    assert "killed by signal 9" in told[1]


def test_a_sender_that_never_opens_is_an_error() -> None:
    with pytest.raises(EngineError, match="exit code 0"):
        LiveOutput(LiveSettings(stdout=True), print, worker=fake_senders.never_ready)


def test_more_than_half_a_minute_in_hand_holds_the_generator_back() -> None:
    """A window's poses pass all the same: they are not stored."""
    from kinetoken.live.timeline import Timeline

    timeline = Timeline(20.0)
    timeline.push(np.repeat(walking(1), 640, axis=0))
    assert not timeline.hungry
    timeline.advance(0.05)
    for _ in range(60):
        timeline.advance(0.1)
    assert timeline.hungry


def test_targets_before_a_refused_one_are_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Opened:
        note = "open"

        def close(self) -> None:
            closed.append("closed")

    def refuse(settings: LiveSettings) -> Any:
        raise InputError("no")

    monkeypatch.setattr(
        sender, "target_makers", lambda settings: [lambda settings: Opened(), refuse]
    )
    with pytest.raises(InputError):
        sender.open_targets(LiveSettings())
    assert closed == ["closed"]


@pytest.mark.parametrize(
    ("module", "option"), [("pythonosc", "--vmc=127.0.0.1"), ("websockets", "--ws=0")]
)
def test_a_missing_package_is_one_line(
    environment: dict[str, str], tmp_path: Path, module: str, option: str
) -> None:
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").write_text("raise ImportError('not here')\n")
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    code, out, err = run(environment, *GENERATE, option)
    assert (code, out, err.count("\n")) == (MissingPackageError.exit_code, "", 1), err
    assert 'pip install ".[live]"' in err


def test_ctrl_c_while_it_plays_keeps_the_clip(environment: dict[str, str], tmp_path: Path) -> None:
    clip = tmp_path / "long.npz"
    arguments = ("generate", "walk", "--seconds", "8", "--max-thought", "3", "--stdout", "-o", clip)
    with start(environment, *arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        end = time.monotonic() + 30
        while not clip.exists() and time.monotonic() < end:
            assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        err = process.stderr.read()
        assert process.wait(60) == 130
    assert err.splitlines()[-1].endswith(f"motion so far are in {clip}")
    assert len(Clip.load(clip)) == 160
