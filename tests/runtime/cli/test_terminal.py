"""One line of a terminal: it fits, it goes away, it says how long work takes, and nothing steers it."""

from __future__ import annotations

import io
import json
import sys
import warnings

import pytest

from kinetoken.cli import terminal
from kinetoken.cli.standard_streams import printable_output
from kinetoken.cli.terminal import (
    ProgressBar,
    ProgressLine,
    StepLine,
    duration,
    printable,
    progress,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Writing:
    """What the progress line looks at."""

    def __init__(self, thought: str) -> None:
        from kinetoken import Stats

        self.thought, self.stats = thought, Stats(frames=48, seconds_of_motion=2.4, elapsed=0.8)


def test_the_live_line_fits_the_terminal_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    terminal = Terminal()
    with ProgressLine(terminal) as line:
        line.show(Writing("I lean forward and begin \x1b[2J stepping with a steady\npace."))  # type: ignore[arg-type]
    shown = terminal.getvalue()
    first = shown.split("\r")[1]
    assert first.rstrip().endswith("2.4 s of motion | 3.0x real time")
    assert "steady pace." in first
    assert len(first) == 59
    assert "\x1b" not in shown
    assert shown.endswith(" " * 59 + "\r")


def test_the_live_line_is_silent_where_nobody_watches() -> None:
    pipe = io.StringIO()
    with ProgressLine(pipe) as line:
        line.show(Writing("I lean"))  # type: ignore[arg-type]
    with ProgressBar("drawing", 3, stream=pipe) as bar:
        bar.step()
    assert pipe.getvalue() == ""


def test_nothing_that_a_model_writes_can_steer_a_terminal() -> None:
    shown = printable("a\x1b[31mb\x07\n\tc\u202e\x9b")
    assert shown == r"a\u001b[31mb\u0007 c\u202e\u009b"


def test_standard_output_escapes_what_could_steer_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with printable_output():
        print("a\x1b]0;evil\x07 \x9b2J\r\udcff\tb")
        print(json.dumps({"said": "\x1b[31m \x7f é"}, ensure_ascii=False), file=sys.stderr)
        sys.stdout.writelines(["家族 \N{ZERO WIDTH JOINER}\n"])
        assert sys.stdout.isatty() is False
    out, err = capsys.readouterr()
    assert out == "a\\u001b]0;evil\\u0007 \\u009b2J\\u000d\\udcff\tb\n家族 \N{ZERO WIDTH JOINER}\n"
    assert json.loads(err) == {"said": "\x1b[31m \x7f é"}
    print("as before\x07")
    assert capsys.readouterr().out == "as before\x07\n"


def test_a_painted_line_still_goes_back_to_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with printable_output(), ProgressLine() as line:
        line.show(Writing("I lean"))  # type: ignore[arg-type]
    assert screen.getvalue().startswith("\r")
    assert "\\u" not in screen.getvalue()


def test_progress_says_how_long_it_takes() -> None:
    bar = ProgressBar("", 10, before=2)
    assert bar.text(2, 0.0) == "[####................] 2 of 10"
    assert bar.text(4, 4.0, "2.0x real time") == (
        "[########............] 4 of 10 | 2.0x real time | 12 s left"
    )
    assert bar.text(4, 4.0, bar=False) == "4 of 10 | 12 s left"
    assert ProgressBar("codec").text(0.25, 1.0) == "codec [#####...............] 25% | 3 s left"
    assert ProgressBar("", 0).text(0, 0.0) == "[####################] 0 of 0"
    assert [duration(seconds) for seconds in (0, 59.4, 61, 3601, 90000)] == [
        "0 s", "59 s", "1 min 1 s", "1 h 0 min", "25 h 0 min",
    ]  # fmt: skip


def test_a_bar_is_gone_once_all_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(terminal, "REPAINT_SECONDS", 0.0)
    screen = Terminal()
    bar = ProgressBar("drawing", 2, stream=screen)
    bar.step()
    assert screen.getvalue().rstrip().startswith("\rdrawing [##########..........] 1 of 2")
    bar.step()
    assert screen.getvalue().endswith("\r" + " " * 39 + "\r")


def test_long_work_is_seen_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "LOG_SECONDS", 0.0)
    log = io.StringIO()
    with ProgressBar("drawing x.gif", 4, stream=log) as bar:
        bar.show(2, "slow")
    assert log.getvalue() == "kinetoken: drawing x.gif 2 of 4 | slow | 0 s left\n"


def test_progress_passes_every_item_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress((number for number in range(5)), "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_names_and_notes_of_others_cannot_steer_it(
    kind: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal they are painted, elsewhere a line a minute goes to a log."""
    monkeypatch.setattr(terminal, "LOG_SECONDS", 0.0)
    stream = kind()
    bar = ProgressBar("file\x1b]0;title\x07", 3, stream=stream)
    bar.show(1, "note \x1b[2J\nkinetoken: all is well \x9b31m")
    steps = StepLine(stream)
    steps.show("step\x1bc")
    shown = stream.getvalue()
    assert "u001b" in shown
    assert not set(shown) & set("\x1b\x07\x9b")
    assert "\nkinetoken: all" not in shown


def test_a_warning_is_one_line_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with printable_output():
        warnings.showwarning(UserWarning("of a\nfile \x1b[31m"), UserWarning, "x.py", 1)
    assert capsys.readouterr().err == "kinetoken: warning: of a file \\u001b[31m\n"
