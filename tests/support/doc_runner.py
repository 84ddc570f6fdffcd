"""Runs the blocks of a page, in order, as a reader would who has installed what the page names.

Shell blocks run in bash, Python blocks share one interpreter for each page and environment. All see the packages of
their environment alone: `[viewer]` is what pyproject.toml and the packages themselves say that it brings; anything
else that this machine has is hidden. Installing is left to .ci/run; `pip` here only compares names.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from doc_blocks import Block
from doc_commands import ROOT, extras

LIMIT: Final = 240.0
"""Seconds until a block counts as hung."""
SLOW_LIMIT: Final = 1800.0
HIDDEN: Final = "KINETOKEN_TEST_HIDDEN"
_HIDE: Final = f"""
import os
from importlib.machinery import PathFinder

names, found = set(os.environ.get("{HIDDEN}", "").split()), PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, path=None, target=None: None if name in names else found(name, path, target)
)
"""
_CONSOLE: Final = """
import json, sys, traceback

if __name__ == "__main__":
    replies, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        name, code = json.loads(line)
        try:
            exec(compile(code, name, "exec"), globals())
        except BaseException:
            traceback.print_exc()
            print("failed", file=replies, flush=True)
        else:
            print("done", file=replies, flush=True)
"""
_PIP: Final = """#!/usr/bin/env bash
[ "$1" = install ] || { echo "pip $1 is not run here"; exit 2; }
"""


class PageRun:
    """The blocks of one page, run in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tools = folder.parent / f"{folder.name}-tools"
        self._consoles: dict[frozenset[str], subprocess.Popen[str]] = {}
        self._said = folder.parent / f"{folder.name}.log"
        _clone(folder)
        self._tools.mkdir()
        (self._tools / "sitecustomize.py").write_text(_HIDE)
        (self._tools / "console.py").write_text(_CONSOLE)
        (self._tools / "pip").write_text(_PIP)
        (self._tools / "pip").chmod(0o755)

    def run(self, block: Block) -> None:
        """Run one block; AssertionError with what it printed, where it fails."""
        limit = SLOW_LIMIT if block.how == "slow" else LIMIT
        run = self._python if block.language == "python" else self._shell
        with self._said.open("w") as said:
            good = run(block, said.fileno(), limit)
        assert good, f"{block.place}\n{block.code}\nprinted:\n{self._text()}"
        assert "Traceback" not in self._text(), f"{block.place}:\n{self._text()}"

    def close(self) -> None:
        """End the interpreters."""
        for console in self._consoles.values():
            assert console.stdin
            console.stdin.close()
            console.wait(timeout=30)
            assert console.stdout
            console.stdout.close()

    def _text(self) -> str:
        return self._said.read_text(errors="replace")

    def _shell(self, block: Block, said: int, limit: float) -> bool:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block.code], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=said, stderr=said, env=self._environment(block.extras), start_new_session=True,
            preexec_fn=_listen,
        )  # fmt: skip
        try:
            if not block.until:
                return process.wait(timeout=limit) == 0
            self._wait_for(block.until, process, limit)
            os.killpg(process.pid, signal.SIGINT)
            return process.wait(timeout=limit) in (0, 130, -signal.SIGINT)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _wait_for(self, text: str, process: subprocess.Popen[bytes], limit: float) -> None:
        end = time.monotonic() + limit
        while text not in self._text() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert text in self._text(), f"never printed {text!r}, but:\n{self._text()}"

    def _python(self, block: Block, said: int, limit: float) -> bool:
        """Run it in the page's interpreter, whose standard error is the page's log."""
        console = self._consoles.get(block.extras)
        if console is None:
            with self._said.open("a") as log:
                console = self._consoles[block.extras] = subprocess.Popen(
                    [sys.executable, str(self._tools / "console.py")], cwd=self.folder, text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                    env=self._environment(block.extras),
                )  # fmt: skip
        assert console.stdin
        assert console.stdout
        console.stdin.write(json.dumps([block.place, block.code]) + "\n")
        console.stdin.flush()
        return console.stdout.readline() == "done\n"

    def _environment(self, wanted: frozenset[str]) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("KINETOKEN_", "PYTEST_"))}
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            kept.pop(name, None)
        path = os.pathsep.join([str(self._tools), str(Path(sys.executable).parent), kept["PATH"]])
        hidden = " ".join(sorted(hidden_modules(wanted)))
        return kept | {"PATH": path, "PYTHONPATH": str(self._tools), HIDDEN: hidden}


def _listen() -> None:
    """Take Ctrl-C, even where these tests run in the background of a script, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def missing_packages(wanted: frozenset[str]) -> list[str]:
    """Packages that these extras bring and this machine lacks."""
    return sorted(name for name in _brought(wanted) if _distribution(name) is None)


@cache
def hidden_modules(wanted: frozenset[str]) -> frozenset[str]:
    """Modules of this machine that an environment with these extras alone would not have."""
    seen = _brought(wanted) | {"kinetoken", "pip"}
    return frozenset(
        module
        for module, owners in metadata.packages_distributions().items()
        if not any(canonicalize_name(owner) in seen for owner in owners)
    )


@cache
def _brought(wanted: frozenset[str]) -> frozenset[str]:
    """Names of all packages that pip would install for the clone with these extras."""
    from toml_library import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        base = [Requirement(line) for line in tomllib.load(file)["project"]["dependencies"]]
    todo = [*base, *(item for name in wanted for item in extras()[name])]
    seen: dict[str, set[str]] = {}
    while todo:
        item = todo.pop()
        if item.marker and not item.marker.evaluate({"extra": ",".join(wanted)}):
            continue
        name = canonicalize_name(item.name)
        more = {"", *item.extras} - seen.setdefault(name, set())
        seen[name] |= more
        todo += _needs(name, more) if more else []
    return frozenset(seen)


def _needs(name: str, wanted: Iterable[str]) -> list[Requirement]:
    """Requirements of an installed package; none where it is not installed."""
    found = _distribution(name)
    lines = (found.requires or []) if found else []
    return [
        item
        for item in map(Requirement, lines)
        if item.marker is None or any(item.marker.evaluate({"extra": extra}) for extra in wanted)
    ]


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _clone(folder: Path) -> None:
    """A folder that looks like a clone: links to what git keeps at the top."""
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name not in (".git", "tests") and not path.name.endswith("_cache"):
            (folder / path.name).symlink_to(path)
