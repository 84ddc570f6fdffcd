"""The fenced blocks of the project's pages, with the marks that say how each of them is run.

A mark is an HTML comment on the line above the fence, invisible where the page is shown:

    <!-- run: viewer -->                          in the environment of pip install ".[viewer]"
    <!-- run: base; given: walk.npz -->           with this file in the folder
    <!-- run: base; until: http://localhost -->   stopped by Ctrl-C when it has printed this
    <!-- slow: export; because: it trains -->     by `make docs` alone, with the reason
    <!-- not run: needs a board -->               never, with the reason; it is parsed all the same
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(path for path in ROOT.glob("*/README.md") if path.parent.name != "tests"),
    *sorted(ROOT.glob("docs/*.md")),
]
RUNNABLE: Final = ("sh", "python", "powershell", "console")
"""Languages of blocks that are commands or programs; other blocks are shown only."""
_MARK: Final = re.compile(r"<!-- (run|slow|not run): (.*?) -->$")
_CI: Final = re.compile(r"<!-- ci: \w+ -->$")
_FENCE: Final = re.compile(r"( *)```(\S*)$")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    """Path below the clone."""
    line: int
    """Line of its first line of code, from 1."""
    language: str
    code: str
    how: str
    """"run", "slow", "not run", or "" without a mark."""
    extras: frozenset[str]
    """Extras that its environment has; "base" says none."""
    given: tuple[str, ...]
    """Files that lie in the folder before it runs."""
    until: str
    """Text that it prints before it is stopped; empty: it ends by itself."""
    reason: str
    """Why it is slow or not run."""

    @property
    def place(self) -> str:
        """Such as README.md:20."""
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        at += 1
        if not fence:
            continue
        end = lines.index(f"{fence[1]}```", at)
        code = "".join(f"{line.removeprefix(fence[1])}\n" for line in lines[at:end])
        found.append(_block(page, at + 1, fence[2], code, lines[: at - 1]))
        at = end + 1
    return found


def all_blocks() -> list[Block]:
    """All fenced blocks of all pages."""
    return [block for page in PAGES for block in blocks(page)]


def _block(page: Path, line: int, language: str, code: str, above: list[str]) -> Block:
    how, said = _mark(above)
    name = str(page.relative_to(ROOT))
    if how == "not run":
        return Block(name, line, language, code, how, frozenset(), (), "", said)
    extras, *notes = said.split("; ")
    note = dict(part.split(": ", 1) for part in notes)
    assert not note.keys() - {"given", "until", "because"}, (
        f"{name}:{line}: unknown words in the mark"
    )
    return Block(
        name, line, language, code, how,
        frozenset(extras.replace(",", " ").split()) - {"base"},
        tuple(note.get("given", "").split()), note.get("until", ""), note.get("because", ""),
    )  # fmt: skip


def _mark(above: list[str]) -> tuple[str, str]:
    """The mark among the comments that stand directly above the fence: its kind, and the rest."""
    for line in reversed(above):
        mark = _MARK.match(line.strip())
        if mark:
            return mark[1], mark[2]
        if not _CI.match(line.strip()):
            break
    return "", ""
