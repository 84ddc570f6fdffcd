"""Published figures are those of whole runs, and the page of benchmarks leads to all of them."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from llama_package import needs_llama

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RESULTS = sorted((BENCHMARKS / "results").glob("*.json"))
SHORT = sorted(
    path.name for path in BENCHMARKS.glob("*.py") if '"--quick"' in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_no_result_is_of_a_short_run(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert "--quick" not in str(found.get("command", "") if isinstance(found, dict) else "")
    assert "--quick" not in path.with_suffix(".md").read_text(encoding="utf-8")


def test_the_page_names_every_result() -> None:
    page = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert {path.stem for path in RESULTS} <= set(re.findall(r"results/(\w+)\.md", page))


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_script_imports_of_ours_is_there(path: Path) -> None:
    """Most scripts run once in months: what they import moves on meanwhile."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("kinetoken"):
            try:
                module = importlib.import_module(str(node.module))
            except ModuleNotFoundError as error:
                if str(error.name).startswith("kinetoken"):
                    raise
                continue  # an engine, or another extra, that is not installed
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")


@pytest.mark.parametrize("script", SHORT)
def test_every_short_form_refuses_to_be_a_result(script: str) -> None:
    """Read, not run: some need engines that are not there."""
    assert re.search(r"args = asked\(parser\)", (BENCHMARKS / script).read_text(encoding="utf-8"))


def test_a_short_run_with_a_result_is_refused(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(BENCHMARKS / "end_to_end.py"),
        "--quick",
        "-o",
        str(tmp_path / "found"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--quick only shows that a benchmark runs" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--ik", "wheel=python"], "--ik needs --gguf"),
        (["--ik", "python"], "argument --ik: expected NAME=PYTHON, got 'python'"),
        (["--openvino", "python"], "--openvino needs --openvino-model"),
        (["--only", "nobody"], "--only: expected some of kinetoken, ONNX; got nobody"),
    ],
)
def test_an_engine_that_cannot_be_measured_is_named(asked: list[str], said: str) -> None:
    command = [sys.executable, str(BENCHMARKS / "lm_step.py"), *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"lm_step.py: error: {said}")


def test_memory_of_a_process_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """ru_maxrss goes over from the process that starts another."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("this system has no /proc")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import machine

    held = b"1" * 300_000_000
    assert machine.peak_memory() > len(held)
    assert machine.fresh("print(machine.peak_memory())") < 100_000_000
    command = [
        sys.executable,
        "-c",
        "import time; held = b'1' * 200_000_000; time.sleep(0.5); print(7)",
    ]
    watched = machine.watched(command)
    assert watched.said == "7\n"
    assert 200_000_000 < watched.own <= watched.peak < 300_000_000


def test_the_bare_loop_computes_what_the_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches into the run, so it has to follow the run's changes."""
    pytest.importorskip("torch", reason="needs torch, see CONTRIBUTING.md")
    pytest.importorskip("gguf", reason="needs gguf, in kinetoken[export]")
    needs_llama()
    from tiny_gguf import make

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from llamacpp_overhead import bare_step

    made = make(tmp_path, "qwen2", "f32")
    model = made.load()
    bare, run = model.start(), model.start()
    bare.push([5, 17, 200], made.every)
    bare_step(bare, 3)
    np.testing.assert_allclose(
        bare._logits(), run.push([5, 17, 200, 3], made.every), rtol=0, atol=1e-4
    )
