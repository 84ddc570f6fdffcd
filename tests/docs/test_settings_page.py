"""Every variable that the sources read stands in the one table of docs/settings.md."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("runtime", "export", "native_viewer", "benchmarks", "extras", ".ci", ".github")
VARIABLE = re.compile(r"\bKINETOKEN_[A-Z_]+[A-Z]\b")
KINDS = (".py", ".sh", ".js", ".mjs", ".yml", "")
OF_TESTS = "KINETOKEN_TEST_"
"""What tests tell the processes that they start; some of it is read in benchmarks."""


def named_in(*folders: str) -> set[str]:
    """Variables that files of these folders name."""
    found = set(VARIABLE.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in KINDS and path.is_file() and "__pycache__" not in path.parts:
                found.update(VARIABLE.findall(path.read_text(encoding="utf-8", errors="replace")))
    return {name for name in found if not name.startswith(OF_TESTS)}


def test_the_table_has_every_variable() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `(KINETOKEN_\w+)` \|", page, re.MULTILINE))
    assert named_in(*SOURCES) - table == set(), "document them"
    assert table - named_in(*SOURCES, "tests") == set(), "nothing reads these"
