"""The command `kinetoken`: runs a subcommand, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ..base.errors import (
    BROKEN_PIPE,
    INTERRUPTED,
    EngineError,
    InputError,
    KinetokenError,
    OutputError,
)
from ..base.foreign_calls import watching_signals
from ..base.signals import stop_signals_as_ctrl_c, told_to_end
from ..base.survivor import Ending, run_apart
from .parser import CommandParser, Subparsers
from .shell.completion import SHELLS, print_completion
from .shell.config_file import apply_config, naming_the_file
from .shell.versions import PrintVersions
from .standard_streams import output_was_lost, printable_output

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

COMMANDS_GROUP = "kinetoken.commands"
OUT_OF_MEMORY = 6
_PRINTING: Final = ("inspect", "list", "bench")
"""Commands that write to standard output alone,"""
_ANSWERING: Final = ("generate", "chat")
"""and those that do unless a file is named."""
AddCommand = Callable[[Subparsers], None]
_MODULES: Final = {
    "generate": "generate",
    "batch": "batch",
    "decode": "decode",
    "convert": "convert",
    "inspect": "inspect",
    "bench": "bench",
    "pull": "hub",
    "list": "hub",
    "rm": "hub",
    "web": "pages.web",
}
"""The runtime's commands, and the modules that add them; chat is only needed without the viewer."""
_APART: Final = ("generate", "batch")
"""Commands that keep what they made even if their engine ends the process."""


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser with the commands of every installed package.

    Where `command` exists, it alone is added: modules of the others are not even imported.
    """
    parser = CommandParser(prog="kinetoken", description="Prompt in, moving body out.")
    parser.add_argument("--version", action=PrintVersions, help="print all versions and exit")
    if command == "--version":
        return parser
    subparsers: Any = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    script = "print a script that completes commands and options, and exit"
    parser.add_argument(
        "--print-completion", choices=SHELLS, action=print_completion(build_parser), help=script
    )
    if command in _MODULES:
        _add_own(subparsers, _MODULES[command])
        return parser
    points = _entry_points()
    if command in points:
        _add_foreign(subparsers, points[command])
    elif command == "chat":
        _add_own(subparsers, command)
    else:
        for module in dict.fromkeys((*_MODULES.values(), *{"chat"}.difference(points))):
            _add_own(subparsers, module)
        for name in sorted(points):
            _add_foreign(subparsers, points[name])
    return parser


def _add_own(subparsers: Any, module: str) -> None:
    import_module(f".{module}", __package__).add_command(subparsers)


def _entry_points() -> dict[str, EntryPoint]:
    """The commands of other packages, which cannot replace the runtime's, but for its chat."""
    from importlib import metadata

    points = metadata.entry_points(group=COMMANDS_GROUP)
    return {point.name: point for point in points if point.name not in _MODULES}


def _add_foreign(subparsers: Any, point: EntryPoint) -> None:
    """Add a command of another package; one that cannot be imported says so when it is called."""
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
    with printable_output():
        code = _guarded(argv)
        try:
            sys.stdout.flush()
        except OSError:  # what was wrong has been said: here is another code than 0
            _silence_stdout()
        return code


def _guarded(argv: Sequence[str] | None) -> int:
    """Run the command; every error that is foreseen is a line and an exit code."""
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return _fail("stopped", INTERRUPTED)
    except Exception as error:
        if _comes_of_ctrl_c(error):
            return _fail("stopped", INTERRUPTED)
        return _told(error)


def _comes_of_ctrl_c(error: BaseException | None) -> bool:
    """Tell if a library made this error of a KeyboardInterrupt, as some do while they load."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _told(error: Exception) -> int:
    """Tell an error in one line; the exit code. Raises what was not foreseen."""
    if isinstance(error, KinetokenError):
        return _fail(str(error), error.exit_code)
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return BROKEN_PIPE
    if isinstance(error, MemoryError):
        advice = "ask for less, or use a smaller or more quantized model"
        return _fail(f"out of memory; {advice}", OUT_OF_MEMORY)
    if not isinstance(error, OSError):
        raise error
    if error.filename:
        advice = "check the path and its permissions"
        return _fail(f"{error.filename}: {error.strerror}; {advice}", OutputError.exit_code)
    _silence_stdout()  # without a file name it is standard output
    if told_to_end():  # by the terminal, which is gone
        return _fail("stopped", INTERRUPTED)
    reason = f"cannot write the report: {error.strerror or error}; free some space"
    return _fail(reason, OutputError.exit_code)


def _run(argv: Sequence[str] | None) -> int:
    words = sys.argv[1:] if argv is None else argv
    if argv is None and words[:1] in [[name] for name in _APART]:
        ending = run_apart()  # a caller's own process is not forked
        if ending is not None:
            with stop_signals_as_ctrl_c():
                return _after(ending)
    args = _parsed(words)
    with stop_signals_as_ctrl_c(), watching_signals():
        code = _called(args)
        sys.stdout.flush()
    if not code and output_was_lost() and _prints(words[0], args):
        raise OutputError("standard output is closed, so the report went nowhere; open it")
    return code


def _called(args: argparse.Namespace) -> int:
    """Run the command; an error over a value of config.toml says so."""
    try:
        code: int = args.func(args)
    except KinetokenError as error:
        named = naming_the_file(error, args)
        if named is error:
            raise
        raise named from error
    return code


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    if not words:
        raise InputError("give a COMMAND, such as kinetoken web; kinetoken --help lists all")
    command = words[0]
    parser = build_parser(command)
    try:
        apply_config(parser, command, lambda: {*_MODULES, *_entry_points(), "chat"})
        return parser.parse_args(words)
    except SystemExit:  # after a help
        sys.stdout.flush()
        raise


def _prints(command: str, args: argparse.Namespace) -> bool:
    """Tell if this command's work is what it prints."""
    options = vars(args)
    kept = command not in _PRINTING and (command not in _ANSWERING or options.get("out"))
    return bool(options.get("json")) or not kept


def _after(ending: Ending) -> int:
    """Save what the child could not; the exit code."""
    if ending.reason is None and ending.code not in (EngineError.exit_code, INTERRUPTED):
        return ending.code
    from ..live.chunk_spool import read_spool
    from .live_arguments import save_motion

    found = read_spool(ending.kept)
    if ending.reason is None and (found is None or not len(found[1])):
        return ending.code
    what = "no motion had come yet"
    if found is not None:
        head, clip = found
        if head.out is None:
            what = "nothing was saved (no -o was given)"
        elif not head.fps:
            what = f"what was made is in {head.out}; the same command continues from there"
        elif len(clip):
            save_motion(clip, head.out, head.robot, head.rate)
            what = f"the {clip.seconds:.1f} s of motion so far are in {head.out}"
    if ending.reason is None:
        return _fail(what, ending.code)
    return _fail(f"the engine ended the program ({ending.reason}); {what}", EngineError.exit_code)


def _fail(message: str, code: int) -> int:
    print(f"kinetoken: {' '.join(message.split())}", file=sys.stderr)
    return code


def _silence_stdout() -> None:
    """Discard what is still buffered: the interpreter would complain about it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
