"""config.toml: defaults of the command line, below options and variables, refused where it is wrong."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch_runs import Run
from kinetoken.cli.main import build_parser
from kinetoken.cli.shell.config_file import OPTIONS, config_path

SHORT = ("--seconds", "0.6", "--max-thought", "2")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("KINETOKEN_CONFIG", str(path))
    return path


def report(run: Run, *arguments: object) -> dict[str, Any]:
    code, out, err = run("generate", "walk", *SHORT, "--json", *arguments)
    assert code == 0, err
    return dict(json.loads(out))


def test_the_command_line_wins_then_the_table_then_the_rest(run: Run, config: Path) -> None:
    config.write_text("seed = 3\nlevels = 2\n[generate]\nseed = 7\n[play]\nseed = 9\n")
    assert (report(run)["seed"], report(run)["levels"]) == (7, 2)
    assert report(run, "--seed", 1, "--levels", 4)["levels"] == 4


def test_a_variable_wins_over_the_file(
    run: Run, config: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('bundle = "nowhere"\n')
    assert report(run, "--seed", 1)["seed"] == 1  # the fixture sets KINETOKEN_BUNDLE
    monkeypatch.delenv("KINETOKEN_BUNDLE")
    assert "nowhere" in run("generate", "walk", *SHORT)[2]
    config.write_text(f"bundle = {json.dumps(str(tiny))}\n")
    assert report(run, "--seed", 1)["seed"] == 1
    assert str(tiny) in run("inspect")[1]  # where it stands without a dash


def test_what_does_not_apply_is_left_out(
    run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('seed = 3\nlevels = 2\ncamera = "front"\nhistory = 1\nfoot-lock = false\n')
    clip = tmp_path / "walk.npz"
    report(run, "-o", clip)
    picture = ("--film", tmp_path / "x.png", "--size", "96x64")
    assert run("play", clip, *picture)[0] == 0
    code, _, err = run("play", clip, *picture, "--seed", 4)
    assert code == 2
    assert "--seed is for a prompt" in err
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run("chat", "--json")[0] == 0
    assert run("convert", clip, tmp_path / "walk.bvh")[0] == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("levls = 2", "levls is no option that can be set here; did you mean levels?"),
        ("seconds = 2", "known are bundle, threads"),
        ('levels = "x"', "levels: expected a whole number, got 'x'"),
        ("levels = true", "levels: expected one value, got true"),
        ("thought = false", 'thought: expected "full" or "brief" or "none", got false'),
        ('trail = "yes"', "trail: expected true or false"),
        ('provider = "gpu"', "provider: 'gpu' is not known"),
        ("levels = ", "is not TOML"),
        ("[plai]\nseed = 1", "there is no command 'plai'; did you mean play?"),
        ("[play]\nsedd = 1", "sedd is no option"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(
    run: Run, config: Path, text: str, told: str
) -> None:
    config.write_text(text)
    code, out, err = run("play", "walk", "--film", "x.png")
    assert (code, out) == (3, "")
    assert str(config) in err
    assert told in err
    assert err.count("\n") == 1
    assert run("--version")[0] == 0  # which needs no settings


def test_a_value_that_is_refused_later_names_the_file_too(run: Run, config: Path) -> None:
    for key, value in (("levels", 9), ("temperature", 900)):
        config.write_text(f"{key} = {value}\n")
        code, _, err = run("generate", "walk", *SHORT)
        assert (code, err.count("\n")) == (2, 1)
        assert f"{key} is set in {config}" in err
        code, _, err = run("generate", "walk", *SHORT, f"--{key}", value * 2)  # typed
        assert code == 2
        assert str(config) not in err


def test_a_byte_order_mark_is_no_mistake(run: Run, config: Path) -> None:
    config.write_text("seed = 7\r\n", encoding="utf-8-sig", newline="")  # as Notepad saves it
    assert report(run)["seed"] == 7


def test_a_table_names_options_of_its_command(run: Run, config: Path) -> None:
    config.write_text("[inspect]\nseed = 1\n")
    assert "inspect has no option seed" in run("inspect")[2]


def test_a_file_that_is_named_must_be_there(run: Run, config: Path) -> None:
    assert "check KINETOKEN_CONFIG" in run("inspect")[2]
    config.mkdir()
    assert "it is a folder" in run("inspect")[2]
    config.rmdir()
    config.write_bytes(b"\xff\xfe")
    assert "is not TOML" in run("inspect")[2]


def test_the_usual_place_is_the_system_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("platformdirs")
    monkeypatch.delenv("KINETOKEN_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert config_path() == tmp_path / "kinetoken" / "config.toml"


def test_every_option_of_the_file_is_one_of_a_command() -> None:
    parser = build_parser()
    commands = next(
        action.choices for action in parser._actions if isinstance(action.choices, dict)
    )
    known = {option for command in commands.values() for option in command._option_string_actions}
    assert {f"--{name}" for name in OPTIONS} <= known
    page = (Path(__file__).parents[4] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in OPTIONS)


def test_python_m_is_the_same_door() -> None:
    command = [sys.executable, "-m", "kinetoken", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    first, engines, around = done.stdout.splitlines()
    assert first.startswith("kinetoken ")
    assert engines.startswith("engines: onnxruntime")
    assert "Python 3." in around
