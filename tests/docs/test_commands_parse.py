"""Every command of the pages and of error messages is one that its program takes.

The real parsers read them: kinetoken's argparse, pip's options, packaging's requirements.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from doc_blocks import PAGES, RUNNABLE, Block, all_blocks
from doc_commands import ROOT, commands, extras, pip, problem
from kinetoken.cli.main import build_parser

SOURCES = [
    path
    for package in (
        "runtime/kinetoken",
        "export/kinetoken_export",
        "native_viewer/kinetoken_viewer",
    )
    for path in (ROOT / package).rglob("*.py")
]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
SHELL = [block for block in all_blocks() if block.language in ("sh", "powershell", "console")]
PIP = re.compile(r'pip (install(?: --target \S+| -\S+)* (?:"[^"]*"|[^\s"`;,]+)(?: "[^"]*")*)(?!")')
OWN = re.compile(r"kinetoken ([a-z][a-z-]*)([^.;()`\n]*)")
OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]*")


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.place)
def test_each_command_of_a_block_is_one_that_its_program_takes(block: Block) -> None:
    problems = [
        f"{' '.join(words)}: {said}" for words in commands(block.code) if (said := problem(words))
    ]
    assert not problems, f"{block.place}: {problems}"


def test_each_block_says_its_language_and_each_command_how_it_is_run() -> None:
    for block in all_blocks():
        assert block.language, f"{block.place}: a fence without a language"
        if block.language in RUNNABLE:
            assert block.how, f"{block.place}: no <!-- run: ... --> or <!-- not run: ... --> above"
            assert block.reason or block.how == "run", f"{block.place}: no reason"
            unknown = block.extras - extras().keys()
            assert not unknown, f"{block.place}: pyproject.toml has no extra {unknown}"


def test_commands_in_running_text_have_the_options_that_it_names() -> None:
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for span in re.findall(r"`([^`]+)`", text):
            said = f"{page.name}: `{span}`"
            _check_own(" ".join(span.split()), said)
            _check_pip(" ".join(span.split()), said)


def test_hints_of_error_messages_can_be_typed_as_they_are() -> None:
    seen = 0
    for source in SOURCES:
        for line, text in _strings(source):
            said = f"{source.relative_to(ROOT)}:{line}: {text!r}"
            seen += _check_own(text, said) + _check_pip(text, said)
    assert seen > 50


def test_a_missing_package_is_in_the_extra_that_its_error_names() -> None:
    seen = 0
    for source in SOURCES:
        for node in ast.walk(TREES[source]):
            if (
                not isinstance(node, ast.Call)
                or getattr(node.func, "id", "") != "MissingPackageError"
            ):
                continue
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            if len(names) == 2:
                package, extra = names
                brought = {canonicalize_name(item.name) for item in extras()[extra]}
                assert canonicalize_name(package) in brought, f"{source}: {extra} lacks {package}"
                seen += 1
    assert seen > 5


def _strings(source: Path) -> Iterator[tuple[int, str]]:
    """Every string of a file; what an f-string puts in is X, or where an extra stands, one of them."""
    for node in ast.walk(TREES[source]):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield node.lineno, "".join(map(str, parts)).replace(".[X]", ".[viewer]")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # the parts of an f-string come here too: a command that is cut off is none
            yield node.lineno, node.value


def _check_own(text: str, said: str) -> int:
    """Look for commands of ours whose options do not exist; how many commands there are."""
    found = 0
    for name, rest in OWN.findall(text):
        known = _options(name)
        if known is not None:
            found += 1
            gone = [option for option in OPTION.findall(rest) if option not in known]
            assert not gone, f"{said}: kinetoken {name} has no {gone}"
    return found


def _check_pip(text: str, said: str) -> int:
    found = PIP.findall(text)
    for line in found:
        words = next(commands(line))
        assert not pip(words), f"{said}: {pip(words)}"
    return len(found)


_KNOWN: dict[str, set[str] | None] = {}


def _options(command: str) -> set[str] | None:
    """Options of a command and of its own commands; None where there is no such command."""
    if not _KNOWN:
        subparsers = next(a for a in build_parser()._actions if a.choices)
        for name, parser in subparsers.choices.items():  # type: ignore[union-attr]
            own = [parser, *_children(parser)]
            _KNOWN[name] = {option for each in own for option in each._option_string_actions}
    return _KNOWN.get(command)


def _children(parser):  # type: ignore[no-untyped-def]
    for action in parser._actions:
        if isinstance(action.choices, dict):
            yield from action.choices.values()
