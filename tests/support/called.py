"""Commands of the viewer, called in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinetoken.cli.parser import CommandParser
from kinetoken_viewer.commands import chat as chat_command
from kinetoken_viewer.commands import play as play_command


def play(*args: str) -> int:
    """`kinetoken play`, errors as exceptions."""
    return _called(play_command.add_command, "play", *args)


def chat(*args: str) -> int:
    """`kinetoken chat`, errors as exceptions."""
    return _called(chat_command.add_command, "chat", *args)


def _called(add_command: Callable[[Any], None], *args: str) -> int:
    parser = CommandParser(prog="kinetoken")
    add_command(parser.add_subparsers())
    parsed = parser.parse_args(list(args))
    code: int = parsed.func(parsed)
    return code
