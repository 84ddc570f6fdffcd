"""--print-completion: the script by which a shell completes commands, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ...base.errors import MissingPackageError

SHELLS: Final = ("bash", "zsh", "fish")
_FILES: Final = ("FILE", "IN", "OUT", "CLIP", "PROMPTS", "PROMPT|CLIP", "FILE|own")
"""Names of values that are files; a prompt may be one."""
_FOLDERS: Final = ("FOLDER", "BUNDLE", "CHECKPOINT")


def print_completion(build_parser: Callable[[], argparse.ArgumentParser]) -> type[argparse.Action]:
    """The action of --print-completion; `build_parser` makes the parser with every command."""

    class PrintCompletion(argparse.Action):
        """Prints a script, and leaves."""

        def __call__(
            self,
            parser: argparse.ArgumentParser,
            namespace: argparse.Namespace,
            values: Any,
            option_string: str | None = None,
        ) -> None:
            print(completion_script(build_parser(), values))
            parser.exit()

    return PrintCompletion


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell of SHELLS. MissingPackageError without shtab."""
    try:
        import shtab
    except ImportError as error:
        raise MissingPackageError("shtab") from error
    for action in _actions(parser):
        kind = _kind(action)
        if kind is not None:
            action.complete = getattr(shtab, kind)  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def _kind(action: argparse.Action) -> str | None:
    """The name of shtab's way to complete a value; None: its choices, or nothing."""
    if action.choices is not None or action.nargs == 0:
        return None
    name = action.metavar if isinstance(action.metavar, str) else ""
    if name in _FOLDERS:
        return "DIRECTORY"
    return "FILE" if name in _FILES or action.type is Path else None


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every argument of a parser and of the commands below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in dict.fromkeys(action.choices.values()):
                yield from _actions(below)
