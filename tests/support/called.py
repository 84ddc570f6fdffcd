"""Commands of the viewer, called in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kinetoken.cli import OneLineParser
from kinetoken_viewer import chatcli, cli


def play(*args: str) -> int:
    """`kinetoken play`, errors as exceptions."""
    return _called(cli.add_command, "play", *args)


def chat(*args: str) -> int:
    """`kinetoken chat`, errors as exceptions."""
    return _called(chatcli.add_command, "chat", *args)


def _called(add_command: Callable[[Any], None], *args: str) -> int:
    parser = OneLineParser(prog="kinetoken")
    add_command(parser.add_subparsers())
    parsed = parser.parse_args(list(args))
    code: int = parsed.func(parsed)
    return code
