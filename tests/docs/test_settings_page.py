"""Every variable that the sources read stands in the one table of docs/settings.md, and no other does."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("runtime", "export", "native_viewer", "benchmarks", "tests", "docs", ".ci")
READ_BY_NAME = re.compile(r"\bKINETOKEN_[A-Z_]+[A-Z]\b")
OF_ONE_TEST = {"KINETOKEN_TEST_HIDDEN"}


def test_the_table_has_every_variable() -> None:
    files = [ROOT / "Makefile"]
    for folder in FOLDERS:
        files += [
            path
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".py", ".sh", ".js", ".yml", "") and path.is_file()
        ]
    named = {
        name
        for path in files
        if "__pycache__" not in path.parts
        for name in READ_BY_NAME.findall(path.read_text(encoding="utf-8", errors="replace"))
    }
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `(KINETOKEN_\w+)` \|", page, re.MULTILINE))
    assert table == named - OF_ONE_TEST
