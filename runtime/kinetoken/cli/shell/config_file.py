"""The user's own defaults: config.toml in their folder of settings.

    bundle = "hf:OWNER/NAME"
    threads = 4

    [play]
    camera = "front"

A key is an option's name. Above all tables it counts for every command that has the option, in a
table for that command alone. The command line wins, then a variable, then the file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from ...base.errors import FormatError, KinetokenError
from ...base.input_file import read_input_text
from ..parser import did_you_mean

CONFIG_VARIABLE: Final = "KINETOKEN_CONFIG"
OPTIONS: Final = (
    "bundle", "threads", "provider", "engine", "engine-kind", "engine-model", "engine-timeout",
    "seed", "temperature", "levels", "thought", "foot-lock", "smooth", "history",
    "camera", "size", "trail", "ghosts", "contacts", "gles",
)  # fmt: skip
"""Options that people repeat, and that may be left out wherever they say nothing."""
_VARIABLES: Final = {"bundle": "KINETOKEN_BUNDLE", "threads": "KINETOKEN_THREADS"}
_LARGEST: Final = 1 << 20  # bytes
_CONFIGURED: Final = "configured"


def config_path() -> Path | None:
    """The file that $KINETOKEN_CONFIG names, else the usual one; None where there is no home."""
    if CONFIG_VARIABLE in os.environ:
        named = os.environ[CONFIG_VARIABLE]
        return Path(named) if named else None
    try:
        from platformdirs import user_config_path
    except ImportError:  # sources that run without an install
        return None
    try:
        return user_config_path("kinetoken", appauthor=False) / "config.toml"
    except (OSError, RuntimeError):
        return None


def apply_config(
    parser: argparse.ArgumentParser, command: str | None, commands: Callable[[], Collection[str]]
) -> None:
    """Make the file's values the defaults of a command. FormatError where it is not as it should.

    `commands`: the names of all, which a table may have.
    """
    own = _parser_of(parser, command)
    path = config_path()
    if own is None or command is None or path is None or not _exists(path):
        return
    config, known = _read(path), commands()
    for name, value in config.items():
        if not isinstance(value, dict):
            _check_key(path, name)
        elif name not in known:
            raise FormatError(f"{path}: there is no command {name!r}{did_you_mean(name, known)}")
    general = {key: value for key, value in config.items() if not isinstance(value, dict)}
    special = config.get(command, {})
    for key in special:
        _check_key(path, key)
        if _action(own, key) is None:
            raise FormatError(f"{path}: {command} has no option {key}; leave it out of [{command}]")
    _set_defaults(own, path, {**_named(general), **_named(special)})


def without_config(args: argparse.Namespace, names: Collection[str]) -> argparse.Namespace:
    """The arguments without the file's values of these names, which would be refused here."""
    configured: Mapping[str, tuple[Any, Any]] = getattr(args, _CONFIGURED, {})
    typed = argparse.Namespace(**vars(args))
    for dest, (value, own) in configured.items():
        if dest in names and getattr(args, dest) == value:
            setattr(typed, dest, own)
    return typed


def naming_the_file(error: KinetokenError, args: argparse.Namespace) -> KinetokenError:
    """The error, and where the refused value stands if it is the file's and nobody typed it."""
    configured: Mapping[str, tuple[Any, Any]] = getattr(args, _CONFIGURED, {})
    for dest, (value, _) in configured.items():
        key = dest.replace("_", "-")
        refused = key in str(error) and str(value) in str(error)
        if refused and getattr(args, dest, None) == value and str(config_path()) not in str(error):
            return error.adding(f"{key} is set in {config_path()}")
    return error


def _parser_of(
    parser: argparse.ArgumentParser, command: str | None
) -> argparse.ArgumentParser | None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and command is not None:
            found: argparse.ArgumentParser | None = action.choices.get(command)
            return found
    return None


def _exists(path: Path) -> bool:
    if path.exists():
        return True
    if CONFIG_VARIABLE in os.environ:
        raise FormatError(f"{path}: there is no such file; check {CONFIG_VARIABLE}")
    return False


def _read(path: Path) -> dict[str, Any]:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef]
    try:
        return tomllib.loads(read_input_text(path, _LARGEST, encoding="utf-8-sig"))
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}; check the file") from error
    except (ValueError, RecursionError) as error:  # TOML, or UTF-8
        reason = " ".join(str(error).split())[:120]
        raise FormatError(f"{path} is not TOML ({reason}); correct it, or remove it") from error


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "-"): value for key, value in values.items()}


def _check_key(path: Path, key: str) -> None:
    if key.replace("_", "-") not in OPTIONS:
        known = did_you_mean(key, OPTIONS) or f"; known are {', '.join(OPTIONS)}"
        raise FormatError(f"{path}: {key} is no option that can be set here{known}")


def _action(parser: argparse.ArgumentParser, key: str) -> argparse.Action | None:
    """The argument of this name that may be left out."""
    dest = key.replace("-", "_")
    for action in parser._actions:
        if action.dest == dest and (action.option_strings or action.nargs == "?"):
            return action
    return None


def _set_defaults(parser: argparse.ArgumentParser, path: Path, values: Mapping[str, Any]) -> None:
    configured: dict[str, tuple[Any, Any]] = {}
    for key, value in values.items():
        action = _action(parser, key)
        if action is None or os.environ.get(_VARIABLES.get(key, ""), ""):
            continue
        try:
            made = _value(parser, action, value)
        except (argparse.ArgumentError, ValueError) as error:
            told = error.message if isinstance(error, argparse.ArgumentError) else str(error)
            raise FormatError(f"{path}: {key}: {told}; correct it") from None
        configured[action.dest] = (made, action.default)
        action.default = made
    parser.set_defaults(**{_CONFIGURED: configured})


def _value(parser: Any, action: argparse.Action, value: Any) -> Any:
    """The value as the command line would give it. ArgumentError, ValueError."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"expected true or false, got {value!r:.60}")
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        wanted = " or ".join(f'"{one}"' for one in action.choices or ()) or "one value"
        got = str(value).lower() if isinstance(value, bool) else f"{value!r:.60}"
        raise ValueError(f"expected {wanted}, got {got}")
    made = parser._get_value(action, str(value))
    parser._check_value(action, made)
    return made
