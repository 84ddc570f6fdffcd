"""The floors of the house, checked: who may import whom, and what importing costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "onnx",
    "pyglet",
    "PIL",
    "llama_cpp",
    "scipy",
    "pythonosc",
    "websockets",
)
LONGEST_FILE = 500  # lines
LONGEST_FUNCTION = 50  # lines; the alarm, not the aim


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contracts stand in pyproject.toml under [tool.importlinter]."""
    cli = pytest.importorskip("importlinter.cli")
    monkeypatch.chdir(ROOT)
    for folder in ("runtime", "export", "native_viewer"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after a statement."""
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "runtime",
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import kinetoken",
        "import kinetoken; kinetoken.Clip, kinetoken.MotionChunk, kinetoken.GenerateOptions, kinetoken.InputError",
        "import kinetoken; kinetoken.Generator, kinetoken.load",
        "import kinetoken.cli.generate, kinetoken.cli.decode, kinetoken.cli.inspect",
        "import kinetoken.live.link, kinetoken.live.settings, kinetoken.cli.live_arguments",
        "import kinetoken.formats.registry, kinetoken.generation.options, kinetoken.tokens.markup",
    ],
)
def test_names_come_without_an_engine(statement: str) -> None:
    loaded = loaded_by(statement)
    assert "kinetoken" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_bare_import_does_not_even_load_numpy() -> None:
    assert "numpy" not in loaded_by("import kinetoken")


def sources() -> list[Path]:
    return sorted((ROOT / "runtime" / "kinetoken").rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    import ast

    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name
