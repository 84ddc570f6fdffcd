from __future__ import annotations

import io
from pathlib import Path

import pytest

from called import chat as talk
from kinetoken.base.errors import InputError, OutputError
from kinetoken.base.file_lock import sole_writer
from kinetoken.cli import chat
from kinetoken_viewer.commands import chat as chat_command
from kinetoken_viewer.commands.requests import PlayRequest
from kinetoken_viewer.window.request import WindowRequest


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[chat.ChatRequest]:
    """Requests that the chat in the terminal was started with."""
    started: list[chat.ChatRequest] = []

    def run(request: chat.ChatRequest) -> int:
        started.append(request)
        return 17

    monkeypatch.setattr(chat, "run", run)
    monkeypatch.setattr(chat_command, "prompts_are_piped", lambda: False)
    return started


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[PlayRequest]:
    """Requests that the window was started with."""
    started: list[PlayRequest] = []

    def show(request: PlayRequest, show: object) -> int:
        assert request.clip is None
        started.append(request)
        return 0

    monkeypatch.setattr(chat_command, "window_opener", lambda request: lambda stage: None)
    monkeypatch.setattr(chat_command, "show_in_window", show)
    return started


def test_it_opens_the_window_of_play_ready_to_type(terminal, shown) -> None:
    assert talk("-o", "talk.npz", "--history", "2", "--seed", "4") == 0
    (request,) = shown
    assert (request.what, request.out, request.history.turns) == (None, "talk.npz", 2)
    assert request.options.foot_lock is True
    assert request.options.seed == 4
    assert talk("--no-foot-lock") == 0
    assert shown[-1].options.foot_lock is False
    assert terminal == []


@pytest.mark.parametrize("option", ["--headless", "--json"])
def test_it_stays_in_the_terminal_where_that_is_asked(terminal, shown, option: str) -> None:
    assert talk(option) == 17
    assert shown == []


def test_prompts_from_a_pipe_stay_there(
    terminal, shown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    (tmp_path / "prompts.txt").write_text("walk\n")
    with (tmp_path / "prompts.txt").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert chat_command.prompts_are_piped()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert not chat_command.prompts_are_piped()
    with Path("/dev/null").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert not chat_command.prompts_are_piped()


def test_without_a_display_it_says_so_and_stays_in_the_terminal(
    terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(request: WindowRequest) -> None:
        raise chat_command.NoWindowError("DISPLAY is not set")

    monkeypatch.setattr(chat_command, "window_opener", none)
    assert talk() == 17
    assert (
        capsys.readouterr().err
        == "kinetoken: no window (DISPLAY is not set): the chat is in the terminal\n"
    )


def test_mistakes_are_told_before_a_window_opens(terminal, shown) -> None:
    with pytest.raises(OutputError, match="no folder"):
        talk("-o", "nowhere/x.npz")
    with pytest.raises(InputError, match="expected a name that ends in"):
        talk("-o", "x.gif")
    with pytest.raises(InputError, match="temperature"):
        talk("--temperature", "-1")
    assert shown == []


@pytest.mark.parametrize(
    "options", [("--size", "640x360"), ("--camera", "left"), ("--trail",), ("--gles",)]
)
@pytest.mark.parametrize("why", ["--headless", "--json"])
def test_options_of_the_window_are_refused_where_there_is_none(
    terminal, why: str, options: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match=f"{options[0]} is for the window, and {why} keeps"):
        talk(why, *options)
    assert terminal == []
    assert talk(why) == 17


def test_a_file_that_another_chat_has_is_told_before_a_window_opens(
    terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def never(stage: object) -> None:
        raise AssertionError("a window was opened")

    monkeypatch.setattr(chat_command, "window_opener", lambda request: never)
    file = tmp_path / "talk.json"
    with (
        sole_writer(file, "the first"),
        pytest.raises(OutputError, match="another chat writes into"),
    ):
        talk("--history-file", str(file))
    assert terminal == []
