"""The command `kinetoken`: runs a subcommand, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, TextIO

from .. import __version__
from ..base.errors import BROKEN_PIPE, INTERRUPTED, KinetokenError, OutputError
from ..base.signals import sigterm_as_ctrl_c
from . import batch, bench, chat, convert, decode, generate, hub, inspect
from .parser import CommandParser, Subparsers

COMMANDS_GROUP = "kinetoken.commands"
OUT_OF_MEMORY = 6
AddCommand = Callable[[Subparsers], None]


def build_parser() -> argparse.ArgumentParser:
    """The parser with the commands of every installed package."""
    parser = CommandParser(prog="kinetoken", description="Prompt in, moving body out.")
    parser.add_argument("--version", action="version", version=f"kinetoken {__version__}")
    subparsers: Any = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (generate, batch, decode, convert, inspect, bench, hub):
        command.add_command(subparsers)
    for point in sorted(metadata.entry_points(group=COMMANDS_GROUP), key=lambda p: p.name):
        _add_foreign(subparsers, point)
    if "chat" not in subparsers.choices:  # the viewer has one with a window
        chat.add_command(subparsers)
    return parser


def _add_foreign(subparsers: Any, point: metadata.EntryPoint) -> None:
    """Add a command of another package; one that cannot be imported says so when it is called."""
    if point.name in subparsers.choices:
        return
    try:
        add: AddCommand = point.load()
    except ImportError as error:
        reason = f"the command {point.name} cannot be loaded ({error}); install the part it needs"

        def refuse(args: argparse.Namespace) -> int:
            raise KinetokenError(reason)

        subparsers.add_parser(point.name, help="(cannot be loaded here)").set_defaults(func=refuse)
        return
    add(subparsers)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            return _run(argv)
        except KinetokenError as error:
            return _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            return _fail("stopped", INTERRUPTED)
        except BrokenPipeError:
            _silence_stdout()
            return BROKEN_PIPE
        except OSError as error:  # without a file name it is standard output
            if error.filename:
                return _fail(
                    f"{error.filename}: {error.strerror}; check the path and its permissions",
                    OutputError.exit_code,
                )
            _silence_stdout()
            return _fail(
                f"cannot write the report: {error.strerror or error}; free some space",
                OutputError.exit_code,
            )
        except MemoryError:
            return _fail(
                "out of memory; ask for less, or use a smaller or more quantized model",
                OUT_OF_MEMORY,
            )


def _run(argv: Sequence[str] | None) -> int:
    args = build_parser().parse_args(argv)
    with sigterm_as_ctrl_c():
        code: int = args.func(args)
        sys.stdout.flush()
    return code


def _fail(message: str, code: int) -> int:
    print(f"kinetoken: {' '.join(message.split())}", file=sys.stderr)
    return code


def _silence_stdout() -> None:
    """Discard what is still buffered: the interpreter would complain about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    print(f"kinetoken: warning: {message}", file=sys.stderr)
