"""The prepared run for a graphics card: what fails is a row, and JSON and page hold every figure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "on_a_gpu.py"
ANSWER = {"first_token_ms", "first_pose_ms", "motion_tokens_per_s", "rtf", "rtf_whole"}


def test_a_card_that_cannot_be_used_is_a_row_and_the_processor_is_measured(tmp_path: Path) -> None:
    claimed = tmp_path / "nvidia-smi"
    claimed.write_text("#!/bin/sh\necho 'Imaginary 9000, 24576 MiB, 580.1, 9.0'\n")
    claimed.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--short", "-o", str(tmp_path / "out")],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "on_a_gpu.json").read_text())
    assert found["machine"]["cards"] == ["Imaginary 9000, 24576 MiB, 580.1, 9.0"]
    assert found["machine"]["cuda"]
    rows = {row["step"]: row for row in found["rows"]}
    assert all(row.keys() >= {"step", "status", "seconds"} for row in rows.values())
    shipped = "onnx_int8 (shipped)"
    for what in ("answers", "same-codes", "head", "passes"):
        row = rows[f"{shipped}, card: {what}"]
        assert row["status"] == "failed"
        assert "not on the card" in row["error"]
    measured = rows[f"{shipped}, processor: answers"]
    assert measured["status"] == "done"
    assert measured["device"] == "cpu"
    assert measured["levels_4"].keys() == measured["levels_1"].keys() == ANSWER
    page = (tmp_path / "out" / "on_a_gpu.md").read_text()
    assert "Imaginary 9000" in page
    assert all(f"| {name} |" in page for name in rows)


def test_a_rehearsal_measures_every_step_on_the_processor(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--short", "--cpu", "-o", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "on_a_gpu.json").read_text())
    assert not found["machine"]["cuda"]
    rows = {row["step"].rpartition(": ")[2]: row for row in found["rows"]}
    assert rows["same-codes"]["whole"] == 4
    assert rows["head"]["whole_over_narrow"] > 0
    assert rows["passes"]["pass_ms"].keys() == {"1", "2", "4", "8"}
    assert "a rehearsal without one" in (tmp_path / "on_a_gpu.md").read_text()
