"""Spoiled inputs and command lines: one line, in time, nothing touched. About 30 s on a core.

`python benchmarks/fuzz.py` runs ten thousand of them.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from fuzz_material import Material, build_material
from fuzz_runner import KINDS, run_case

CASES = {
    "answers of engines": 8,
    "checkpoints": 12,
    "codecs": 12,
    "scripts": 4,
    "command lines": 40,
}
USUAL = 20
FIRST = 100_000
"""The first seed, of a range that the long run does not have."""

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs signals that end a hang"),
    # a bundle of others may warn, and a case that fails leaves what it had open to the collector
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Material]:
    # Some command lines open a window, whose Mesa brings LLVM along. Where torch has triton, which
    # brings its own, that one must be loaded first, or a later test of a training ends the process.
    with contextlib.suppress(ImportError):
        importlib.import_module("torch._dynamo")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KINETOKEN_THREADS", "1")
        yield build_material(tmp_path_factory.mktemp("material"))


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_inputs_end_in_one_line(kind: str, material: Material, tmp_path: Path) -> None:
    for seed in range(FIRST, FIRST + CASES.get(kind, USUAL)):
        verdict = run_case(kind, seed, material, tmp_path / "case")
        assert verdict.problem is None, verdict
