"""Help texts: short enough for a screen, whole in --help-all, and a mistake is met with what was meant."""

from __future__ import annotations

import re

import pytest

from kinetoken.cli.main import build_parser, main
from kinetoken.cli.parser import Advanced, CommandParser

LINES = 60
COMMANDS = ("batch", "bench", "chat", "convert", "decode", "generate", "inspect", "play")


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    return capsys.readouterr().out


def commands() -> list[str]:
    return re.findall(r"^    ([a-z]+)  ", build_parser().format_help(), re.M)


def test_every_command_is_known() -> None:
    assert set(COMMANDS) <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_help_fits_a_screen(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = shown(capsys, command, "--help")
    assert len(text.splitlines()) <= LINES
    assert max(map(len, text.partition("examples:")[0].splitlines())) < 80


@pytest.mark.parametrize("command", ["generate", "batch", "chat", "play"])
def test_help_all_shows_what_help_leaves_out(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    short, whole = shown(capsys, command, "--help"), shown(capsys, command, "--help-all")
    options = [
        set(re.findall(r"^  (?:-\w[^-]*)?(--[\w-]+)", text, re.M)) for text in (short, whole)
    ]
    assert options[0] < options[1]
    assert {"--top-k", "--max-block-seconds"} <= options[1] - options[0]
    assert {"--bundle", "--seed", "--seconds"} <= options[0]
    assert len(re.findall(r"^  kinetoken ", short, re.M)) == 3


def test_the_usage_line_names_what_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    usage = {name: shown(capsys, name, "--help").splitlines()[0] for name in ("batch", "inspect")}
    assert usage["batch"] == "usage: kinetoken batch -o FOLDER PROMPTS [options]"
    assert usage["inspect"] == "usage: kinetoken inspect [BUNDLE] [options]"


def test_an_advanced_argument_is_hidden_and_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    parser = CommandParser(prog="p")
    group = parser.add_argument_group("rare")
    group.add_argument("--deep", type=int, help=Advanced("how deep"))
    assert parser.parse_args(["--deep", "3"]).deep == 3
    assert "deep" not in parser.format_help()
    assert "rare" not in parser.format_help()
    with pytest.raises(SystemExit):
        parser.parse_args(["--help-all"])
    assert "how deep" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["generat", "walk"], "kinetoken: there is no command 'generat'; did you mean generate?"),
        (["dance"], "kinetoken: there is no command 'dance'; choose from generate, batch, "),
        (
            ["generate", "walk", "--sede", "3"],
            "kinetoken generate: there is no option --sede; did you mean --seed?",
        ),
        (
            ["generate", "walk", "--temprature=1"],
            "kinetoken generate: there is no option --temprature; did you mean --temperature?",
        ),
        (["generate", "walk", "--volume", "3"], "generate: there is no option --volume (see "),
        (["convert", "a.npz", "b.bvh", "--code-frames", "3"], "there is no option --code-frames (see "),
        (
            ["batch", "p.txt", "-o", "f", "--max-code-frames", "3"],
            "kinetoken batch: there is no option --max-code-frames; did you mean --max-seconds?",
        ),
        (
            ["batch", "p.txt", "-o", "f", "--format", "bvh"],
            "kinetoken batch: there is no option --format; did you mean --file-format?",
        ),
        (
            ["generate", "walk", "--film", "x.gif"],
            "kinetoken generate: there is no option --film; kinetoken play has it",
        ),
        (["bench", "--seconds", "abc"], "argument --seconds: expected a number, got 'abc'"),
        (["bench", "--threads", "1.5"], "argument --threads: expected a whole number, got '1.5'"),
        (
            ["play", "walk", "--save", "x.npz"],
            "kinetoken play: there is no option --save; did you mean --out?",
        ),
        (
            ["play", "walk", "--fps", "10"],
            "kinetoken play: there is no option --fps; did you mean --film-fps?",
        ),
        (["generate", "walk", "then", "jump"], 'unexpected: then jump; put words that belong together'),
        (["bench", "--provider", "cude"], "argument --provider: 'cude' is not known; did you mean cuda?"),
        (["bench", "--provider", "x"], "'x' is not known; choose from auto, cpu, cuda, tensorrt"),
    ],
)  # fmt: skip
def test_a_mistake_is_met_with_what_was_meant(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
    assert "--help)" in said


def test_an_option_takes_the_same_value_in_every_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    values: dict[str, set[str]] = {}
    for command in commands():
        text = shown(capsys, command, "--help-all")
        for option, value in re.findall(r"^  (?:-\w \S+, )?--([\w-]+)(?: (\S+))?", text, re.M):
            if value != option.upper():  # argparse's own word for a value
                values.setdefault(option, set()).add(value)
    assert values["out"] == {"FILE", "FOLDER", "BUNDLE"}  # the product of a command
    assert {option: found for option, found in values.items() if len(found) > 1} == {
        "out": values["out"]
    }


def test_a_command_offers_only_what_it_uses(capsys: pytest.CaptureFixture[str]) -> None:
    """Decoding needs no language model."""
    text = shown(capsys, "decode", "--help-all")
    assert "--threads" in text
    assert "--engine" not in text
    assert "--gpu-layers" not in text
