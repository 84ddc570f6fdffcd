"""Commands of the pages and of error messages, parsed by the parsers that read them in earnest."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kinetoken.cli.main import build_parser
from toml_library import tomllib

ROOT: Final = Path(__file__).parents[2]
_ASSIGNMENT: Final = re.compile(r"\w+=")
_LOCAL: Final = re.compile(r"\.(\[([\w, -]+)\])?$")
"""A requirement that is the clone, with its extras."""


def extras() -> dict[str, list[Requirement]]:
    """The extras of pyproject.toml and what each of them brings."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    return {
        name: [Requirement(line) for line in lines]
        for name, lines in project["optional-dependencies"].items()
    }


def commands(code: str) -> Iterator[list[str]]:
    """The words of each command of a shell block: comments dropped, pipes and lists taken apart."""
    for line in re.sub(r"\\\n\s*", " ", code).splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        words.commenters = "#"
        command: list[str] = []
        for word in words:
            if set(word) <= set("();<>|&"):
                yield from [command] if command else []
                command = []
            else:
                command.append(word)
        yield from [command] if command else []


def problem(words: list[str]) -> str:
    """Say what the program would not take; empty where it takes all, or is none of ours."""
    while words and (_ASSIGNMENT.match(words[0]) or words[0] in ("sudo", "export", "uv", "nice")):
        words = words[1:]
    match words:
        case ["kinetoken", *rest]:
            return _kinetoken(rest)
        case ["pip", *rest] | ["python" | "py", "-m", "pip", *rest]:
            return pip(rest)
        case [python, script, *rest] if Path(python).name == "python" and script.endswith(".py"):
            return _script(script, rest)
        case ["pytest", *rest]:
            gone = [word for word in rest if "/" in word and not (ROOT / word).exists()]
            return f"pytest: {gone} do not exist" if gone else ""
        case ["make", *targets]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            gone = [name for name in targets if f"\n{name}:" not in makefile]
            return f"make: no target {gone}" if gone else ""
    return ""


def pip(words: list[str]) -> str:
    """Say what pip would not take: by pip's own options, and packaging's requirements."""
    if not words or words[0] != "install":
        return ""
    from pip._internal.commands import create_command

    told = StringIO()
    try:
        with redirect_stderr(told):
            options, requirements = create_command("install").parse_args(words[1:])
    except SystemExit:
        return f"pip: {told.getvalue().strip()}"
    named = [*requirements, *options.editables]
    return next(filter(None, map(_requirement, named)), "" if named else "pip: nothing to install")


def _requirement(text: str) -> str:
    local = _LOCAL.match(text)
    if local:
        known = {canonicalize_name(name) for name in extras()}
        wanted = [name.strip() for name in (local[2] or "").split(",") if local[2]]
        gone = [name for name in wanted if canonicalize_name(name) not in known]
        return f"pyproject.toml has no extra {gone}" if gone else ""
    requirement = Requirement(text.replace("==VERSION", ""))
    if canonicalize_name(requirement.name) == "kinetoken":
        return f"kinetoken is on no index: {text} installs nothing; expected .[EXTRA]"
    return ""


def _kinetoken(words: list[str]) -> str:
    told = StringIO()
    parser: Any = build_parser(words[0] if words else None)
    if words and words[-1].startswith(("--help", "--version", "--print-completion")):
        return ""
    try:
        with redirect_stderr(told):
            parser.parse_args(words)
    except SystemExit:
        return told.getvalue().strip()
    return ""


def _script(script: str, words: list[str]) -> str:
    path = ROOT / script
    if not path.is_file():
        return f"{script} does not exist"
    text = path.read_text(encoding="utf-8")
    if "report import" in text or "import report" in text:
        text += (ROOT / "benchmarks" / "report.py").read_text(encoding="utf-8")
    gone = [word for word in words if word.startswith("-") and f'"{word}"' not in text]
    return f"{script} has no {gone}" if gone else ""
