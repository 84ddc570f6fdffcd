"""The parser of every command: a short --help, all of it in --help-all, one line for a mistake."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

_ALIKE: Final = 0.7
"""Similarity, 0 to 1, from which a known word may have been meant."""
_FORMER: Final = {"code-frames": "seconds", "--save": "--out"}
"""Words in options of earlier versions, and those that took their place."""
_ELSEWHERE: Final = {"--film": "kinetoken play", "--film-fps": "kinetoken play"}
"""Options that people expect of other commands, and the command that has them."""
_NUMBERS: Final = {int: "a whole number", float: "a number"}
_T = TypeVar("_T")
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where `add_command` of a command module adds its parser."""
Reader = Callable[[argparse.Namespace], _T]
"""Makes a frozen object of the arguments that one function has added."""


class Advanced(str):
    """The help text of an argument that --help-all shows and --help leaves out.

    parser.add_argument("--top-k", type=int, help=Advanced("sample from the K most likely tokens"))
    """

    __slots__ = ()


class CommandParser(argparse.ArgumentParser):
    """argparse that keeps --help to what most people need and answers a mistake with one line.

    Every command has `--help-all`. A mistyped command, option or choice gets a suggestion.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", ShortHelp)
        super().__init__(**options, add_help=False)
        self.add_argument("-h", "--help", action="help", help="show the main options and exit")
        self.add_argument("--help-all", action=HelpAll, help="show all options and exit")

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2 and one line."""
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write a help, or raise OSError: argparse would keep a full disk to itself."""
        (file or sys.stderr).write(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown arguments here, where a suggestion can be made."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown))
        return found, unknown

    def _unknown(self, words: Sequence[str]) -> str:
        option = next((word.split("=")[0] for word in words if word.startswith("-")), None)
        if option is None:
            return f'unexpected: {" ".join(words)}; put words that belong together in quotes, "..."'
        return f"there is no option {option}{self._meant(option)}"

    def _meant(self, option: str) -> str:
        """Suggest an option that is spelled alike, has a new name, or ends in the same word."""
        known = self._option_string_actions
        if option in _ELSEWHERE:
            return f"; {_ELSEWHERE[option]} has it"
        for former, word in _FORMER.items():
            option = option.replace(former, word)
        longer = [name for name in known if name.endswith(f"-{option.lstrip('-')}")]
        return did_you_mean(longer[0] if len(longer) == 1 else option, known)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Refuse --option=--, from which argparse makes an empty list."""
        if action.option_strings and "--" in arg_strings:
            raise argparse.ArgumentError(action, "expected a value, got '--'")
        return super()._get_values(action, arg_strings)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError:
            expected = _NUMBERS.get(action.type, "another value")  # type: ignore[call-overload]
            raise argparse.ArgumentError(
                action, f"expected {expected}, got {arg_string!r}"
            ) from None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        meant = did_you_mean(str(value), known) or f"; choose from {', '.join(known)}"
        if isinstance(action, argparse._SubParsersAction):
            self.error(f"there is no command {value!r}{meant}")
        raise argparse.ArgumentError(action, f"{value!r} is not known{meant}")


class ShortHelp(argparse.RawDescriptionHelpFormatter):
    """Help without the advanced arguments, and a usage line without optional options."""

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Any,
        prefix: str | None = None,
    ) -> None:  # fmt: skip
        """The positional arguments and the options that must be given."""
        super().add_usage(usage or _usage(list(actions)), [], groups, prefix)

    def add_argument(self, action: argparse.Action) -> None:
        """Skip an advanced one."""
        if not isinstance(action.help, Advanced):
            super().add_argument(action)


class WholeHelp(ShortHelp):
    """Help with every argument."""

    def add_argument(self, action: argparse.Action) -> None:
        """Skip none."""
        argparse.HelpFormatter.add_argument(self, action)


class HelpAll(argparse.Action):
    """--help-all: prints every option."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, nargs=0, default=argparse.SUPPRESS)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Print the help, and leave."""
        parser.formatter_class = WholeHelp
        parser.print_help()
        parser.exit()


def new_command(
    subparsers: Subparsers, name: str, summary: str, *examples: str
) -> argparse.ArgumentParser:
    """Add the parser of a command, with its line in the list of commands and its examples."""
    description = f"{summary[0].upper()}{summary[1:]}."
    epilog = "\n  ".join(("examples:", *examples)) if examples else None
    return subparsers.add_parser(name, help=summary, description=description, epilog=epilog)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the most similar known word, as the end of a sentence.

    Empty where none is similar.
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=_ALIKE)
    return f"; did you mean {near[0]}?" if near else ""


def _usage(actions: list[argparse.Action]) -> str:
    """Such as "%(prog)s PROMPTS -o FOLDER [options]"."""
    words = ["%(prog)s"]
    for action in (action for action in actions if action.option_strings):
        if action.required:
            words.append(f"{action.option_strings[0]} {action.metavar or action.dest.upper()}")
    for action in (action for action in actions if not action.option_strings):
        name = str(action.metavar or action.dest.upper())
        if action.nargs == argparse.PARSER:
            name += " ..."
        words.append(f"[{name}]" if action.nargs == "?" else name)
    if any(action.option_strings and not action.required for action in actions):
        words.append("[options]")
    return " ".join(words)
