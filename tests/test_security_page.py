"""SECURITY.md names tests that are there, and promises no person or address."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:tests|benchmarks)/[\w/.]+)`", PAGE)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_page_invents_nobody() -> None:
    assert "@" not in PAGE
    assert "http" not in PAGE


def test_ci_installs_exact_versions_that_the_project_allows() -> None:
    lines = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    wanted = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("numpy", "onnxruntime", "tokenizers", "jinja2", "pillow", "torch", "onnx"):
        (low,) = set(re.findall(rf'"{name}>=([\d.]+)', wanted))
        assert [int(n) for n in pinned[name].split(".")] >= [int(n) for n in low.split(".")], name
